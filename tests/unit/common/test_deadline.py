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


@pytest.mark.parametrize(("seconds", "passed"), [(0.04, 0.0), (0.16, 0.2), (5.06, 5), (7.6, 8), (86400.2, 86400)])
def test_deadline_passed_is_the_real_time(time, seconds, passed):
    deadline = Deadline(time.clock, 5)
    time.sleep(seconds)
    assert deadline.passed() == passed


def test_deadline_extend_moves_its_end(time):
    deadline = Deadline(time.clock, 5)
    time.sleep(4)
    deadline.extend(3)
    assert deadline.left() == pytest.approx(4)
    assert deadline.passed() == pytest.approx(4)
