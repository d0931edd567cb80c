# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect to the first address of a host that answers, IPv6 or IPv4 (Happy Eyeballs, RFC 8305).

An address that swallows connections, such as behind a dead IPv6 route, costs the next one a moment, and not its time.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, zip_longest
from selectors import EVENT_WRITE, DefaultSelector
from time import monotonic
from typing import Any, cast

from .bounded import SocketAddress, family_of

#: RFC 8305 section 5: seconds until the next address is tried beside those that have not answered.
STAGGER = 0.25


def connect_any(
    places: Sequence[SocketAddress], seconds_left: Callable[[], float], options: Iterable[Any] = ()
) -> socket.socket:
    """Return a connection to the first of *places* that accepts one. It has no time limit set.

    *seconds_left*: of all attempts together; what it raises ends them. *options*: for setsockopt(). Raises OSError, of
    the last attempt that failed.
    """
    waiting = deque(interleaved(places))
    trouble = OSError("no address")
    attempts: set[socket.socket] = set()
    next_at = monotonic()
    with DefaultSelector() as selector:
        try:
            while waiting or attempts:
                left = seconds_left()
                if waiting and (not attempts or monotonic() >= next_at):
                    try:
                        attempts.add(_begin(waiting.popleft(), options, selector))
                        next_at = monotonic() + STAGGER
                    except OSError as error:  # such as without a route
                        trouble = error
                    continue
                for key, _events in selector.select(min(left, max(0.0, next_at - monotonic())) if waiting else left):
                    connection: Any = key.fileobj
                    selector.unregister(connection)
                    attempts.discard(connection)
                    failed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not failed:
                        connection.setblocking(True)
                        return cast(socket.socket, connection)
                    connection.close()
                    trouble = OSError(failed, os.strerror(failed))
                    next_at = monotonic()  # the next address has not to wait
        finally:
            for connection in attempts:
                connection.close()
    raise trouble


def interleaved(places: Sequence[SocketAddress]) -> list[SocketAddress]:
    """Return *places* so that IPv6 and IPv4 take turns, the family of the first one first (RFC 8305 section 4)."""
    first = [place for place in places if family_of(place) == family_of(places[0])]
    others = [place for place in places if place not in first]
    return [place for place in chain.from_iterable(zip_longest(first, others)) if place]


def _begin(place: SocketAddress, options: Iterable[Any], selector: DefaultSelector) -> socket.socket:
    """Return a connection that is being made, and that *selector* waits for. Raises OSError."""
    connection = socket.socket(family_of(place), socket.SOCK_STREAM)
    try:
        for option in options:
            connection.setsockopt(*option)
        connection.setblocking(False)
        with suppress(BlockingIOError):
            connection.connect(place)
        selector.register(connection, EVENT_WRITE)
    except BaseException:
        connection.close()
        raise
    return connection
