# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve http-01 challenges from a folder of a web server (RFC 8555 section 8.3)."""

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
_MAX_SIZE = 1 << 12  # bytes; a key authorization has some hundred


def verify_path(folder: str) -> None:
    """Raise OptionError for a path that cannot be a webroot."""
    if not os.path.isabs(folder):
        raise OptionError(f"webroot {folder!r} is not an absolute path. Give one that begins with /")
    if ".." in folder.split("/"):  # after a link it would not lead where the text says
        raise OptionError(f"webroot {folder!r} contains '..'. Give the path without it")


class WebrootResponse(NamedTuple):
    """A challenge response in the file that the CA fetches. name: the name of the certificate, for messages."""

    webroot: str
    token: str
    key_authorization: str
    name: str = ""

    @property
    def path(self) -> str:
        """The path of the file."""
        return os.path.join(self.webroot, ".well-known", "acme-challenge", self.token)

    def in_place(self) -> bool:
        """Return True if the response is already served."""
        return files.has_content(self.path, self.key_authorization.encode(), Rule.WEBROOT)

    def put(self) -> None:
        """Write the response if it is not in place. Raises DiskError."""
        if self.in_place():
            return
        self._verify_webroot()
        for attempt in range(_ATTEMPTS):
            try:
                self._verify_replaceable()
                files.make_folders(os.path.dirname(self.path), rule=Rule.WEBROOT)
                files.replace(self.path, Content(self.key_authorization.encode()), Rule.WEBROOT)
                return
            except DiskError:
                # Another run may be writing or removing the same response.
                if self.in_place():
                    return
                if attempt == _ATTEMPTS - 1:
                    raise

    def exists(self) -> bool:
        """Return True if there is something to remove."""
        return self._is_ours()

    def remove(self) -> bool:
        """Remove the response. Return False if it did not exist. Raises DiskError.

        The folders stay: an administrator may have created them, and a container may have mounted them.
        """
        ours = self._is_ours()
        return files.remove_file(self.path, Rule.WEBROOT, only_aside=not ours) and ours

    def _verify_webroot(self) -> None:
        """Raise DiskError for a webroot that does not exist or cannot be used."""
        try:
            with paths.open_folder(self.webroot, Rule.WEBROOT):
                pass
        except (FileNotFoundError, NotADirectoryError):
            raise DiskError(
                f"webroot {self.webroot} does not exist. Create it, and have the web server serve it"
            ) from None
        except OSError as error:
            raise DiskError(files.explain(error, f"cannot use webroot {self.webroot}")) from None

    def _verify_replaceable(self) -> None:
        """Raise DiskError if there is something that is not a response to this token."""
        if os.path.lexists(self.path) and not self._is_ours():
            raise DiskError(f"cannot write {self.path}: a file that is not a challenge response is there. Move it away")

    def _is_ours(self) -> bool:
        """Return True if the file is a response to this token, also that of another account key."""
        return (files.peek(self.path, _MAX_SIZE, Rule.WEBROOT) or b"").startswith(self.token.encode() + b".")
