# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy: it sends each request on to the lab's CA, and lets faults change what comes of it."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.lab.lab import Lab
from tests.lab.pebble import Pebble

from .answers import Answer
from .delivery import Line
from .faults import AFTER, BEFORE, Exchange
from .language import Fault, parse
from .resources import Request, Resources
from .ways import WAYS_AFTER, WAYS_BEFORE

# Pebble makes its URLs of Host, and compares them with the signed ones: so all lead to the proxy.
_SENT_ON = ("Host", "Content-Type", "Accept", "User-Agent", "Accept-Language")
_PASSED_ON = ("Content-Type", "Date", "Link", "Location", "Replay-Nonce", "Retry-After", "Cache-Control")
_BEFORE, _AFTER = {**BEFORE, **WAYS_BEFORE}, {**AFTER, **WAYS_AFTER}
_PAUSES = ("wait", "delay")
KINDS = {*_BEFORE, *_AFTER}


@dataclass(eq=False)
class _Bend:
    """A fault in effect. counts: of the requests at its place, by certificate if the sentence says so."""

    fault: Fault
    counts: Counter[object] = field(default_factory=Counter)
    memory: dict[Any, Any] = field(default_factory=dict)
    acted: int = 0

    def concerns(self, request: Request, status: str | None = None) -> bool:
        """Return True if the fault concerns this request, which is counted. *status*: in the CA's answer."""
        place = self.fault.place
        if not request.is_at(place) or place.status not in ("", status):
            return False
        key = request.of if place.subject.each else None
        self.counts[key] += 1
        return self.fault.times.include(self.counts[key])


class BentCa:
    """A CA behind the proxy. url: of its directory. asked: the resource of each request, in order."""

    def __init__(self, ask: Callable[[Request], Answer], root: Callable[[], bytes]) -> None:
        """*ask* sends a request to the CA itself, and raises OSError. *root*: its root, PEM."""
        self.url = ""
        self.asked: list[str] = []
        self._ask = ask
        self._root = root
        self._resources = Resources()
        self._bends: list[_Bend] = []
        self._lock = threading.RLock()
        self._closing = threading.Event()

    def bend(self, *sentences: str) -> None:
        """Add faults. Raises SentenceError."""
        bends = [_Bend(parse(sentence)) for sentence in sentences]
        with self._lock:
            self._bends.extend(bends)

    def straighten(self) -> None:
        """Remove all faults: from now on the CA answers as Pebble does."""
        with self._lock:
            self._bends.clear()

    def acted(self, sentence: str) -> int:
        """Return how often a fault has changed an answer."""
        with self._lock:
            return sum(bend.acted for bend in self._bends if bend.fault.sentence == sentence)

    def count(self, resource: str) -> int:
        """Return how many requests for a resource came in."""
        with self._lock:
            return self.asked.count(resource)

    def close(self) -> None:
        """End all waiting."""
        self._closing.set()

    def pause(self, seconds: float) -> bool:
        """Wait. Return True if the CA is taken down."""
        return self._closing.wait(seconds)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return the answer to a request, with the faults in effect."""
        with self._lock:
            request = self._resources.request(method, path, headers, body)
            self.asked.append(request.resource)
            bends = list(self._bends)
            # A fault about answers with a status is asked later.
            concerned = [bend for bend in bends if not bend.fault.place.status and bend.concerns(request)]
        own = self._before(request, concerned)
        if own is not None and own.delivery:
            return own
        answer = self._ask(request) if own is None else own
        if own is None:
            with self._lock:
                self._resources.see(request, answer)
        return self._after(request, [bend for bend in bends if bend in concerned or bend.fault.place.status], answer)

    def _before(self, request: Request, bends: list[_Bend]) -> Answer | None:
        for bend in bends:
            change = _BEFORE.get(bend.fault.kind)
            answer = change(self._exchange(request, bend)) if change else None
            if answer is not None or bend.fault.kind in _PAUSES:
                self._count(bend)
            if answer is not None:
                return answer
        return None

    def _after(self, request: Request, bends: list[_Bend], answer: Answer) -> Answer:
        for bend in bends:
            change = _AFTER.get(bend.fault.kind)
            if change is None or not self._is_about(bend, request, answer):
                continue
            exchange = self._exchange(request, bend)
            with self._lock if bend.fault.kind not in _PAUSES else threading.Lock():
                changed = change(exchange, answer)
            if changed != answer or bend.fault.kind in _PAUSES:
                self._count(bend)
            answer = changed
        return answer

    def _is_about(self, bend: _Bend, request: Request, answer: Answer) -> bool:
        """Return True unless a fault is about answers with another status, as the faults before have left it."""
        if not bend.fault.place.status:
            return True
        with self._lock:
            return bend.concerns(request, str(answer.json().get("status", "")))

    def _count(self, bend: _Bend) -> None:
        with self._lock:
            bend.acted += 1

    def _exchange(self, request: Request, bend: _Bend) -> Exchange:
        return Exchange(request, bend.fault, self.pause, lambda: self._nonce(request), self._root, bend.memory)

    def _nonce(self, request: Request) -> str:
        head = Request("HEAD", "/nonce-plz", {**request.headers, "Content-Type": ""}, b"", "newNonce", None, {}, None)
        return self._ask(head).headers["Replay-Nonce"]


@contextmanager
def bent_ca(lab: Lab, *sentences: str, pebble: Pebble | None = None) -> Iterator[BentCa]:
    """Yield the lab's CA, or another *pebble*, behind the proxy, at another port of its name, with these faults."""
    behind = pebble or lab.pebble

    def ask(request: Request) -> Answer:
        return lab.inside(lambda: _ask_pebble(lab, behind, request))  # type: ignore[no-any-return]

    ca = BentCa(ask, lambda: behind.root_pem().encode())
    ca.bend(*sentences)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = behind.ca_path.parent
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = lab.inside(lambda: _Server((lab.controller, 0), _handler(ca)))
    # Each handshake is in its connection's own thread.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    ca.url = f"https://ca.{lab.domain}:{server.server_port}/dir"
    try:
        yield ca
    finally:
        ca.close()
        server.shutdown()
        server.server_close()
        thread.join()


def _ask_pebble(lab: Lab, pebble: Pebble, request: Request) -> Answer:
    context = ssl.create_default_context(cafile=str(pebble.ca_path))
    connection = http.client.HTTPSConnection(lab.controller, pebble.acme, timeout=60, context=context)
    try:
        connection.request(request.method, request.path, request.body or None, request.headers)
        response = connection.getresponse()
        given = {name: value for name in _PASSED_ON if (value := ", ".join(response.headers.get_all(name, [])))}
        return Answer(response.status, given, response.read())
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def _handler(ca: BentCa) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: self.headers[name] for name in _SENT_ON if name in self.headers}
            try:
                answer = ca.answer(self.command, self.path, headers, body)
                usable = Line(self.connection, ca.pause).send(answer, self.command == "HEAD")
            except OSError:
                usable = False  # the client has gone, or the CA is not there
            self.close_connection = self.close_connection or not usable

        do_HEAD = do_POST = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, *_unused: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about clients that go away."""
