# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CA's clock, as the Date of its answers shows it (RFC 9110 section 6.6.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from .._common.clock import Clock
from .._common.times import CLOCK_TOLERANCE, span

# A date that is further away shows no clock that is wrong, and instants counted from it might not exist.
_LARGEST = timedelta(days=3653)


def parse_date(value: str) -> datetime | None:
    """Return an HTTP date (RFC 9110 section 5.6.7) as aware UTC datetime; None if it is malformed."""
    try:
        instant = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=timezone.utc)


def ahead_of(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return by how much the clock that sent *headers* is ahead of *now*; zero within CLOCK_TOLERANCE.

    None if they have no credible Date.
    """
    sent = parse_date(headers.get("Date", ""))
    if sent is None or abs(sent - now) > _LARGEST:
        return None
    ahead = sent - now
    return ahead if abs(ahead) > CLOCK_TOLERANCE else timedelta(0)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return Retry-After, seconds or an HTTP date (RFC 9110 section 10.2.3), as seconds from *now*, at least 0.

    None if it is absent or malformed.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    instant = parse_date(value)
    if instant is None:
        return None
    # Compared with the clock that set it.
    ahead = ahead_of(headers, now) or timedelta(0)
    return max(0.0, (instant - now - ahead).total_seconds())


def shifted(clock: Clock, ahead: Callable[[], timedelta]) -> Clock:
    """Return *clock* with another time of day: that of a clock which is *ahead* by so much at each call."""
    return replace(clock, now=lambda: clock.now() + ahead())


def warning(url: str, ahead: timedelta) -> str:
    """Return a line about a difference, or an empty text if there is none. *url*: of the CA's directory."""
    if not ahead:
        return ""
    place = "behind" if ahead > timedelta(0) else "ahead of"
    return (
        f"this machine's clock is {span(abs(ahead))} {place} that of the CA {url}, whose time is used in its place. "
        "Set the clock"
    )
