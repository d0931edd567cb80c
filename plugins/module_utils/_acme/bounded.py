# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP over a socket within limits of time and size: addresses, connections, answers. Standard library only.

The time limit of a socket is for each read, so a server that sends a byte a second is waited for without end. Here each
read gets the time that is left, and the bytes are counted where they come from the socket.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
from time import monotonic
from typing import Any, Protocol

USER_AGENT = "certfleet.tls/0.3.0 (Ansible collection)"
_MOST_INTERIM = 5  # as in Go's client, which Boulder uses
# Seconds for which addresses are used again. Where the first of the system's resolvers is dead, each look-up takes a
# second and more.
_SECONDS_KEPT = 60

#: A socket address as getaddrinfo() returns it: the address, the port, and two more numbers for IPv6.
SocketAddress = tuple[Any, ...]

# By host and port: the addresses, and the instant when they were found.
_found: dict[tuple[str, int], tuple[tuple[SocketAddress, ...], float]] = {}


class ExchangeLimits(Protocol):
    """Limits of one exchange. left: how many bytes of the answer may still be read."""

    left: int

    def seconds(self) -> float:
        """Return the seconds that the next operation on the socket may take. Raises if there are none left."""

    def too_large(self) -> Exception:
        """Return the error for an answer of which no byte is left to read."""


class _BoundedReader(io.RawIOBase):
    """Read from a socket within limits."""

    def __init__(self, connection: Any, raw: io.RawIOBase, limits: ExchangeLimits) -> None:
        self._connection = connection
        self._raw = raw
        self._limits = limits
        self.in_head = False

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Any) -> int | None:
        if self._limits.left <= 0:
            raise self._limits.too_large()
        self._connection.settimeout(self._limits.seconds())
        count: int | None = self._raw.readinto(memoryview(buffer)[: self._limits.left])
        if count == 0 and self.in_head:
            # The library would take it for the end of the headers.
            raise http.client.HTTPException("the head of the answer is cut short")
        self._limits.left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class BoundedAnswer(http.client.HTTPResponse):
    """An HTTP answer whose head and body are read within limits. Interim answers such as 103 are skipped.

    A head that is cut short is an error.
    """

    def __init__(self, sock: Any, limits: ExchangeLimits, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self._reader = _BoundedReader(sock, self.fp.detach(), limits)
        self.fp: Any = io.BufferedReader(self._reader)

    def begin(self) -> None:
        super().begin()
        self._reader.in_head = False

    def _read_status(self) -> tuple[str, int, str]:
        # RFC 9110 section 15.2
        for _unused in range(_MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            self._reader.in_head = True
            # The library skips 100 by itself. After 101 another protocol is spoken.
            if status == 101 or not 100 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException(f"more than {_MOST_INTERIM} interim answers")


def system_addresses(host: str, port: int) -> list[SocketAddress]:
    """Return the addresses of a host as the system's resolvers have them, or had them within the last minute.

    Raises OSError, UnicodeError.
    """
    places, since = _found.get((host, port), ((), -math.inf))
    if monotonic() - since > _SECONDS_KEPT:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        places = tuple(dict.fromkeys(answer[4] for answer in answers))
        _found[host, port] = places, monotonic()
    return list(places)


def forget_addresses(host: str, port: int) -> None:
    """Have a host looked up the next time: none of its addresses was of use."""
    _found.pop((host, port), None)


def family_of(place: SocketAddress) -> socket.AddressFamily:
    """Return the address family of a socket address."""
    return socket.AF_INET6 if len(place) == 4 else socket.AF_INET
