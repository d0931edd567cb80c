# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that do work for items until a deadline."""

from __future__ import annotations

import threading

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils._common.threads import Workers

PATIENCE = 10  # seconds that a broken test waits


def all_of(workers, items):
    for item in items:
        workers.add(item)
    found = dict(iter(workers.next, None))
    workers.end()
    return found


def test_workers_one_item_hangs_the_others_are_done_at_the_deadline():
    over = threading.Event()

    def work(item):
        return over.wait(PATIENCE) if item == "hangs" else item

    found = all_of(Workers(work, 2, Deadline(Clock(), 0.5)), ["one", "hangs", "two"])
    assert not over.is_set()
    over.set()
    assert found == {"one": "one", "two": "two"}


def test_workers_more_items_than_threads_are_done_by_as_many_as_allowed():
    at_once, most, together = [], [], threading.Barrier(3, timeout=PATIENCE)

    def work(item):
        at_once.append(item)
        together.wait()  # none goes on before three have come
        most.append(len(at_once))
        together.wait()
        at_once.remove(item)
        return -item

    items = list(range(9))
    assert all_of(Workers(work, 3, Deadline(Clock(), PATIENCE)), items) == {item: -item for item in items}
    assert max(most) == 3


def test_workers_after_the_deadline_nothing_is_begun():
    begun, threads, started, over = [], [], threading.Event(), threading.Event()
    now = [0.0]

    def work(item):
        begun.append(item)
        threads.append(threading.current_thread())
        started.set()
        over.wait(PATIENCE)

    workers = Workers(work, 1, Deadline(Clock(monotonic=lambda: now[0]), 1))
    for item in range(10):
        workers.add(item)
    assert started.wait(PATIENCE)
    now[0] = 2.0
    assert workers.next() is None
    workers.end()
    over.set()
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
    assert begun == [0]
