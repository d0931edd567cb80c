# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes about TXT records: when a run has left one, and when it is forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.module_utils._common.txt_notes import is_last, is_left, is_valid
from tests.unit import contracts

NOW = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
NOTE = {name: getattr(contracts.noted(), name) for name in ("name", "value", "key_authorization", "noted", "until")}


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (NOW - DAY, True),
        (NOW, True),
        (NOW + SECOND, False),  # the run that noted it may need it
        (NOW + 7 * DAY, False),
        (NOW + 7 * DAY + SECOND, True),  # no run takes so long: a clock was wrong
    ],
)
def test_is_left_after_the_time_of_the_run_that_noted_it(until, expected):
    assert is_left(utc(until), NOW) is expected


@pytest.mark.parametrize(
    ("noted", "expected"),
    [(NOW - 30 * DAY + SECOND, False), (NOW - 30 * DAY, True), (NOW, False), (NOW + DAY, False)],
)
def test_is_last_after_30_days(noted, expected):
    assert is_last(utc(noted), NOW) is expected


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("name", "_acme-challenge.shop.example", True),
        ("name", "_ujmmovf2vn55tgye._acme-challenge.shop.example", True),
        ("name", "_validation-persist.shop.example", False),
        ("name", "shop.example", False),
        ("value", "v=spf1 -all", False),
        ("key_authorization", "no dot", False),
        ("noted", "yesterday", False),
        ("until", "", False),
    ],
)
def test_is_valid_needs_the_form_of_a_challenge(field, value, expected):
    assert is_valid({**NOTE, field: value}) is expected
