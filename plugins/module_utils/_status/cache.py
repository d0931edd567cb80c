# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CRLs and OCSP answers on the controller's disk. Whoever reads them checks their signatures as if they were new.

Only time and traffic depend on it: whatever is missing or damaged is fetched anew.
"""

from __future__ import annotations

import hashlib
import os

from .._common import atomic_file
from .._common.clock import Clock

_FOLDER = "revocation"
_ENDING = ".der"
_FORGOTTEN = 60 * 86400.0  # seconds after which nothing asks for a file any more


class StatusCache:
    """Answers by what was asked, in a folder below *folder* of the controller; none are kept where that is not given.

    *max_age*: seconds for which one is taken without asking for a newer one.
    """

    def __init__(self, clock: Clock, folder: str | None, max_age: float) -> None:
        self._clock = clock
        self._folder = os.path.join(os.path.expanduser(folder), _FOLDER) if folder else None
        self._max_age = max_age
        self.problem = ""  # what kept an answer from being written, in words

    def get(self, key: str, largest: int) -> tuple[bytes, bool] | None:
        """What was kept, no more than a byte over *largest* of it, and whether it is young enough."""
        if not self._folder:
            return None
        try:
            with open(self._path(key), "rb") as file:
                age = self._clock.now().timestamp() - os.fstat(file.fileno()).st_mtime
                data = file.read(largest + 1)
        except OSError:
            return None
        return data, 0 <= age < self._max_age

    def put(self, key: str, data: bytes) -> None:
        """Keep an answer; what keeps it from being kept is a problem, not an error."""
        if not self._folder:
            return
        try:
            atomic_file.write(self._path(key), data, self._clock.now().timestamp())
        except OSError as error:
            self.problem = f"{self._folder} cannot be written: {error.strerror}"

    def remove_old(self) -> None:
        """Remove what nothing has renewed for long, as certificates that are gone leave their answers behind."""
        try:
            names = os.listdir(self._folder) if self._folder else []
        except OSError:
            return
        oldest = self._clock.now().timestamp() - _FORGOTTEN
        for path in (os.path.join(self._folder or "", name) for name in names):
            try:
                if os.stat(path).st_mtime < oldest:
                    os.unlink(path)
            except OSError:
                pass  # another run was faster

    def _path(self, key: str) -> str:
        return os.path.join(self._folder or "", hashlib.sha256(key.encode()).hexdigest() + _ENDING)
