# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server for the URLs in certificates, in a thread: an answer for each path, and a record of requests."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST = 10.0  # seconds that anything here takes at most


class Place:
    """An HTTP server. Paths: bytes, a status, (status, headers, body), or f(method, path, body)."""

    def __init__(self, address="127.0.0.1"):
        self.paths = {}
        self.asked = []
        self.headers = []  # of each request
        self.closing = threading.Event()
        self._server = _Server(self, address)
        self.url = f"http://{address}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def give(self, path, answer):
        """Answer *path*, and what is below it, so from now on; its URL."""
        self.paths[path] = answer
        return self.url + path

    def count(self, path=""):
        """Return the number of requests for a path, or for something below it."""
        return sum(asked.startswith(path) for _method, asked in self.asked)

    def answer(self, method, path, body):
        self.asked.append((method, path))
        known = max((begin for begin in self.paths if path.startswith(begin)), key=len, default=None)
        answer = self.paths.get(known, 404)
        if callable(answer):
            answer = answer(method, path, body)
        if isinstance(answer, int):
            return answer, {}, b""
        return answer if isinstance(answer, tuple) else (200, {}, answer)


def trickle(seconds, piece=b"0"):
    """Return an answer whose body is sent a byte at a time."""

    def pieces(place):
        end = time.monotonic() + min(seconds, LONGEST)
        while time.monotonic() < end and not place.closing.is_set():
            yield piece
            place.closing.wait(0.05)

    return 200, {}, pieces


def silence(place, seconds=LONGEST):
    """Return an answer that is never sent."""
    return lambda _method, _path, _body: (place.closing.wait(seconds), 503)[1]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, place, address):
        self.place = place
        super().__init__((address, 0), _Handler)

    def handle_error(self, request, client_address):
        pass  # a client that went away, which some tests are about


class _Handler(BaseHTTPRequestHandler):
    timeout = LONGEST

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.place.headers.append(dict(self.headers))
        status, headers, body = self.server.place.answer(self.command, self.path, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in body(self.server.place) if callable(body) else [body]:
            self.wfile.write(piece)
            self.wfile.flush()

    do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *args):
        pass
