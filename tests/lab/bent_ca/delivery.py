# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers on the wire, sent well or badly. A function returns True if the connection can be used further."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterable
from http import HTTPStatus
from select import select
from typing import Any

from .answers import Answer

_PATIENCE = 600  # seconds, for a client that waits for ever


class Line:
    """A connection from a client. *pause* waits for seconds, and returns True if the CA is taken down meanwhile."""

    def __init__(self, connection: Any, pause: Callable[[float], bool]) -> None:
        self._connection = connection
        self._pause = pause

    def send(self, answer: Answer, head_only: bool = False) -> bool:
        """Send an answer in its delivery. Raises OSError if the client has gone."""
        return _DELIVERIES[answer.delivery](self, answer, b"" if head_only else answer.body)

    def write(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send a byte a second."""
        for byte in data:
            self.write(bytes([byte]))
            if self._pause(1):
                return

    def hang(self) -> None:
        """Send nothing until the client closes the connection."""
        for _tenth in range(_PATIENCE * 10):
            if select([self._connection], [], [], 0)[0] or self._pause(0.1):
                return

    def reset(self) -> None:
        """Close the connection by a reset."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # A TLS socket's close would say goodbye first.
        socket.socket(fileno=self._connection.detach()).close()


def _head(answer: Answer, length: int | None, *more: str) -> bytes:
    phrase = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in answer.headers.items())]
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def _whole(line: Line, answer: Answer, body: bytes) -> bool:
    line.write(_head(answer, len(body)) + body)
    return True


def _twice(line: Line, answer: Answer, body: bytes) -> bool:
    line.write((_head(answer, len(body)) + body) * 2)
    return True


def _slow(line: Line, answer: Answer, body: bytes) -> bool:
    line.write(_head(answer, len(body)))
    line.drip(body)
    return True


def _slow_header(line: Line, answer: Answer, body: bytes) -> bool:
    line.drip(_head(answer, len(body)))
    line.write(body)
    return True


def _silence(line: Line, _answer: Answer, _body: bytes) -> bool:
    line.hang()
    return False


def _reset(line: Line, _answer: Answer, _body: bytes) -> bool:
    line.reset()
    return False


def _cut_before(_line: Line, _answer: Answer, _body: bytes) -> bool:
    return False


def _cut_header(line: Line, answer: Answer, body: bytes) -> bool:
    line.write(_head(answer, len(body))[:40])
    return False


def _cut_body(line: Line, answer: Answer, body: bytes) -> bool:
    line.write(_head(answer, len(body)) + body[: len(body) // 2])
    return False


def _cut_silently(line: Line, answer: Answer, body: bytes) -> bool:
    """Send half of a body that ends with the connection (RFC 9112 section 6.3), so that nothing shows it."""
    line.write(_head(answer, None, "Connection: close") + body[: len(body) // 2])
    return False


def _garbled(line: Line, _answer: Answer, _body: bytes) -> bool:
    line.write(b"\x15\x03\x01 this is not HTTP\r\n\r\n")
    return False


def _chunked(line: Line, answer: Answer, body: bytes) -> bool:
    line.write(_head(answer, None, "Transfer-Encoding: chunked") + b"".join(_chunks(body)) + b"0\r\n\r\n")
    return True


def _badly_chunked(line: Line, answer: Answer, body: bytes) -> bool:
    line.write(_head(answer, None, "Transfer-Encoding: chunked") + b"".join(_chunks(body)) + b"what?\r\n\r\n")
    return False


def _chunks(body: bytes) -> Iterable[bytes]:
    for start in range(0, len(body), 100):
        piece = body[start : start + 100]
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


_DELIVERIES: dict[str, Callable[[Line, Answer, bytes], bool]] = {
    "": _whole,
    "twice": _twice,
    "slow": _slow,
    "slow header": _slow_header,
    "silence": _silence,
    "reset": _reset,
    "cut before": _cut_before,
    "cut header": _cut_header,
    "cut body": _cut_body,
    "cut silently": _cut_silently,
    "garbled": _garbled,
    "chunked": _chunked,
    "bad chunks": _badly_chunked,
}
