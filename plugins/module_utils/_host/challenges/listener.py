# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serving challenge responses by a process on the host that listens for them (RFC 8555 section 8.3, RFC 8737).

A response is put into the folder of its listener (shelf.py), and a listener is started where none runs. It ends by
itself. Responses are put and removed, and listeners begin and end, under one lock, so that none that is put while a
listener is about to end is lost. Whether one runs is told by the lock that it holds for life (shelf.RUNNING).
"""

from __future__ import annotations

import os
import socket
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
from .response_store import Shelf, StoredResponse

NAME = "acme-listener"  # as ps and top show it; the kernel has room for 15 characters
_PATIENCE = 10.0  # seconds for a listener to end once its last response is gone; it takes a tenth of one

_ADVICE = {
    "http-01": "choose another port with http_01_listen, or give the webroot of what listens there",
    "tls-alpn-01": "choose another port with tls_alpn_01_listen",
}


class ListenerResponse(NamedTuple):
    """A challenge's answer, served by a listener. name: the certificate's, for messages.

    kind: http-01 or tls-alpn-01. identifier: normalized; of use for tls-alpn-01 only. seconds: for how long it is
    wanted at most.
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
        """Whether the response is served already."""
        if not self._is_there() or not os.path.exists(self._lock):
            return False
        with files.locked(self._lock):
            return self._is_there() and _runs(self._folder)

    def put(self) -> None:
        """Serve the response; if it is served already, for its time from now. Raises CollectionError."""
        self._require()
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
        """Whether there is anything to remove."""
        return os.path.lexists(self.path)

    def remove(
        self, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> bool:
        """Remove the response and return True; False if it was not there. The last one frees the port.

        Raises CollectionError.
        """
        if not os.path.exists(self._lock):
            return False
        with files.locked(self._lock):
            removed = files.remove_file(self.path)
        deadline = monotonic() + _PATIENCE
        while not self._settled():
            if monotonic() >= deadline:
                raise ListenError(
                    f"the process that answers challenges at {self.listen} has not ended within {_PATIENCE:.0f} "
                    f"seconds after the last was removed: end it ({NAME})"
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

    def _require(self) -> None:
        text = availability.import_problem() if self.kind == TLS_ALPN_01 else ""
        if text:
            raise ListenError(text)

    def _is_there(self) -> bool:
        found = response_store.read(self.path)
        return found is not None and found._replace(seconds=self.seconds) == self._item

    def _write(self) -> None:
        data = self._item.dumped()
        if files.holds(self.path, data):
            files.touch(self.path)
            return
        files.sweep(self._folder, self.token)
        files.write_all(self._folder, {self.token: files.Content(data, Attributes(0o600))})

    def _start(self, running: int) -> None:
        """Start a listener, which holds *running*. What a killed one left in the folder is served with the rest."""
        try:
            # Before anything is written, and here, where somebody can be told what is in the way.
            listening = ports.bind(self.listen, _ADVICE[self.kind])
        except ListenError:
            response_store.clear(self._folder)
            raise
        with listening:
            self._write()
            lock, folder, kind = self._lock, self._folder, self.kind
            daemon.detached(
                lambda: _listen(kind, listening, folder, running, lock), (listening.fileno(), running), NAME
            )

    def _settled(self) -> bool:
        """Whether the listener still has work to do, or is gone."""
        with files.locked(self._lock):
            if response_store.tokens(self._folder) or not os.path.isdir(self._folder):
                return True
            if _runs(self._folder):
                return False
            response_store.clear(self._folder)
            return True


def _listen(kind: str, listening: socket.socket, folder: str, running: int, lock: str) -> None:
    server = challenge_server.server(kind, listening, Shelf(folder, time.monotonic))
    server.serve_until(challenge_server.End(server, running, lock))


def _runs(folder: str) -> bool:
    """Whether a process listens for the folder. Only under the lock: to ask is to hold for a moment what it holds."""
    path = os.path.join(folder, response_store.RUNNING)
    if not os.path.exists(path):
        return False
    handle = files.claim(path)
    if handle is None:
        return True
    os.close(handle)
    return False
