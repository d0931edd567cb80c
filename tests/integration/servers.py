# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fakes of what people find at a mistyped URL, on the lab's controller: by plain http, as a loopback address may be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.lab import Lab

ANSWERS = {
    "/html": (200, "text/html", b"<!doctype html><title>It works!</title>"),
    "/json": (200, "application/json", b'{"name": "a service that is no CA"}'),
    "/list": (200, "application/json", b"[]"),
    "/plain": (200, "application/json", b'{"newNonce": "http://192.0.2.1/", "newAccount": "x", "newOrder": "x"}'),
    "/elsewhere": (200, "application/json", b'{"newNonce": "https://192.0.2.1/", "newAccount": "x", "newOrder": "x"}'),
    "/gzip": (200, "application/json", b"x"),
    "/long": (200, "application/json", b" " * 2_000_000),
    "/moved": (301, "text/html", b""),
}
MISSING = (404, "text/html", b"<title>Not\nFound</title>")


class NoCa(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, kind, body = ANSWERS.get(self.path, MISSING)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/gzip":
            self.send_header("Content-Encoding", "gzip")
        if status == 301:
            self.send_header("Location", "https://elsewhere.example/dir")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_unused: object) -> None:
        pass


@contextmanager
def no_ca(lab: Lab) -> Iterator[str]:
    """URL of a server that is no CA."""
    with _serving(lab, NoCa) as url:
        yield url


@contextmanager
def _serving(lab: Lab, handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = lab.inside(lambda: ThreadingHTTPServer(("127.0.0.1", 0), handler))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()  # which waits for none of its threads: they are daemons
        thread.join()


@contextmanager
def silence(lab: Lab) -> Iterator[str]:
    """URL at which connections are taken and never answered."""
    with lab.inside(lambda: socket.create_server(("127.0.0.1", 0), backlog=100)) as listening:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
