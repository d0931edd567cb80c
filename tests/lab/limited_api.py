# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the front of a DNS provider's API: it limits requests, fails as told, and passes on the rest."""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .lab import Lab

LONGEST = 60  # seconds that it keeps a client waiting which gets no answer


@dataclass(frozen=True)
class Fault:
    """An answer in the place of the real one, for *times* requests (None: all) after *skipped* others.

    status: 0 closes the connection without an answer. is_silent: no answer, and the connection stays open.
    """

    status: int = 0
    body: str = '{"error": "as scripted"}'
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    times: int | None = None
    skipped: int = 0
    is_silent: bool = False
    methods: tuple[str, ...] = ()

    def with_retry_after(self, seconds: int) -> Fault:
        """Return it with the header Retry-After."""
        return replace(self, headers=(*self.headers, ("Retry-After", str(seconds))))


@dataclass
class Caller:
    """A client by the first part of its path. statuses: of its answers so far; 0: none was sent."""

    fault: Fault | None = None
    requests: int = 0
    statuses: list[int] = field(default_factory=list)


class LimitedApi:
    """An API at the lab's address, inside a with statement, in front of a real one at the URL *target*."""

    def __init__(self, lab: Lab, target: str) -> None:
        self._lab = lab
        self._target = urlsplit(target)
        self._lock = threading.Lock()
        self._callers: dict[str, Caller] = {}
        self._limit: tuple[int, float, str] | None = None
        self._times: deque[float] = deque()
        self._server: ThreadingHTTPServer
        self._over = threading.Event()

    def __enter__(self) -> LimitedApi:
        outer = self

        class Handler(_Handler):
            api = outer

        def start() -> ThreadingHTTPServer:
            server = ThreadingHTTPServer((self._lab.controller, 0), Handler)
            server.daemon_threads = True
            # In the lab's network, as are the threads that it starts.
            threading.Thread(target=server.serve_forever, args=[0.1], daemon=True).start()
            return server

        self._server = self._lab.inside(start)
        return self

    def __exit__(self, *_unused: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, caller: str) -> str:
        """Return the URL for a caller."""
        return f"http://{self._lab.controller}:{self._server.server_port}/{caller}"

    def limit(self, requests: int, seconds: float, retry_after: str = "seconds") -> None:
        """Answer 429 to all callers beyond so many requests in so many seconds.

        *retry_after*: "seconds", "date", or "" without that header. A request that is refused does not count.
        """
        self._limit = requests, seconds, retry_after

    def bend(self, caller: str, fault: Fault | None) -> None:
        """Have requests of a caller fail from now on; None ends that."""
        with self._lock:
            self._callers[caller] = Caller(fault)

    def straighten(self) -> None:
        """End all faults and limits."""
        with self._lock:
            self._callers.clear()
            self._limit = None
            self._times.clear()

    def statuses(self, caller: str) -> list[int]:
        """Return the statuses of the answers to a caller since it was bent; 0 for those that it did not get."""
        return list(self._callers.get(caller, Caller()).statuses)

    def faults_for(self, caller: str, method: str) -> tuple[Caller, Fault | None]:
        """Return the caller, and the fault of its next request."""
        with self._lock:
            found = self._callers.setdefault(caller, Caller())
            fault = found.fault
            if fault and fault.methods and method not in fault.methods:
                return found, None
            number, found.requests = found.requests, found.requests + 1
            last = None if fault is None or fault.times is None else fault.skipped + fault.times
            acts = fault is not None and number >= fault.skipped and (last is None or number < last)
            return found, fault if acts else self._refusal()

    def _refusal(self) -> Fault | None:
        if self._limit is None:
            return None
        most, seconds, kind = self._limit
        now = time.monotonic()
        while self._times and self._times[0] <= now - seconds:
            self._times.popleft()
        if len(self._times) < most:
            self._times.append(now)
            return None
        wait = int(self._times[0] + seconds - now) + 1
        fault = Fault(429, '{"error": "too many requests"}')
        if kind == "date":
            return replace(
                fault, headers=(*fault.headers, ("Retry-After", formatdate(time.time() + wait, usegmt=True)))
            )
        return fault.with_retry_after(wait) if kind else fault

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        """Return status, type and body of the real API's answer."""
        connection = http.client.HTTPConnection(str(self._target.hostname), self._target.port, timeout=10)
        try:
            connection.request(method, f"{self._target.path}{path}", body, headers)
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", "application/json"), response.read()
        finally:
            connection.close()

    def wait(self) -> None:
        """Wait as long as a client that gets no answer may."""
        self._over.wait(LONGEST)


class _Handler(BaseHTTPRequestHandler):
    api: LimitedApi

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        caller, _slash, rest = self.path.lstrip("/").partition("/")
        found, fault = self.api.faults_for(caller, self.command)
        if fault is None:
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            status, kind, answer = self.api.pass_on(self.command, f"/{rest}", kept, body)
            fault = Fault(status, headers=(("Content-Type", kind),))
        else:
            answer = fault.body.encode()
        found.statuses.append(0 if fault.is_silent else fault.status)
        if fault.is_silent:
            self.api.wait()
        if found.statuses[-1]:
            self._send(fault.status, answer, fault.headers)
        else:
            self.close_connection = True

    def _send(self, status: int, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_unused: object) -> None:
        pass


_OWN = ("host", "content-length", "connection", "accept-encoding")
