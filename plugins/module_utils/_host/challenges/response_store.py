# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The responses that a listener serves: one small file each, in a folder of the listener's own.

    HOME/challenges/KIND-PORT/TOKEN     {"identifier": ..., "token": ..., "key_authorization": ..., "seconds": ...}
    HOME/challenges/KIND-PORT/.running  held for life by the process that listens

*seconds* is for how long a response is wanted. They are counted by the process that serves it, from when it first saw
it or from when the file was touched: no clock that could be set is in it, and another process counts anew.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import NamedTuple

from ..store import files

RUNNING = ".running"
_LARGEST = 1 << 16  # bytes; no response comes near it


class StoredResponse(NamedTuple):
    """A response as its file has it. identifier: normalized. seconds: for how long it is wanted."""

    identifier: str
    token: str
    key_authorization: str
    seconds: float

    def dumped(self) -> bytes:
        """What the file says."""
        return json.dumps(self._asdict()).encode() + b"\n"


def read(path: str) -> StoredResponse | None:
    """The response in a file; None if there is none, or nothing that is one."""
    try:
        fields = json.loads(files.peek(path, _LARGEST) or b"")
        return StoredResponse(
            str(fields["identifier"]),
            str(fields["token"]),
            str(fields["key_authorization"]),
            float(fields["seconds"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def tokens(folder: str) -> list[str]:
    """The names of the responses' files; none if the folder is gone."""
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError:
        return []


class _Seen(NamedTuple):
    """A file as it was when it was last read. end: until when it is wanted, by the monotonic clock."""

    inode: int
    time: int
    end: float
    item: StoredResponse | None


class Shelf:
    """What lies in a listener's folder, for its threads. monotonic: seconds."""

    def __init__(self, folder: str, monotonic: Callable[[], float]) -> None:
        self.folder = folder
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def items(self) -> list[StoredResponse]:
        """The responses that are wanted now, the newest first."""
        return self.look()[0]

    def look(self) -> tuple[list[StoredResponse], list[str]]:
        """Return what is wanted now, the newest first, and the names of files that are not, or never were responses.

        Both of one moment: every file is in one of the two.
        """
        now = self._monotonic()
        seen = self._look()
        expired = [name for name, one in seen.items() if not one.item or one.end <= now]
        current = sorted((one for name, one in seen.items() if name not in expired), key=lambda one: one.time)
        return [one.item for one in reversed(current) if one.item], expired

    def item(self, token: str) -> StoredResponse | None:
        """The response to a token. What the token says never becomes a path."""
        return next((item for item in self.items() if item.token == token), None)

    def _look(self) -> dict[str, _Seen]:
        with self._lock:
            found = {}
            for name in tokens(self.folder):
                path = os.path.join(self.folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                seen = self._seen.get(name)
                if seen is None or (seen.inode, seen.time) != (status.st_ino, status.st_mtime_ns):
                    item = read(path)
                    end = self._monotonic() + (item.seconds if item else 0.0)
                    seen = _Seen(status.st_ino, status.st_mtime_ns, end, item)
                found[name] = seen
            self._seen = found
            return found


def clear(folder: str) -> None:
    """Remove the folder of a listener that has ended, if no responses are left. Raises DiskError."""
    if tokens(folder):
        return
    files.sweep(folder)
    files.remove_file(os.path.join(folder, RUNNING))
    files.remove_empty(folder)
