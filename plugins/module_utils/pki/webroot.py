# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serving http-01 challenges from a web server's folder (RFC 8555 section 8.3)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from . import files
from .errors import DiskError, OptionError

# RFC 8555 section 8.3: base64url alphabet. It becomes a file's name.
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
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


def responses(challenges: Iterable[Mapping[str, Any]], present: bool) -> list[Response]:
    """The responses that options name, all checked before the first is written. Raises OptionError."""
    checked = []
    for challenge in challenges:
        token, answer = challenge["token"], challenge["key_authorization"] or ""
        if not _TOKEN.fullmatch(token):
            raise OptionError(f"the challenge token {token[:80]!r} is not one (RFC 8555 section 8.3): it is refused")
        # RFC 8555 section 8.1: token, dot, the account key's thumbprint.
        if present and not (answer.startswith(token + ".") and _TOKEN.fullmatch(answer[len(token) + 1 :])):
            raise OptionError(f"the key authorization of token {token} does not begin with it: it is refused")
        if not os.path.isabs(challenge["webroot"]):
            raise OptionError(f"webroot {challenge['webroot']!r} is not an absolute path")
        checked.append(Response(challenge["webroot"], token, answer, challenge.get("name") or ""))
    return list(dict.fromkeys(checked))


def in_place(response: Response) -> bool:
    """Whether the response is served already."""
    return files.holds(response.path, response.key_authorization.encode())


def put(response: Response) -> None:
    """Write the response. Raises DiskError."""
    if not os.path.isdir(response.webroot):
        raise DiskError(f"webroot {response.webroot} does not exist: make it, and have the web server serve it")
    folder, name = os.path.split(response.path)
    for attempt in range(_ATTEMPTS):
        try:
            files.make_folders(folder)
            files.sweep(folder, name)
            files.write_all(folder, {name: files.Content(response.key_authorization.encode())})
            return
        except DiskError:
            # Another run may be at work in this webroot, and have just removed the empty folder or written the same.
            if in_place(response):
                return
            if attempt == _ATTEMPTS - 1:
                raise


def exists(response: Response) -> bool:
    """Whether there is anything to remove."""
    return os.path.lexists(response.path)


def remove(response: Response) -> bool:
    """Remove the response, and the folders that it leaves empty; False if it was not there. Raises DiskError."""
    removed = files.remove_file(response.path)
    folder = os.path.dirname(response.path)
    if files.remove_empty(folder):
        files.remove_empty(os.path.dirname(folder))
    return removed
