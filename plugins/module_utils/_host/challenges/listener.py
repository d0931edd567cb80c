# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve challenge responses by a process on the host that listens on a port (RFC 8555 section 8.3, RFC 8737).

A response is written into the folder of its listener (response_store.py), and a listener is started if none runs. It
ends by itself. Responses are added and removed, and listeners start and end, under one lock, so that no response is
lost that is added while a listener is about to end. A listener holds the lock response_store.RUNNING until it ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NamedTuple

from ..._common.identifiers import TLS_ALPN_01
from ..._x509 import availability
from ..errors import ListenError
from ..store import files
from ..wanted.attributes import Attributes
from ..wanted.listen_address import Listen
from . import challenge_server, daemon, ports, response_store
from .response_store import ActiveResponses, StoredResponse

NAME = "acme-listener"  # as ps and top show it; the kernel stores 15 characters at most
_END_TIMEOUT = 10.0  # seconds for a listener to end after its last response is removed; it takes a tenth of one

_ADVICE = {
    "http-01": "choose another port with http_01_listen, or give the webroot of the server that uses it",
    "tls-alpn-01": "choose another port with tls_alpn_01_listen",
}


class ListenerResponse(NamedTuple):
    """A challenge response that a listener serves.

    kind: http-01 or tls-alpn-01. identifier: normalized; only tls-alpn-01 uses it. seconds: how long it is served at
    most. name: the name of the certificate, for messages.
    """

    home: str
    kind: str
    listen: Listen
    identifier: str
    token: str
    key_authorization: str
    seconds: float
    name: str = ""

    @property
    def path(self) -> str:
        """The file that the listener reads."""
        return os.path.join(self._folder, self.token)

    def in_place(self) -> bool:
        """Return True if the response is already served."""
        if not self._is_stored() or not os.path.exists(self._lock):
            return False
        with files.locked(self._lock):
            return self._is_stored() and _runs(self._folder)

    def put(self) -> None:
        """Serve the response. If it is already served, its time starts again. Raises CollectionError."""
        if self.kind == TLS_ALPN_01 and (problem := availability.import_problem()):
            raise ListenError(problem)
        files.make_folders(self.home)
        files.make_folders(os.path.dirname(self._folder), 0o700)
        with files.locked(self._lock):
            files.make_folders(self._folder, 0o700)
            running = files.claim(os.path.join(self._folder, response_store.RUNNING))
            if running is None:
                self._write()
                return
            try:
                self._start(running)
            finally:
                os.close(running)

    def exists(self) -> bool:
        """Return True if there is something to remove."""
        return os.path.lexists(self.path)

    def remove(
        self, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> bool:
        """Remove the response. Return False if it did not exist. Removing the last one frees the port.

        Raises CollectionError.
        """
        if not os.path.exists(self._lock):
            return False
        with files.locked(self._lock):
            removed = files.remove_file(self.path)
        deadline = monotonic() + _END_TIMEOUT
        while not self._has_ended():
            if monotonic() >= deadline:
                raise ListenError(
                    f"the challenge listener on {self.listen} did not end within {_END_TIMEOUT:.0f} seconds after its "
                    f"last response was removed. End the process {NAME}"
                )
            sleep(0.02)
        return removed

    @property
    def _folder(self) -> str:
        where = str(self.listen.port) + (f"-{self.listen.address}" if self.listen.address else "")
        return os.path.join(self.home, "challenges", f"{self.kind}-{where}")

    @property
    def _lock(self) -> str:
        return os.path.join(self.home, "challenges", ".lock")

    @property
    def _item(self) -> StoredResponse:
        return StoredResponse(self.identifier, self.token, self.key_authorization, self.seconds)

    def _is_stored(self) -> bool:
        stored = response_store.read(self.path)
        return stored is not None and stored._replace(seconds=self.seconds) == self._item

    def _write(self) -> None:
        data = self._item.to_json()
        if files.has_content(self.path, data):
            files.touch(self.path)
            return
        files.sweep(self._folder, self.token)
        files.write_all(self._folder, {self.token: files.Content(data, Attributes(0o600))})

    def _start(self, running: int) -> None:
        """Start a listener, which holds the lock *running*. It also serves what a killed one left in the folder."""
        try:
            # Bind before anything is written, and in this process, which can report what uses the port.
            listening = ports.bind(self.listen, _ADVICE[self.kind])
        except ListenError:
            response_store.clear(self._folder)
            raise

        def listen() -> None:
            server = challenge_server.make_server(self.kind, listening, ActiveResponses(self._folder, time.monotonic))
            server.serve_until(challenge_server.EndCondition(server, running, self._lock))

        with listening:
            self._write()
            daemon.run_detached(listen, (listening.fileno(), running), NAME)

    def _has_ended(self) -> bool:
        """Return True if the listener has ended, or is not to end since it has other responses."""
        with files.locked(self._lock):
            if response_store.tokens(self._folder) or not os.path.isdir(self._folder):
                return True
            if _runs(self._folder):
                return False
            response_store.clear(self._folder)
            return True


def _runs(folder: str) -> bool:
    """Return True if a listener runs for the folder. Call it under the lock, since it takes RUNNING for a moment."""
    path = os.path.join(folder, response_store.RUNNING)
    if not os.path.exists(path):
        return False
    handle = files.claim(path)
    if handle is None:
        return True
    os.close(handle)
    return False
