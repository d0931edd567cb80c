# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answer the CA's validation requests (RFC 8555 section 8.3, RFC 8737, RFC 8738).

Only requests for which a response is stored are answered. Other requests learn nothing about this host.
"""

from __future__ import annotations

import os
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from ..._common.identifiers import TLS_ALPN_01
from ..._x509 import acme_tls, certificates, keys
from ..errors import DiskError, LockedError
from ..store import files
from . import response_store
from .response_store import ActiveResponses

PATH = "/.well-known/acme-challenge/"  # RFC 8555 section 8.3
_POLL_INTERVAL = 0.1  # seconds between two reads of the folder
_MAX_CONNECTIONS = 100  # at a time; one more ends the oldest
_CONNECTION_TIMEOUT = 10.0  # seconds; no CA waits longer

Request = Any  # a socket, as socketserver names it


class ChallengeServer(socketserver.ThreadingTCPServer):
    """Serve the stored responses of a listener until all of them are removed or expired."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, listening: socket.socket, responses: ActiveResponses, handler: type[socketserver.BaseRequestHandler]
    ) -> None:
        super().__init__(listening.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()  # that of the base class
        self.socket = listening
        self.socket.settimeout(_POLL_INTERVAL)
        self.responses = responses
        self._open: dict[Request, float] = {}
        self._lock = threading.Lock()

    def serve_until(self, is_over: Callable[[], bool]) -> None:
        """Answer requests until *is_over* returns True. It is called every tenth of a second."""
        while not is_over():
            self.handle_request()
            self._end_connections(time.monotonic() - _CONNECTION_TIMEOUT)

    def process_request(self, request: Request, client_address: Any) -> None:
        """Answer a request in its own thread."""
        with self._lock:
            self._open[request] = time.monotonic()
            oldest = min(self._open.values()) if len(self._open) > _MAX_CONNECTIONS else None
        if oldest is not None:
            self._end_connections(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Request) -> None:
        """Close a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Request, client_address: Any) -> None:
        """Ignore the error: nobody reads it here, and the CA reports what it did not accept."""

    def _end_connections(self, since: float) -> None:
        """End the connections that began at *since* (monotonic seconds) or before: their threads read its end."""
        with self._lock:
            old = [request for request, began in self._open.items() if began <= since]
        for request in old:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class HttpHandler(BaseHTTPRequestHandler):
    """http-01: answer requests for the exact path of a stored token."""

    server: ChallengeServer

    def do_GET(self) -> None:
        """Answer with the key authorization."""
        # Not self.path, which http.server normalizes.
        target = self.requestline.split()[1]
        item = self.server.responses.find(target[len(PATH) :]) if target.startswith(PATH) else None
        if item is None:
            self._head(HTTPStatus.NOT_FOUND, 0)
            return
        data = item.key_authorization.encode()
        self._head(HTTPStatus.OK, len(data))
        if self.command == "GET":
            self.wfile.write(data)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self.do_GET()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with the status only, so that nothing shows which software runs here."""
        known = code != HTTPStatus.NOT_IMPLEMENTED  # a method other than the two
        self._head(code if known else HTTPStatus.NOT_FOUND, 0)

    def log_message(self, *_unused: Any) -> None:
        """Write no log: nobody reads it."""

    def _head(self, code: int, length: int) -> None:
        self.send_response_only(code)
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True


class ChallengeContexts:
    """TLS contexts, one for each response, with one private key for this process.

    folder: where the key is written while OpenSSL reads it from a file.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._key = keys.generate("ec256")
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}

    def context(self, identifier: str, key_authorization: str) -> ssl.SSLContext:
        """Return the context that proves control of a normalized identifier. Raises DiskError."""
        known = (identifier, key_authorization)
        if known not in self._contexts:
            proof = acme_tls.certificate(identifier, key_authorization, self._key, datetime.now(timezone.utc))
            context = empty_context()
            with files.temporary_file(self._folder, certificates.pem(proof) + keys.pem(self._key)) as path:
                context.load_cert_chain(path)
            self._contexts[known] = context
        return self._contexts[known]


def empty_context() -> ssl.SSLContext:
    """Return a server's TLS context as RFC 8737 requires it, without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8737 section 4
    context.set_alpn_protocols([acme_tls.PROTOCOL])
    context.num_tickets = 0  # no client resumes a session
    return context


class TlsHandler(socketserver.BaseRequestHandler):
    """tls-alpn-01: complete the handshake for a stored name, and close the connection."""

    server: TlsChallengeServer

    def handle(self) -> None:
        """Complete the handshake. RFC 8737 section 4: no data follows, whichever protocol was negotiated."""
        # A copy of the socket, so that the server can still end the connection when it takes too long.
        with self.server.context.wrap_socket(self.request.dup(), server_side=True) as connection:
            connection.unwrap()


class TlsChallengeServer(ChallengeServer):
    """Serve the certificates of the stored tls-alpn-01 responses."""

    def __init__(self, listening: socket.socket, responses: ActiveResponses) -> None:
        super().__init__(listening, responses, TlsHandler)
        self.context = empty_context()
        self.context.sni_callback = self._choose
        self._contexts = ChallengeContexts(responses.folder)

    def _choose(self, connection: Any, name: str | None, _context: ssl.SSLContext) -> int | None:
        asked = (name or "").lower()
        for item in self.responses.current():  # the newest first: an older one for this name is of a killed run
            if acme_tls.server_name(item.identifier) == asked:
                connection.context = self._contexts.context(item.identifier, item.key_authorization)
                return None
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME


def make_server(kind: str, listening: socket.socket, responses: ActiveResponses) -> ChallengeServer:
    """Return a server for challenges of type *kind* on a socket that already listens."""
    if kind == TLS_ALPN_01:
        return TlsChallengeServer(listening, responses)
    return ChallengeServer(listening, responses, HttpHandler)


class EndCondition:
    """The condition under which a server ends. If it is met, it closes the server and removes its folder in one step.

    running: the handle of the lock that the process holds until it ends. lock: the path of the lock under which
    responses are added and removed, and listeners start and end.
    """

    def __init__(self, server: ChallengeServer, running: int, lock: str) -> None:
        self._server = server
        self._responses = server.responses
        self._running = running
        self._lock = lock

    def __call__(self) -> bool:
        """Return True if the server has ended."""
        if not self._owns_folder():
            self._server.server_close()
            return True
        items, expired = self._responses.scan()
        if items and not expired:
            return False
        try:
            with files.locked(self._lock, patience=0):
                return self._end()
        except LockedError:
            return False  # another process adds or removes a response now
        except DiskError:
            # The port is released even if the folder cannot be changed any more.
            if self._responses.current():
                return False
            self._server.server_close()
            return True

    def _end(self) -> bool:
        # Another response may expire while one is removed. It must not stay, and its folder with it.
        while True:
            items, expired = self._responses.scan()
            for name in expired:
                files.remove_file(os.path.join(self._responses.folder, name))
            if items:
                return False
            if not expired:
                break
        self._server.server_close()
        response_store.clear(self._responses.folder)
        return True

    def _owns_folder(self) -> bool:
        """Return True if the folder is still the one that this process started with: somebody may have removed it."""
        try:
            current = os.stat(os.path.join(self._responses.folder, response_store.RUNNING))
        except OSError:
            return False
        return os.path.samestat(current, os.fstat(self._running))
