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
