# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retries: their number, their pauses, and cases without any."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.retry import Retry, is_retryable, is_too_late
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(200, False), (301, False), (400, False), (403, False), (429, True), (499, False), (500, True), (503, True)],
)
def test_is_retryable_status_returns_bool(status, retryable):
    assert is_retryable(status) is retryable


@pytest.mark.parametrize(
    ("pause", "seconds", "late"), [(1, None, False), (1, 2, False), (2, 2, True), (3, 2, True), (0, 0, True)]
)
def test_is_too_late(time, pause, seconds, late):
    assert is_too_late(pause, None if seconds is None else Deadline(time.clock, seconds)) is late


def test_retry_wait_silent_server_gets_one_more_attempt(time):
    retry = Retry(time.clock, 9)
    assert [retry.wait(is_silent=silent) for silent in (False, True, False, True)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("attempts", "seconds", "asked", "waits", "pauses"),
    [
        # One attempt fewer than there may be is followed by another.
        (1, None, [None], [False], []),
        (4, None, [None] * 4, [True, True, True, False], [0.75, 1.5, 3.0]),
        # Retry-After is the least pause; a long one ends the attempts.
        (3, None, [2.0, 0.0, 0.0], [True, True, False], [2.0, 1.5]),
        (3, None, [60.0, 60.5], [True, False], [60.0]),
        # None begins after the deadline.
        (9, 0.75, [None], [False], []),
        (9, 2.0, [None, None], [True, False], [0.75]),
        (9, 4.0, [5.0], [False], []),
    ],
)
def test_retry_wait_pauses_grow_until_limit(time, attempts, seconds, asked, waits, pauses):
    retry = Retry(time.clock, attempts, Deadline(time.clock, seconds) if seconds else None)
    assert [retry.wait(least) for least in asked] == waits
    assert time.pauses == pauses
