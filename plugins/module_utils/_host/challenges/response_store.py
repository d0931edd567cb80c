# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Store the responses that a listener serves, as one small file each in the listener's folder.

    HOME/challenges/KIND-PORT/TOKEN     {"identifier": ..., "token": ..., "key_authorization": ..., "seconds": ...}
    HOME/challenges/KIND-PORT/.running  a lock that the listener holds until it ends

*seconds* is how long a response is served. The listener counts them from when it first read the file or from when the
file was touched, by its monotonic clock, which nobody can set. Another listener starts counting again.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from typing import NamedTuple

from ..._common import paths
from ..store import files

RUNNING = ".running"
_MAX_SIZE = 1 << 16  # bytes; responses are much smaller


class StoredResponse(NamedTuple):
    """The content of a response's file. identifier: normalized. seconds: how long it is served."""

    identifier: str
    token: str
    key_authorization: str
    seconds: float

    def to_json(self) -> bytes:
        """Return the bytes of the file."""
        return json.dumps(self._asdict()).encode() + b"\n"


def read(path: str) -> StoredResponse | None:
    """Return the response in a file; None if it does not exist or is malformed."""
    try:
        fields = json.loads(files.peek(path, _MAX_SIZE) or b"")
        return StoredResponse(
            str(fields["identifier"]),
            str(fields["token"]),
            str(fields["key_authorization"]),
            float(fields["seconds"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def tokens(folder: str) -> list[str]:
    """Return the names of the responses' files; none if the folder does not exist."""
    return [name for name in paths.entries(folder) if not name.startswith(".")]


class _CachedFile(NamedTuple):
    """A file when it was last read. time: its modification time (ns). end: when it expires (monotonic seconds)."""

    inode: int
    time: int
    end: float
    item: StoredResponse | None


class ActiveResponses:
    """The responses in a listener's folder, for its threads. monotonic: returns seconds."""

    def __init__(self, folder: str, monotonic: Callable[[], float]) -> None:
        self.folder = folder
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._cache: dict[str, _CachedFile] = {}

    def current(self) -> list[StoredResponse]:
        """Return the responses that are not expired, the newest first."""
        return self.scan()[0]

    def scan(self) -> tuple[list[StoredResponse], list[str]]:
        """Read the folder: return the current responses, the newest first, and the names of all other files.

        These are expired or malformed. Every file is in one of the two lists.
        """
        now = self._monotonic()
        cached = self._read()
        expired = [name for name, file in cached.items() if not file.item or file.end <= now]
        current = sorted((file for name, file in cached.items() if name not in expired), key=lambda file: file.time)
        return [file.item for file in reversed(current) if file.item], expired

    def find(self, token: str) -> StoredResponse | None:
        """Return the current response to a token; None if there is none. The token never becomes part of a path."""
        return next((item for item in self.current() if item.token == token), None)

    def _read(self) -> dict[str, _CachedFile]:
        with self._lock:
            files_found = {}
            for name in tokens(self.folder):
                path = os.path.join(self.folder, name)
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                cached = self._cache.get(name)
                if cached is None or (cached.inode, cached.time) != (status.st_ino, status.st_mtime_ns):
                    item = read(path)
                    end = self._monotonic() + (item.seconds if item else 0.0)
                    cached = _CachedFile(status.st_ino, status.st_mtime_ns, end, item)
                files_found[name] = cached
            self._cache = files_found
            return files_found


def clear(folder: str) -> None:
    """Remove the folder of a listener that has ended, if it contains no responses. Raises DiskError."""
    if tokens(folder):
        return
    files.sweep(folder)
    files.remove_file(os.path.join(folder, RUNNING))
    files.remove_empty(folder)
