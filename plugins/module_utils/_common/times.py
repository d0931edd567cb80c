# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instants and durations as CAs, manifests and people write them. Standard library only: it runs in every run."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from .errors import OptionError
from .text import one_line

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhdw])")


def parse_time(value: object) -> datetime:
    """Return an RFC 3339 time as aware UTC datetime, cut to microseconds. Raises OptionError."""
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
    """Return an aware UTC datetime as manifests have it."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_time(value: object) -> str:
    """Return the value if it is a time as manifests have it, else an empty text."""
    return value if isinstance(value, str) and _TIME.fullmatch(value) else ""


def parse_utc(text: str) -> datetime:
    """A manifest's time, YYYY-MM-DDTHH:MM:SSZ, as aware UTC."""
    # strptime takes twenty times as long, which counts where certificates are many.
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is not a manifest's time")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=timezone.utc)


def first_second(instant: datetime) -> str:
    """The first of a manifest's times, which are whole seconds, that is not before *instant*."""
    return utc(instant + timedelta(seconds=1) if instant.microsecond else instant)


def span(text: str) -> timedelta:
    """From "1h" or "1d"; nothing if it is empty. Raises OptionError."""
    if not text.strip():
        return timedelta(0)
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise OptionError(f"run_interval '{one_line(text, 60)}' is not a span of time: give 30m, 1h or 1d")
    return int(found[1]) * _UNITS[found[2]]
