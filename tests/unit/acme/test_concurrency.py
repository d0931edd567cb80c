# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of requests and of orders that are under way at the same time."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.concurrency import (
    Connections,
    connections_for,
    has_room,
    run_each,
)

FEW, ALL = Connections(1, 8), Connections(8, 8)


@pytest.mark.parametrize(
    ("orders", "most", "few"),
    [(0, 8, 1), (1, 8, 1), (25, 8, 1), (26, 8, 2), (200, 8, 8), (5000, 8, 8), (5000, 1, 1), (1, 0, 1)],
)
def test_connections_for_number_of_orders(orders, most, few):
    assert connections_for(orders, most) == Connections(few, max(most, 1))


@pytest.mark.parametrize(
    ("ages", "connections", "usual", "room"),
    [
        # Where all are answered soon, there are few.
        ([], FEW, 0.1, True),
        ([0.1], FEW, 0.1, False),
        ([0.1] * 7, ALL, 0.1, True),
        ([0.1] * 8, ALL, 0.1, False),
        # A late one does not count.
        ([2.0], FEW, 0.1, False),
        ([2.1], FEW, 0.1, True),
        ([2.1, 0.1], FEW, 0.1, False),
        ([9.0] * 7, FEW, 0.1, True),
        # A slow CA, where all requests take so long, gets as many as are allowed.
        ([0.1] * 7, FEW, 5.0, True),
        ([4.0] * 8, FEW, 5.0, False),
        ([0.1], FEW, 2.0, False),
        ([4.0] * 8, ALL, 5.0, False),
        # One that takes far longer than usual has stalled, and is not counted.
        ([21.0, *[4.0] * 7], ALL, 5.0, True),
        ([21.0, *[4.0] * 8], ALL, 5.0, False),
        ([3.0] * 8, FEW, 0.1, True),
        ([3.0] * 20, FEW, 0.1, True),
        ([7.0] * 8, FEW, 2.0, False),
        ([9.0] * 8, FEW, 2.0, True),
        # There is an end.
        ([99.0] * 71, FEW, 0.1, True),
        ([99.0] * 72, FEW, 0.1, False),
    ],
)
def test_has_room_for_another_request(ages, connections, usual, room):
    assert has_room(ages, connections, usual) is room


def test_run_each_64_silent_items_do_not_delay_others():
    silent, clock = threading.Event(), [0.0]
    done = []

    def monotonic():
        clock[0] += 1.0  # each look takes a second
        return clock[0]

    def work(number):
        if number < 64:
            assert silent.wait(30)
        else:
            done.append(number)
            if len(done) == 36:
                silent.set()
        return number

    assert run_each(range(100), work, monotonic) == list(range(100))


def test_run_each_never_more_than_64_quick_items():
    lock, now, most = threading.Lock(), 0, 0

    def work(number):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        with lock:
            now -= 1

    run_each(range(500), work, lambda: 0.0)
    assert most <= 64
