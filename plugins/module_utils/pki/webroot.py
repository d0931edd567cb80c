# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serving http-01 challenges from a web server's folder (RFC 8555 section 8.3)."""

from __future__ import annotations

import os
from typing import NamedTuple

from . import files
from .errors import DiskError

_ATTEMPTS = 10


class Response(NamedTuple):
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
        return files.holds(self.path, self.key_authorization.encode())

    def put(self) -> None:
        """Write the response, if it is not in place. Raises DiskError."""
        if self.in_place():
            return
        if not os.path.isdir(self.webroot):
            raise DiskError(f"webroot {self.webroot} does not exist: make it, and have the web server serve it")
        folder, name = os.path.split(self.path)
        for attempt in range(_ATTEMPTS):
            try:
                files.make_folders(folder)
                files.clear(self.path)
                files.write_all(folder, {name: files.Content(self.key_authorization.encode())})
                return
            except DiskError:
                # Another run may be at work in this webroot, have just removed the empty folder or written the same.
                if self.in_place():
                    return
                if attempt == _ATTEMPTS - 1:
                    raise

    def exists(self) -> bool:
        """Whether there is anything to remove."""
        return os.path.lexists(self.path)

    def remove(self) -> bool:
        """Remove the response, and the folders that it leaves empty; False if it was not there. Raises DiskError."""
        removed = files.remove_file(self.path)
        folder = os.path.dirname(self.path)
        if files.remove_empty(folder):
            files.remove_empty(os.path.dirname(folder))
        return removed
