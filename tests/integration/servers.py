# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fakes of what people find at a mistyped URL, on the lab's controller: by plain http, as a loopback address may be."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
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


class Dripping(NoCa):
    """A CA whose directory names resources that drip, each a byte at a time and without an end: /dir/NAME."""

    protocol_version = "HTTP/1.1"
    NAMES = ("newNonce", "newAccount", "newOrder")

    def do_GET(self) -> None:
        _empty, kind, *name = self.path.split("/")
        if kind == "dir" and name[0] in self.NAMES:
            port = self.server.server_address[1]
            document = {key: f"http://127.0.0.1:{port}/{'drip' if key in name else 'good'}" for key in self.NAMES}
            self._send(json.dumps(document).encode())
        elif kind == "good":
            self._send(b"{}")
        else:
            self._drip()

    do_HEAD = do_POST = do_GET  # noqa: N815 - the names that http.server calls

    def _send(self, body: bytes) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Replay-Nonce", os.urandom(8).hex())
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _drip(self) -> None:
        self.close_connection = True
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            for _second in range(300):
                self.wfile.write(b"x")
                time.sleep(0.5)
        except OSError:
            pass  # it has gone


@contextmanager
def dripping(lab: Lab) -> Iterator[str]:
    """URL of such a CA."""
    with _serving(lab, Dripping) as url:
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
