# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CA's rate limits, and what is left of them. Pure.

They are token buckets, as those of Let's Encrypt: a limit of 50 in 7 days allows 50 at once, and then one every 202
minutes. Only orders that led to a certificate are known, so more may be used than is known, never less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from .._acme.errors import AcmeOptionError
from .._acme.known_cas import SHORT_NAMES, resolve_directory
from .._common.text import one_line, suggestion
from .._common.times import parse_duration

#: Kinds of orders that CAs count differently: for a set of names that is new to the CA, for the same set as before, and
#: one that replaces a certificate within the window of its renewal information.
NEW, RENEWAL, EXEMPT = "new", "renewal", "exempt"

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})([mhdw])")
_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}


@dataclass(frozen=True)
class Rate:
    """A number of orders or certificates in a period. text: the period in words."""

    count: int
    period: timedelta
    text: str

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Parse a text such as "50/7d". Raises AcmeOptionError."""
        found = _RATE.fullmatch(text.strip())
        if not found:
            raise AcmeOptionError(f"'{one_line(text, 60)}' is not a limit: give a count and a span, 50/7d or 300/3h")
        count, number, unit = int(found[1]), int(found[2]), _UNITS[found[3]]
        period = parse_duration(found[2] + found[3])
        return cls(count, period, f"{number} {unit}{'s' if number > 1 else ''}")

    @property
    def each(self) -> timedelta:
        """The time after which there is room for one more."""
        return self.period / self.count


@dataclass(frozen=True)
class Limits:
    """The limits of a CA; None for no limit. renewals_exempt: renewals count only for certificates_per_set."""

    orders: Rate | None = None
    certificates_per_domain: Rate | None = None
    certificates_per_set: Rate | None = None
    renewals_exempt: bool = False

    @classmethod
    def parse(cls, options: Any, base: Limits) -> Limits:
        """Return *base*, changed by *options*: texts as "50/7d", empty for no limit. Raises AcmeOptionError."""
        names = [field.name for field in fields(cls)]
        unknown = sorted(map(str, set(options) - set(names))) if isinstance(options, Mapping) else [""]
        if unknown:
            what = f"'{one_line(unknown[0], 60)}' is not a limit{suggestion(unknown[0], names)}: " if unknown[0] else ""
            raise AcmeOptionError(f"{what}the limits of a CA are a mapping of {', '.join(names)}")
        rates = {
            name: Rate.parse(str(options[name])) if options[name] else None for name in names[:3] if name in options
        }
        try:
            exempt = bool(boolean(options.get("renewals_exempt", base.renewals_exempt)))
        except TypeError:
            raise AcmeOptionError("renewals_exempt is neither true nor false") from None
        return cls(**{**vars(base), **rates, "renewals_exempt": exempt})


# https://letsencrypt.org/docs/rate-limits/
SHIPPED = {
    SHORT_NAMES["letsencrypt"]: Limits(Rate.parse("300/3h"), Rate.parse("50/7d"), Rate.parse("5/7d"), True),
    SHORT_NAMES["letsencrypt-staging"]: Limits(
        Rate.parse("1500/3h"), Rate.parse("30000/7d"), Rate.parse("30000/7d"), True
    ),
}


def limits_of_all(options: Mapping[str, Any], own: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Limits]:
    """Return each CA's limits by the URL of its directory: SHIPPED, changed by *options* and then by *own*.

    *options*: acme_limits, by name or URL. *own*: those of elements of acme_directory, by URL. Raises AcmeError.
    """
    result = dict(SHIPPED)
    for name, limits in (*options.items(), *own.items()):
        url = resolve_directory(str(name))
        try:
            result[url] = Limits.parse(limits, result.get(url, Limits()))
        except AcmeOptionError as error:
            raise AcmeOptionError(f"acme_limits: {error}") from None
    return result


class _Bucket:
    """One limit for one account, domain or set: the generic cell rate algorithm."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._empty: datetime | None = None  # when all of it would be there again
        self._waiting = 0

    def spend(self, at: datetime) -> None:
        self._empty = max(self._empty or at, at) + self._rate.each

    def opens(self) -> datetime | None:
        """Return when there is room for one more than those that wait already; None if it was never used."""
        if self._empty is None:
            return None
        return self._empty - self._rate.period + (1 + self._waiting) * self._rate.each

    def wait(self) -> None:
        self._waiting += 1


@dataclass(frozen=True)
class Opening:
    """The instant from which on there is room for an order, and the limit that it waits for, in words."""

    at: datetime
    limit: str


class Budget:
    """The part of a CA's limits that is left at *now*. domain_of: returns the registered domain of a name."""

    def __init__(self, limits: Limits, now: datetime, domain_of: Callable[[str], str]) -> None:
        self.limits = limits
        self.now = now
        self._domain_of = domain_of
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def record(self, past: Iterable[tuple[datetime, Collection[str], str]]) -> None:
        """Count past orders: instants, identifiers and kinds."""
        for at, identifiers, kind in sorted(past, key=lambda spent: spent[0]):
            self.spend(identifiers, kind, min(at, self.now))

    def spend(self, identifiers: Collection[str], kind: str, at: datetime | None = None) -> None:
        """Count an order."""
        for bucket, _text in self._of(identifiers, kind):
            bucket.spend(at or self.now)

    def opening(self, identifiers: Collection[str], kind: str) -> Opening | None:
        """Return what an order has to wait for; None if there is room."""
        last = None
        for bucket, text in self._of(identifiers, kind):
            at = bucket.opens()
            if at and at > self.now and (last is None or at > last.at):
                last = Opening(at, text)
        return last

    def wait(self, identifiers: Collection[str], kind: str) -> None:
        """Let an order wait, and later ones behind it."""
        for bucket, _text in self._of(identifiers, kind):
            bucket.wait()

    def _of(self, identifiers: Collection[str], kind: str) -> list[tuple[_Bucket, str]]:
        """Return the limits that count an order, each with a text for people."""
        if kind == EXEMPT:
            return []
        limits = self.limits
        found: list[tuple[Rate | None, str, str]] = [
            (limits.certificates_per_set, ",".join(sorted(identifiers)), "certificates for the same names")
        ]
        if kind == NEW or not limits.renewals_exempt:
            found.append((limits.orders, "", "orders"))
            for domain in sorted({self._domain_of(name) for name in identifiers}):
                found.append((limits.certificates_per_domain, domain, f"certificates of {domain}"))
        result = []
        for rate, key, what in found:
            if rate:
                bucket = self._buckets.setdefault((what, key), _Bucket(rate))
                result.append((bucket, f"{rate.count} {what} in {rate.text}"))
        return result
