# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answering the CA's validation requests from a process of its own (RFC 8555 section 8.3, RFC 8737, RFC 8738).

Nothing is answered but what a response is there for, and nobody is told what else is.
"""

from __future__ import annotations

import os
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from ..._common.identifiers import TLS_ALPN_01
from ..._x509 import acme_tls
from ..errors import DiskError, LockedError
from ..store import files
from . import response_store, tls_contexts
from .response_store import Shelf

PATH = "/.well-known/acme-challenge/"  # RFC 8555 section 8.3
_TICK = 0.1  # seconds between looks at the folder
_MOST = 100  # connections at a time; a further one ends the oldest
_LONGEST = 10.0  # seconds for a connection: no CA waits longer

Request = Any  # what socketserver calls one: a socket


class ChallengeServer(socketserver.ThreadingTCPServer):
    """Serves what lies on the shelf, until nothing does that is wanted."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, shelf: Shelf, handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(listening.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()  # one that it made itself
        self.socket = listening
        self.socket.settimeout(_TICK)
        self.shelf = shelf
        self._open: dict[Request, float] = {}
        self._lock = threading.Lock()

    def serve_until(self, over: Callable[[], bool]) -> None:
        """Answer until *over*, which is asked all the while."""
        while not over():
            self.handle_request()
            self._cut(time.monotonic() - _LONGEST)

    def process_request(self, request: Request, client_address: Any) -> None:
        """Answer in a thread of its own."""
        with self._lock:
            self._open[request] = time.monotonic()
            oldest = min(self._open.values()) if len(self._open) > _MOST else None
        if oldest is not None:
            self._cut(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Request) -> None:
        """Close a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Request, client_address: Any) -> None:
        """Nobody is there to be told, and the CA says what it did not like."""

    def _cut(self, since: float) -> None:
        """End the connections that are that old: their threads find an end of what they read."""
        with self._lock:
            old = [request for request, began in self._open.items() if began <= since]
        for request in old:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class HttpHandler(BaseHTTPRequestHandler):
    """http-01: the exact path of a token there is."""

    server: ChallengeServer

    def do_GET(self) -> None:
        """Answer with the key authorization."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        # Not self.path, which http.server puts right where it is odd.
        target = self.requestline.split()[1]
        item = self.server.shelf.item(target[len(PATH) :]) if target.startswith(PATH) else None
        if item is None:
            self._head(HTTPStatus.NOT_FOUND, 0)
            return
        data = item.key_authorization.encode()
        self._head(HTTPStatus.OK, len(data))
        if with_body:
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer without a word of what is at work here."""
        known = code != HTTPStatus.NOT_IMPLEMENTED  # a method other than the two
        self._head(code if known else HTTPStatus.NOT_FOUND, 0)

    def log_message(self, *_unused: Any) -> None:
        """Nobody reads it."""

    def _head(self, code: int, length: int) -> None:
        self.send_response_only(code)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True


class TlsHandler(socketserver.BaseRequestHandler):
    """tls-alpn-01: a handshake for a name there is, and the end of it."""

    server: TlsChallengeServer

    def handle(self) -> None:
        """Shake hands. RFC 8737 section 4: no data follows; so none does whatever protocol was agreed on."""
        # A copy of the socket, so that the server can still end the connection when it takes too long.
        with self.server.context.wrap_socket(self.request.dup(), server_side=True) as connection:
            connection.unwrap()


class TlsChallengeServer(ChallengeServer):
    """Serves the certificates that the shelf asks for."""

    def __init__(self, listening: socket.socket, shelf: Shelf) -> None:
        super().__init__(listening, shelf, TlsHandler)
        self.context = tls_contexts.empty_context()
        self.context.sni_callback = self._choose
        self._proofs = tls_contexts.Proofs(shelf.folder)

    def _choose(self, connection: Any, name: str | None, _context: ssl.SSLContext) -> int | None:
        asked = (name or "").lower()
        for item in self.shelf.items():  # of two for one name the newest: the other is of a run that was killed
            if acme_tls.server_name(item.identifier) == asked:
                connection.context = self._proofs.context(item.identifier, item.key_authorization)
                return None
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def server(kind: str, listening: socket.socket, shelf: Shelf) -> ChallengeServer:
    """What answers challenges of a kind at a socket that listens already."""
    return (
        TlsChallengeServer(listening, shelf) if kind == TLS_ALPN_01 else ChallengeServer(listening, shelf, HttpHandler)
    )


class End:
    """Says when a server's work is over, and then closes it and clears its folder, so that nobody comes between.

    running: the handle of the lock that the process holds for life. lock: path of the lock under which responses are
    put and removed, and listeners begin and end.
    """

    def __init__(self, server: ChallengeServer, running: int, lock: str) -> None:
        self._server = server
        self._shelf = server.shelf
        self._running = running
        self._lock = lock

    def __call__(self) -> bool:
        """Whether it is over."""
        if not self._still_ours():
            self._server.server_close()
            return True
        items, expired = self._shelf.look()
        if items and not expired:
            return False
        try:
            with files.locked(self._lock, patience=0):
                return self._ended()
        except LockedError:
            return False  # somebody puts or removes one right now
        except DiskError:
            # Even where the folder cannot be changed any more, the port is let go of.
            if self._shelf.items():
                return False
            self._server.server_close()
            return True

    def _ended(self) -> bool:
        # Removing takes a disk's time, in which the time of another may be over: it would stay, and its folder with it.
        while True:
            items, expired = self._shelf.look()
            for name in expired:
                files.remove_file(os.path.join(self._shelf.folder, name))
            if items:
                return False
            if not expired:
                break
        self._server.server_close()
        response_store.clear(self._shelf.folder)
        return True

    def _still_ours(self) -> bool:
        """Whether the folder is that in which this process began: somebody may have removed all there was."""
        try:
            there = os.stat(os.path.join(self._shelf.folder, response_store.RUNNING))
        except OSError:
            return False
        mine = os.fstat(self._running)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
