# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server in a thread, which passes each request to a CA (ca.py) and sends its answer."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAMESPACE = "urn:ietf:params:acme:error:"
# Behaviors that a test may set for a connection instead of an answer.
RESET, CLOSE, HANG, DRIP_HEAD, DRIP_BODY = "reset", "close", "hang", "drip head", "drip body"
CUT_HEAD = "cut head"
_LONGEST_HANG = 10.0
_PACE = 0.02  # seconds between what drips


@dataclass
class Answer:
    """An answer of the CA. *nonce* False leaves out Replay-Nonce; *cut*: bytes announced, but not sent.

    *sized* False leaves out Content-Length: the body ends with the connection. *after*: seconds until it is sent.
    """

    status: int = 200
    body: object = b""
    headers: dict = field(default_factory=dict)
    nonce: bool = True
    cut: int = 0
    sized: bool = True
    after: float = 0.0

    def encoded(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def problem(kind, status=400, detail="", headers=None, **more):
    """Return an answer with a problem document; *kind* None leaves out the type."""
    document = {"detail": detail, **more}
    if kind is not None:
        document["type"] = NAMESPACE + kind
    return Answer(status, document, {"Content-Type": "application/problem+json", **(headers or {})})


def html(status=200, headers=None):
    return Answer(
        status, b"<html><body>Welcome to nginx!</body></html>", {"Content-Type": "text/html", **(headers or {})}
    )


@dataclass
class Request:
    """A received request. protected and payload are None if it is not signed; payload is None for b""."""

    method: str
    path: str
    headers: dict
    body: bytes
    protected: dict | None = None
    payload: object = None
    peer: tuple = ()

    def __str__(self):
        return f"{self.method} {self.path}"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, ca, tls):
        self.ca, self.tls = ca, tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request, client_address):
        pass  # a client that went away, which some tests are about


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _LONGEST_HANG
    wbufsize = -1  # head and body in one segment: no waiting for an acknowledgement

    def setup(self):
        if self.server.tls:
            self.request.settimeout(self.timeout)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        ca = self.server.ca
        answer = ca.answer(Request(self.command, self.path, dict(self.headers), body, peer=self.client_address))
        if isinstance(answer, Answer):
            self._send(answer, ca)
            return
        self.close_connection = True
        if answer == HANG:
            ca.closing.wait(_LONGEST_HANG)
        if answer in (DRIP_HEAD, DRIP_BODY):
            self._drip(b"A: b\r\n" if answer == DRIP_HEAD else b"\r\n{", ca)
        if answer == CUT_HEAD:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nReplay-Nonce: abc\r\nContent-Ty")
        if answer == RESET:
            # With a linger of no time closing sends RST instead of FIN.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - the names that http.server calls

    def _send(self, answer, ca):
        body = answer.encoded()
        if answer.after:
            ca.closing.wait(answer.after)
        length = {"Content-Length": str(len(body))} if answer.sized else {}
        headers = {"Content-Type": "application/json", **length, **answer.headers}
        if ca.date:
            headers.setdefault("Date", ca.date)
        if answer.nonce and self.command != "GET":
            headers.setdefault("Replay-Nonce", ca.new_nonce())
        self.send_response_only(answer.status)  # without a Date, which would be none of the test's clock
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name, one)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) - answer.cut])
        self.wfile.flush()
        if answer.cut or not answer.sized:
            self.close_connection = True

    def _drip(self, drops, ca):
        """The beginning of an answer, and then a byte at a time for as long as the client listens."""
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(int(_LONGEST_HANG / _PACE)):
                self.wfile.write(drops[number % len(drops) :][:1] if number < 3 or drops[-1:] == b"\n" else b" ")
                self.wfile.flush()
                if ca.closing.wait(_PACE):
                    return
        except OSError:
            pass  # it has gone

    def log_message(self, *args):
        pass  # requests are kept in CA.requests


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
