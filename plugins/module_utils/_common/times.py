# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instants and durations as CAs, manifests and users write them. Standard library only: every run loads it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from .errors import OptionError
from .text import one_line

# Clocks are never the same, and what carries a time from one machine to another takes a while.
CLOCK_TOLERANCE = timedelta(minutes=5)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(?:[0-9]{1,9}[smhdw])+")
_INTERVAL = re.compile(r"[1-9][0-9]{0,4}[mhdw]")


def parse_time(value: object) -> datetime:
    """Parse an RFC 3339 time and return it as aware UTC datetime, cut to microseconds. Raises OptionError."""
    text = str(value).strip().upper().replace("Z", "+00:00")
    whole, point, fraction = text.partition(".")
    if point:
        digits = len(fraction) - len(fraction.lstrip("0123456789"))
        text = f"{whole}.{fraction[:digits][:6]:0<6}{fraction[digits:]}"
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise OptionError(f"'{one_line(value, 60)}' has no time zone")
        return instant.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise OptionError(f"'{one_line(value, 60)}' is not an RFC 3339 time") from None


def utc(instant: datetime) -> str:
    """Return an aware datetime in the format of manifests, YYYY-MM-DDTHH:MM:SSZ."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_minute(instant: datetime) -> str:
    """Return a UTC datetime for people, YYYY-MM-DD HH:MM UTC."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def to_length(length: timedelta) -> str:
    """Return a duration for people: 3 h 12 min, or in days if it is ten days or more."""
    if length >= timedelta(days=10):
        return f"{length.days} days"
    hours, minutes = divmod(int(length / timedelta(minutes=1)), 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes or not hours else ""]
    return " ".join(filter(None, parts))


def as_time(value: object) -> str:
    """Return *value* if it is a time as manifests have it (YYYY-MM-DDTHH:MM:SSZ), else an empty text."""
    try:
        return value if isinstance(value, str) and parse_utc(value) else ""
    except ValueError:
        return ""


def parse_utc(text: str) -> datetime:
    """Return a time as manifests have it (YYYY-MM-DDTHH:MM:SSZ) as aware UTC datetime. Raises ValueError."""
    # strptime takes twenty times as long, which counts where certificates are many.
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is not a manifest's time")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc)


def first_second(instant: datetime) -> str:
    """Return the first time in the format of manifests, which has whole seconds, that is not before *instant*."""
    return utc(instant + timedelta(seconds=1) if instant.microsecond else instant)


def parse_duration(text: str) -> timedelta:
    """Return the length of a duration such as 7d or 12h30m. Raises ValueError."""
    try:
        if _DURATION.fullmatch(text):
            parts = re.findall("([0-9]+)([a-z])", text)
            return sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in parts), timedelta())
    except OverflowError:
        pass
    raise ValueError(f"{text!r} is not a duration")


def span(length: timedelta) -> str:
    """Return a length of time for people, in whole days, hours or minutes."""
    minutes = int(length.total_seconds() // 60)
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit}"
    return f"{minutes} minutes"


def parse_interval(text: str) -> timedelta:
    """Return the length of run_interval, such as 1h or 1d; zero if it is empty. Raises OptionError."""
    given = text.strip()
    if not given:
        return timedelta()
    if not _INTERVAL.fullmatch(given):
        raise OptionError(f"run_interval '{one_line(text, 60)}' is not a duration. Give one such as 30m, 1h or 1d")
    return parse_duration(given)
