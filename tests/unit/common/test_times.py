# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants and durations as texts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import (
    as_time,
    first_second,
    parse_duration,
    parse_interval,
    parse_time,
    parse_utc,
    utc,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", HOUR / 2),
        ("12h30m", 12.5 * HOUR),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        ("0d", timedelta()),
    ],
)
def test_parse_duration_valid(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "30", "d", "1y", "1 h", "-1h", "1.5h", "1h ", "999999999w", "1000000000s"])
def test_parse_duration_invalid(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [("", timedelta(0)), ("30m", HOUR / 2), ("1h", HOUR), (" 1d ", DAY), ("2w", 14 * DAY)],
)
def test_parse_interval_valid(text, length):
    assert parse_interval(text) == length


@pytest.mark.parametrize("text", ["daily", "1", "h", "0h", "-1h", "1 h", "1h30m", "90s", "100000m"])
def test_parse_interval_invalid(text):
    with pytest.raises(OptionError, match=r"is not a duration\. Give one such as 30m, 1h or 1d"):
        parse_interval(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-24T12:00:00Z", NOON),
        ("2026-11-24t12:00:00z", NOON),
        ("2026-11-24 14:00:00+02:00", NOON),
        ("2026-11-24T12:00:00.5Z", NOON + timedelta(microseconds=500000)),
        ("2026-11-24T12:00:00.1234567Z", NOON + timedelta(microseconds=123456)),
    ],
)
def test_parse_time_valid(text, instant):
    assert parse_time(text) == instant
    assert parse_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2026-11-24T12:00:00", "has no time zone"),
        ("2026-02-31T12:00:00Z", "is not an RFC 3339 time"),
        ("0001-01-01T00:00:00+14:00", "is not an RFC 3339 time"),
        ("tomorrow", "is not an RFC 3339 time"),
        (None, "is not an RFC 3339 time"),
    ],
)
def test_parse_time_invalid(text, problem):
    with pytest.raises(OptionError, match=f"'{text}' {problem}".replace("+", r"\+")):
        parse_time(text)


def test_parse_utc_returns_what_utc_wrote():
    assert parse_utc(utc(NOON.astimezone(timezone(2 * HOUR)))) == NOON


@pytest.mark.parametrize(
    "text", ["", "2026-11-24T12:00:00", "2026-11-24", "2026-11-24T12:00:00.5Z", "2026-11-24 12:00:00Z"]
)
def test_parse_utc_other_format_raises(text):
    assert as_time(text) == ""
    with pytest.raises(ValueError, match="is not a manifest's time"):
        parse_utc(text)


def test_parse_utc_day_that_does_not_exist_raises():
    with pytest.raises(ValueError, match="day"):
        parse_utc("2026-02-31T12:00:00Z")


@pytest.mark.parametrize("value", [None, 12, ["2026-11-24T12:00:00Z"]])
def test_as_time_not_a_text_is_empty(value):
    assert as_time(value) == ""


def test_first_second_rounds_up():
    assert first_second(NOON) == "2026-11-24T12:00:00Z"
    assert first_second(NOON + timedelta(microseconds=1)) == "2026-11-24T12:00:01Z"
