# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Polling: growing pauses, at least Retry-After, until a deadline (RFC 8555 section 7.5.1)."""

from __future__ import annotations

import itertools

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AcmeError,
    DeadlineError,
    ProtocolError,
    TransportError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.polling import poll
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline


def run(time, answers, seconds=100.0, retry_after=None):
    """Poll until "done"; *answers*: (state, Retry-After) of each read; the last one is repeated."""
    reads = itertools.chain(answers, itertools.repeat(answers[-1]))
    return poll(lambda: next(reads), lambda state: state == "done", Deadline(time.clock, seconds), "it", retry_after)


def test_poll_pauses_grow(time):
    assert run(time, [("busy", None)] * 12 + [("done", None)], seconds=1000) == "done"
    assert time.pauses[0] == 0.3
    assert time.pauses[:9] == pytest.approx([0.3 * 1.6**n for n in range(8)] + [10.0], abs=0.01)
    assert time.pauses[8:] == [10.0] * 5


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [(None, 0.3), (0, 0.3), (3, 3), (20, 20)],
)
def test_poll_retry_after_is_minimum_pause(time, retry_after, pause):
    run(time, [("done", None)], retry_after=retry_after)
    assert time.pauses == [pause]


def test_poll_retry_after_of_answer_sets_next_pause(time):
    run(time, [("busy", 5), ("busy", None), ("done", None)])
    assert time.pauses == pytest.approx([0.3, 5, 0.768])


def test_poll_reads_once_more_at_the_deadline(time):
    start = time.monotonic()
    with pytest.raises(DeadlineError, match=r"^it within 2 s$"):
        run(time, [("busy", None)], seconds=2)
    assert time.monotonic() - start == pytest.approx(2)
    reads = len(time.pauses)
    assert run(time, [("busy", None)] * (reads - 1) + [("done", None)], seconds=2) == "done"


@pytest.mark.parametrize(
    ("answers", "retry_after", "pauses"),
    [
        ([("done", None)], 86400, [10]),
        ([("busy", 86400), ("done", None)], None, [0.3, 10]),
        ([("busy", 95), ("done", None)], None, [0.3, 95]),
        ([("busy", 86400)] * 10 + [("done", None)], None, [0.3] + [10] * 9 + [9.7]),
        ([("busy", 60), ("busy", 60), ("done", None)], None, [0.3, 60, 10]),
    ],
    ids=["before the first look", "after it", "within what is left", "until the deadline", "no longer within it"],
)
def test_poll_retry_after_past_the_deadline_is_not_kept(time, answers, retry_after, pauses):
    assert run(time, answers, retry_after=retry_after) == "done"
    assert time.pauses == pytest.approx(pauses)


def test_poll_long_retry_after_is_in_the_message_of_the_deadline(time):
    with pytest.raises(DeadlineError, match=r"^it within 100 s: the CA asks for pauses of 86400 s$"):
        run(time, [("busy", 86400)])
    assert sum(time.pauses) == pytest.approx(100)


def test_poll_message_has_the_time_that_really_passed(time):
    def slow():
        time.sleep(7)
        return "busy", None

    with pytest.raises(DeadlineError, match=r"^it within 7 s$"):
        poll(slow, lambda state: state == "done", Deadline(time.clock, 2), "it")


@pytest.mark.parametrize(
    ("error", "took", "raised", "text"),
    [
        (TransportError("no answer"), 3, DeadlineError, r"^it within 3 s: no answer$"),
        (TransportError("no answer"), 1, TransportError, r"^no answer$"),
        (ProtocolError("malformed"), 3, ProtocolError, r"^malformed$"),
    ],
    ids=["past the deadline", "before it", "lasting"],
)
def test_poll_temporary_error_of_the_last_read_is_the_deadline(time, error, took, raised, text):
    def read():
        time.sleep(took - 0.3)
        raise error

    with pytest.raises(AcmeError, match=text) as caught:
        poll(read, bool, Deadline(time.clock, 2), "it")
    assert caught.type is raised
