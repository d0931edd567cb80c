# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deviations: a CA did otherwise than it was asked for, without refusing the order. Pure; texts are for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from .._common.errors import OptionError
from .._common.times import parse_duration, parse_time, span, utc
from .order import Order
from .validity import RequestedValidity

# CAs date certificates back, and round.
_TOLERANCE = timedelta(hours=1)
# A duration counts from newOrder, and an order may be resumed for as long as this.
_LONGEST_ORDER = timedelta(days=7)


def of_order(order: Order, profile: str | None, replaces: str | None, refusal: str = "") -> tuple[str, ...]:
    """Return what the answer to newOrder has otherwise. *refusal*: why the order was made without *replaces*."""
    found = []
    if refusal:
        found.append(f"the CA refused 'replaces', so the order was made without it ({refusal})")
    elif replaces and order.replaces != replaces:  # RFC 9773 section 5: the order has it if the CA accepts it
        found.append("the CA ignored 'replaces': its order does not name the certificate that it replaces")
    if profile and order.profile != profile:  # draft-ietf-acme-profiles section 4
        has = f"the profile '{order.profile}'" if order.profile else "no profile"
        found.append(f"the CA ignored the profile '{profile}': its order has {has}")
    return tuple(found)


def of_certificate(validity: RequestedValidity, not_before: datetime, not_after: datetime) -> tuple[str, ...]:
    """Return what the dates of a certificate are otherwise than asked for in *validity*.

    A duration until the end is compared roughly: it counts from an instant that only the run knows that made the order.
    """
    duration, life = _duration(validity.not_after), not_after - not_before
    if duration and abs(life - duration) > min(duration / 2, _LONGEST_ORDER):
        return (f"not_after {validity.not_after} was asked for, and the certificate is valid for {span(life)}",)
    return tuple(
        f"{option} {utc(asked)} was asked for, and the certificate {verb} at {utc(actual)}"
        for option, text, verb, actual in (
            ("not_before", validity.not_before, "begins", not_before),
            ("not_after", validity.not_after, "ends", not_after),
        )
        if (asked := _instant(text)) and abs(actual - asked) > _TOLERANCE
    )


def line(named: Iterable[tuple[str, Iterable[str]]], most: int = 3) -> str:
    """Return one line about several certificates; empty if no CA deviated. *named*: their names and deviations."""
    lines = [f"certificate {name}: {'; '.join(texts)}" for name, texts in named if texts]
    more = f"; and {len(lines) - most} more" if len(lines) > most else ""
    return "; ".join(lines[:most]) + more


def _duration(text: str | None) -> timedelta | None:
    try:
        return parse_duration(text[1:]) if text and text.startswith("+") else None
    except ValueError:
        return None


def _instant(text: str | None) -> datetime | None:
    try:
        return parse_time(text) if text else None
    except OptionError:
        return None
