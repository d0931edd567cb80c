# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serving http-01 challenges from a web server's folder (RFC 8555 section 8.3)."""

from __future__ import annotations

import os
from typing import NamedTuple

from ..._common import paths
from ..._common.errors import OptionError
from ..._common.paths import Rule
from ..errors import DiskError
from ..store import files
from ..store.files import Content

_ATTEMPTS = 10
_LARGEST = 1 << 12  # bytes; a key authorization has some hundred


def check_path(folder: str) -> None:
    """Raise OptionError for a path that cannot be a webroot's."""
    if not os.path.isabs(folder):
        raise OptionError(f"webroot {folder!r} is not an absolute path")
    if ".." in folder.split("/"):  # behind a link it would not be where one reads it to be
        raise OptionError(f"webroot {folder!r} has '..' in it: write it without")


class WebrootResponse(NamedTuple):
    """A challenge's answer: the file that the CA fetches. name: the certificate's, for messages."""

    webroot: str
    token: str
    key_authorization: str
    name: str = ""

    @property
    def path(self) -> str:
        """Where the file is."""
        return os.path.join(self.webroot, ".well-known", "acme-challenge", self.token)

    def in_place(self) -> bool:
        """Whether the response is served already."""
        return files.holds(self.path, self.key_authorization.encode(), Rule.WEBROOT)

    def put(self) -> None:
        """Write the response, if it is not in place. Raises DiskError."""
        if self.in_place():
            return
        self._check()
        if os.path.lexists(self.path) and not self._is_ours():
            raise DiskError(f"{self.path} is there already, and is no challenge response: move it away")
        for attempt in range(_ATTEMPTS):
            try:
                files.make_folders(os.path.dirname(self.path), rule=Rule.WEBROOT)
                files.replace(self.path, Content(self.key_authorization.encode()), Rule.WEBROOT)
                return
            except DiskError:
                # Another run may be writing the same, aside as well.
                if self.in_place():
                    return
                if attempt == _ATTEMPTS - 1:
                    raise

    def exists(self) -> bool:
        """Whether there is anything to remove."""
        return self._is_ours()

    def remove(self) -> bool:
        """Remove the response; False if it was not there. Raises DiskError.

        The folders stay: an administrator may have made them, and a container may have them mounted.
        """
        ours = self._is_ours()
        return files.remove_file(self.path, Rule.WEBROOT, only_aside=not ours) and ours

    def _check(self) -> None:
        """Raise DiskError for a webroot that is none, or cannot be used."""
        try:
            with paths.folder(self.webroot, Rule.WEBROOT):
                pass
        except (FileNotFoundError, NotADirectoryError):
            raise DiskError(
                f"webroot {self.webroot} does not exist: make it, and have the web server serve it"
            ) from None
        except OSError as error:
            raise DiskError(files.explain(error, f"webroot {self.webroot} cannot be used")) from None

    def _is_ours(self) -> bool:
        """Return True if the file is a response of this token, an earlier account's too."""
        return (files.peek(self.path, _LARGEST, Rule.WEBROOT) or b"").startswith(self.token.encode() + b".")
