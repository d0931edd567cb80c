# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The instants in a certificate's life: when it is renewed, from when on that cannot wait. Standard library only."""

from __future__ import annotations

from datetime import datetime, timedelta

from .._common.contracts import Version
from .._common.times import parse_utc


def lifetime_point(not_before: datetime, not_after: datetime) -> datetime:
    """Return when to renew without renewal information: at 2/3 of the lifetime, at 1/2 of one below 10 days."""
    life = not_after - not_before
    return not_before + (life / 2 if life < timedelta(days=10) else life * 2 / 3)


def emergency_point(not_before: datetime, not_after: datetime) -> datetime:
    """Return from when on a renewal cannot wait: the middle between the lifetime point and the end."""
    return not_after - (not_after - lifetime_point(not_before, not_after)) / 2


def latest_start(not_before: datetime, not_after: datetime, interval: timedelta) -> datetime | None:
    """Return from when on a renewal cannot be left to the next run, for a job that runs every *interval*.

    The next run is to come before the emergency point or, for a job that runs too seldom for that, before the end.
    None if it cannot: then no run is early enough.
    """
    slack = max(interval / 10, timedelta(hours=1))  # a run may be late, and CAs date certificates back by an hour
    for too_late in (emergency_point(not_before, not_after), not_after - slack):
        if too_late - interval > not_before:
            return too_late - interval
    return None


def validity(version: Version) -> tuple[datetime, datetime]:
    """Return when the certificate of a version begins and ends to be valid. Raises ValueError if it has no dates."""
    if not version.not_before or not version.not_after:
        raise ValueError(f"version {version.version} has no dates")
    return parse_utc(version.not_before), parse_utc(version.not_after)
