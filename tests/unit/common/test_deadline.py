# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deadlines: the seconds that are left."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline


def test_deadline_left_counts_down_to_zero(time):
    deadline = Deadline(time.clock, 5)
    time.sleep(3)
    assert deadline.left() == pytest.approx(2)
    time.sleep(3)
    assert deadline.left() == 0


def test_deadline_passed_is_the_real_time_in_tenths(time):
    deadline = Deadline(time.clock, 5)
    time.sleep(7.0432)
    assert deadline.passed() == 7.0
    time.sleep(0.1)
    assert deadline.passed() == 7.1


def test_deadline_extend_moves_its_end(time):
    deadline = Deadline(time.clock, 5)
    time.sleep(4)
    deadline.extend(3)
    assert deadline.left() == pytest.approx(4)
    assert deadline.passed() == pytest.approx(4)
