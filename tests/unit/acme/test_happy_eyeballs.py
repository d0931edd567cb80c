# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to a host with several addresses, some of which do not answer (RFC 8305)."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from time import monotonic

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.happy_eyeballs import connect_any, interleaved

FOUR, OTHER_FOUR = ("192.0.2.1", 443), ("192.0.2.2", 443)
SIX, OTHER_SIX = ("2001:db8::1", 443, 0, 0), ("2001:db8::2", 443, 0, 0)
LONG = 60.0  # seconds; no test waits for as long


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], []),
        ([FOUR], [FOUR]),
        ([SIX, FOUR], [SIX, FOUR]),
        ([FOUR, SIX], [FOUR, SIX]),
        ([SIX, OTHER_SIX, FOUR, OTHER_FOUR], [SIX, FOUR, OTHER_SIX, OTHER_FOUR]),
        ([SIX, OTHER_SIX, FOUR], [SIX, FOUR, OTHER_SIX]),
        ([FOUR, OTHER_FOUR], [FOUR, OTHER_FOUR]),
    ],
)
def test_interleaved_families_take_turns(places, expected):
    assert interleaved(places) == expected


@pytest.fixture
def addresses():
    """Yield a function that returns an address of a kind: one that answers, refuses or swallows connections."""
    with ExitStack() as stack:

        def address(kind):
            server = stack.enter_context(socket.socket())
            server.bind(("127.0.0.1", 0))
            if kind == "refuses":
                return server.getsockname()
            server.listen(0 if kind == "swallows" else 8)
            # With as many connections that nobody accepts, the system answers no other one.
            for _number in range(2 if kind == "swallows" else 0):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(server.getsockname())
            return server.getsockname()

        yield address


@pytest.mark.parametrize(
    "kinds",
    [
        ["answers"],
        ["refuses", "answers"],
        ["swallows", "answers"],
        ["swallows", "swallows", "refuses", "answers"],
        ["answers", "swallows", "refuses"],
    ],
    ids=" ".join,
)
def test_connect_any_connects_to_the_one_that_answers(addresses, kinds):
    places = [addresses(kind) for kind in kinds]
    begin = monotonic()
    with closing(connect_any(places, lambda: LONG)) as connection:
        assert connection.getpeername() == places[kinds.index("answers")]
        assert connection.getblocking()
    assert monotonic() - begin < LONG / 2


def test_connect_any_sets_options(addresses):
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    with closing(connect_any([addresses("answers")], lambda: LONG, options)) as connection:
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_connect_any_all_refuse_raises_the_reason(addresses):
    with pytest.raises(ConnectionRefusedError):
        connect_any([addresses("refuses"), addresses("refuses")], lambda: LONG)


def test_connect_any_without_address_raises():
    with pytest.raises(OSError, match="no address"):
        connect_any([], lambda: LONG)


def test_connect_any_without_route_tries_the_next(addresses):
    place = addresses("answers")
    # A broadcast address, to which no TCP connection can be made.
    with closing(connect_any([("255.255.255.255", 443), place], lambda: LONG)) as connection:
        assert connection.getpeername() == place


def test_connect_any_time_over_ends_all_attempts(addresses):
    left = iter([LONG, 0.01, 0.01])

    def seconds_left():
        try:
            return next(left)
        except StopIteration:
            raise socket.timeout("timed out") from None

    with pytest.raises(socket.timeout):
        connect_any([addresses("swallows"), addresses("swallows")], seconds_left)
