# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections to servers that anybody may own: only to allowed addresses, with limits of time and size."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPMessage

from .._common.deadline import Deadline
from .addresses import Address, address_class, is_allowed, parse_address
from .bounded import USER_AGENT, BoundedAnswer, SocketAddress, family_of

#: Look up host and port. Raises OSError or UnicodeError.
Resolve = Callable[[str, int], Sequence[SocketAddress]]

# Bytes of status line, headers and the part of the body that is read.
_LARGEST_ANSWER = 64 * 1024


class NotAllowed(Exception):
    """A host has only addresses to which requests for the name may not be sent; str(): their classes."""


class OutOfTime(Exception):
    """The deadline has passed."""


@dataclass(frozen=True)
class HttpAnswer:
    """Status, headers and the first bytes of the body, as sent."""

    status: int
    headers: HTTPMessage
    body: bytes


class HostAddresses:
    """The addresses of hosts, each looked up once, so that a second answer of a name server changes nothing.

    Several threads may share one object.
    """

    def __init__(self, look_up: Resolve) -> None:
        self._look_up = look_up
        self._found: dict[str, Future[Sequence[SocketAddress]]] = {}
        self._lock = threading.Lock()

    def find(self, host: str, port: int, deadline: Deadline) -> Sequence[SocketAddress]:
        """Return the socket addresses of *host* at *port*. Raises OSError, UnicodeError, OutOfTime.

        The first thread that asks waits as long as the system's resolver takes, which has no deadline.
        """
        with self._lock:
            is_first = host not in self._found
            found = self._found.setdefault(host, Future())
        if is_first:
            try:
                found.set_result(self._look_up(host, port))
            except Exception as error:
                found.set_exception(error)
        wait((found,), deadline.left())
        if not found.done():
            raise OutOfTime
        return [at_port(place, port) for place in found.result()]


def at_port(place: SocketAddress, port: int) -> SocketAddress:
    """Return the socket address of the same machine at another port."""
    return (place[0], port, *place[2:])


def allowed_of(places: Sequence[SocketAddress], own: Collection[Address], redirected: bool) -> Sequence[SocketAddress]:
    """Return the *places* that may be connected to; *own* and *redirected*: see is_allowed(). Raises NotAllowed."""
    allowed = [place for place in places if is_allowed(parse_address(place[0]), own, redirected)]
    if not allowed:
        raise NotAllowed(" and ".join(sorted({address_class(address) for address in addresses_of(places)})))
    return allowed


def addresses_of(places: Sequence[SocketAddress]) -> frozenset[Address]:
    """Return the IP addresses of socket addresses."""
    return frozenset(parse_address(place[0]) for place in places)


def connect(place: SocketAddress, timeout: float, deadline: Deadline) -> socket.socket:
    """Connect to a place that is allowed; *timeout*: in seconds. Nothing is looked up. Raises OSError, OutOfTime."""
    connection = socket.socket(family_of(place), socket.SOCK_STREAM)
    try:
        connection.settimeout(_time_left(timeout, deadline))
        connection.connect(place)
    except BaseException:
        connection.close()
        raise
    return connection


def get(
    connection: socket.socket, host: str, path: str, largest: int, timeout: float, deadline: Deadline
) -> HttpAnswer:
    """Send a GET request and return the answer, its body cut at *largest* bytes.

    *host*: for the Host header; *path*: with the query. Neither may contain blanks or control characters. *timeout*:
    seconds for each read. Nothing is decompressed. Raises OSError, http.client.HTTPException, OutOfTime.
    """
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    )
    connection.settimeout(_time_left(timeout, deadline))
    connection.sendall(request.encode("ascii"))
    with closing(BoundedAnswer(connection, _AnswerLimits(timeout, deadline), method="GET")) as response:
        response.begin()
        return HttpAnswer(response.status, response.headers, response.read(largest))


class _AnswerLimits:
    """The limits of one answer: *timeout* seconds for each read, all of them before *deadline*."""

    def __init__(self, timeout: float, deadline: Deadline) -> None:
        self._timeout = timeout
        self._deadline = deadline
        self.left = _LARGEST_ANSWER

    def seconds(self) -> float:
        """Return the seconds for the next read. Raises OutOfTime."""
        return _time_left(self._timeout, self._deadline)

    def too_large(self) -> OSError:
        """Return the error for an answer that is larger than these limits."""
        return OSError(f"it sends more than {_LARGEST_ANSWER} bytes")


def tls(
    connection: socket.socket, context: ssl.SSLContext, name: str | None, timeout: float, deadline: Deadline
) -> ssl.SSLSocket:
    """Return a TLS connection over *connection*; *name*: for SNI. Raises OSError, OutOfTime."""
    # Python applies it to the whole handshake.
    connection.settimeout(_time_left(timeout, deadline))
    return context.wrap_socket(connection, server_hostname=name)


def unverified() -> ssl.SSLContext:
    """Return a context that accepts every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _time_left(timeout: float, deadline: Deadline) -> float:
    left = deadline.left()
    if left <= 0:
        raise OutOfTime
    return min(timeout, left)
