# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of the lab's CA that answers newOrder as Let's Encrypt does, and Pebble does not.

While an account's order is open, newOrder for the same identifiers returns that order again. The proxy cannot read the
order, as it has no account key: it repeats the first answer. It sends each such request to the CA all the same, for its
nonce: the order that the CA makes then is never used.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from .lab import Lab
from .pebble import ACME

_NEW_ORDER = "/order-plz"  # Pebble's path
# Pebble makes its URLs of Host, and compares them with the signed ones.
_SENT_ON = ("Host", "Content-Type", "User-Agent", "Accept-Language")
_PASSED_ON = ("Content-Type", "Link", "Location", "Replay-Nonce", "Retry-After", "Cache-Control")


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class ReusingCa:
    """The CA behind the proxy. url: of its directory. reused: how often newOrder returned an open order again."""

    lab: Lab
    url: str = ""
    reused: int = 0
    _open: dict[str, _Answer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        """Return the CA's answer to a request, or the earlier one to newOrder."""
        if path != _NEW_ORDER:
            answer = self._ask(method, path, headers, body)
            if answer.status == 200 and path.startswith("/finalize-order/"):
                self._forget(path)
            return answer
        with self._lock:
            answer = self._ask(method, path, headers, body)
            wanted = _wanted(body)
            if answer.status != 201 or wanted not in self._open:
                if answer.status == 201:
                    self._open[wanted] = answer
                return answer
            self.reused += 1
            earlier = self._open[wanted]
            nonce = {"Replay-Nonce": answer.headers["Replay-Nonce"]}
            return _Answer(earlier.status, {**earlier.headers, **nonce}, earlier.body)

    def _forget(self, path: str) -> None:
        with self._lock:
            finalized = [key for key, earlier in self._open.items() if _finalize_path(earlier) == path]
            for key in finalized:
                del self._open[key]

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        return self.lab.inside(lambda: self._ask_inside(method, path, headers, body))  # type: ignore[no-any-return]

    def _ask_inside(self, method: str, path: str, headers: dict[str, str], body: bytes) -> _Answer:
        context = ssl.create_default_context(cafile=str(self.lab.pebble.ca_path))
        connection = http.client.HTTPSConnection(self.lab.controller, ACME, timeout=30, context=context)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            given = {name: value for name in _PASSED_ON if (value := response.headers.get(name))}
            return _Answer(response.status, given, response.read())
        finally:
            connection.close()


@contextmanager
def reusing_ca(lab: Lab) -> Iterator[ReusingCa]:
    """Yield the lab's CA behind the proxy, at another port of its name."""
    ca = ReusingCa(lab)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: self.headers[name] for name in _SENT_ON if name in self.headers}
            answer = ca.answer(self.command, self.path, headers, body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_HEAD = do_POST = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, *_unused: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = lab.pebble.ca_path.parent
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = lab.inside(lambda: ThreadingHTTPServer((lab.controller, 0), Handler))
    # Each handshake is in its connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    ca.url = f"https://ca.{lab.domain}:{server.server_port}/dir"
    try:
        yield ca
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _wanted(body: bytes) -> str:
    """Return the account and the identifiers of a signed newOrder."""
    signed = {name: _decoded(text) for name, text in json.loads(body).items() if name != "signature"}
    names = sorted(json.dumps(item, sort_keys=True) for item in signed["payload"]["identifiers"])
    return json.dumps([signed["protected"]["kid"], names])


def _decoded(text: str) -> Any:
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _finalize_path(answer: _Answer) -> str:
    return urlsplit(json.loads(answer.body)["finalize"]).path
