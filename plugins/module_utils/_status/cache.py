# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cache of CRLs and OCSP answers on the controller's disk. Their signatures are verified after each read.

An entry that is missing or damaged is fetched again.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from .._common import atomic_file
from .._common.clock import Clock

_FOLDER = "revocation"
_ENDING = ".der"
_FORGOTTEN = 60 * 86400.0  # seconds after which a file is no longer needed


class StatusCache:
    """Answers by question, in a subfolder of *folder*; nothing is kept if that is None.

    *max_age*: seconds for which an answer is used without a new request.
    """

    def __init__(self, clock: Clock, folder: str | None, max_age: float) -> None:
        self._clock = clock
        self._folder = Path(os.path.expanduser(folder), _FOLDER) if folder else None
        self._max_age = max_age
        self.problem = ""  # why an answer could not be written

    def get(self, key: str, largest: int) -> tuple[bytes, bool] | None:
        """Return an answer, at most *largest* + 1 bytes, and True if it is younger than max_age; None without one."""
        if not self._folder:
            return None
        try:
            with (self._folder / _file_name(key)).open("rb") as file:
                age = self._clock.now().timestamp() - os.fstat(file.fileno()).st_mtime
                data = file.read(largest + 1)
        except OSError:
            return None
        return data, 0 <= age < self._max_age

    def put(self, key: str, data: bytes) -> None:
        """Keep an answer. If it cannot be written, self.problem says why."""
        if not self._folder:
            return
        try:
            atomic_file.write(str(self._folder / _file_name(key)), data, self._clock.now().timestamp())
        except OSError as error:
            self.problem = f"{self._folder} cannot be written: {error.strerror}"

    def remove_old(self) -> None:
        """Remove old answers, such as those about certificates that no longer exist."""
        oldest = self._clock.now().timestamp() - _FORGOTTEN
        with suppress(OSError):  # the folder does not exist, or cannot be read
            for path in list(self._folder.iterdir()) if self._folder else ():
                with suppress(OSError):  # another run was faster
                    if path.stat().st_mtime < oldest:
                        path.unlink()


def _file_name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest() + _ENDING
