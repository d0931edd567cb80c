# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CA's rate limits, and what is left of them. Pure; of libraries beside Python's it needs Ansible's alone.

They are token buckets, as Let's Encrypt has them: a limit of 50 in 7 days lets 50 pass at once, and then one every
202 minutes. What was spent is known from certificates alone, so more may be spent than is known, never less.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from .._acme.errors import AcmeOptionError
from .._acme.known_cas import SHORT_NAMES, resolve_directory
from .._common.text import one_line, suggestion
from .._common.times import parse_duration

#: What an order is to a CA: one for names that it has not seen together, the next one for the same names, or one that
#: replaces a certificate within the window of its renewal information.
NEW, RENEWAL, EXEMPT = "new", "renewal", "exempt"

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})([mhdw])")
_UNITS = {"m": "minute", "h": "hour", "d": "day", "w": "week"}


@dataclass(frozen=True)
class Rate:
    """So many in a span of time."""

    count: int
    period: timedelta
    text: str = ""

    @classmethod
    def parse(cls, text: str) -> Rate:
        """From "50/7d". Raises AcmeOptionError."""
        found = _RATE.fullmatch(text.strip())
        if not found:
            raise AcmeOptionError(
                f"acme_limits: '{one_line(text, 60)}' is not a limit: give a count and a span, 50/7d or 300/3h"
            )
        count, number, unit = int(found[1]), int(found[2]), _UNITS[found[3]]
        period = parse_duration(found[2] + found[3])
        return cls(count, period, f"{count} in {number} {unit}{'s' if number > 1 else ''}")

    @property
    def each(self) -> timedelta:
        """After how long there is room for one more."""
        return self.period / self.count


@dataclass(frozen=True)
class Limits:
    """What a CA allows; None where it does not limit. renewals_exempt: only the last one holds for the same names."""

    orders: Rate | None = None
    certificates_per_domain: Rate | None = None
    certificates_per_set: Rate | None = None
    renewals_exempt: bool = False

    @classmethod
    def parse(cls, options: Any, base: Limits) -> Limits:
        """*base*, with what *options* say otherwise: texts as "50/7d"; empty means no limit. Raises AcmeOptionError."""
        names = [field.name for field in fields(cls)]
        unknown = sorted(map(str, set(options) - set(names))) if isinstance(options, Mapping) else [""]
        if unknown:
            what = f"'{one_line(unknown[0], 60)}' is not a limit{suggestion(unknown[0], names)}: " if unknown[0] else ""
            raise AcmeOptionError(f"acme_limits: {what}the limits of a CA are a mapping of {', '.join(names)}")
        rates = {
            name: Rate.parse(str(options[name])) if options[name] else None for name in names[:3] if name in options
        }
        try:
            exempt = bool(boolean(options.get("renewals_exempt", base.renewals_exempt)))
        except TypeError:
            raise AcmeOptionError("acme_limits: renewals_exempt is neither true nor false") from None
        return cls(**{**vars(base), **rates, "renewals_exempt": exempt})


# https://letsencrypt.org/docs/rate-limits/
SHIPPED = {
    SHORT_NAMES["letsencrypt"]: Limits(Rate.parse("300/3h"), Rate.parse("50/7d"), Rate.parse("5/7d"), True),
    SHORT_NAMES["letsencrypt-staging"]: Limits(
        Rate.parse("1500/3h"), Rate.parse("30000/7d"), Rate.parse("30000/7d"), True
    ),
}


def limits_of_all(options: Mapping[str, Any]) -> dict[str, Limits]:
    """The limits of each CA by the URL of its directory: those shipped, and what *options* say by name or URL."""
    result = dict(SHIPPED)
    for name, own in options.items():
        url = resolve_directory(str(name))
        result[url] = Limits.parse(own, result.get(url, Limits()))
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
        """When there is room for one more, and for those that wait already; None: it has never been used."""
        if self._empty is None:
            return None
        return self._empty - self._rate.period + (1 + self._waiting) * self._rate.each

    def wait(self) -> None:
        self._waiting += 1


@dataclass(frozen=True)
class Opening:
    """From when on an order has room, and the limit that it waits for, in words."""

    at: datetime
    limit: str


class Budget:
    """What is left of a CA's limits at an instant. domain_of: the registered domain of a name, in words."""

    def __init__(self, limits: Limits, now: datetime, domain_of: Callable[[str], str]) -> None:
        self.limits = limits
        self.now = now
        self._domain_of = domain_of
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def record(self, past: Iterable[tuple[datetime, Collection[str], str]]) -> None:
        """Take what was spent: instants, identifiers and kinds."""
        for at, identifiers, kind in sorted(past, key=lambda spent: spent[0]):
            self.spend(identifiers, kind, min(at, self.now))

    def spend(self, identifiers: Collection[str], kind: str, at: datetime | None = None) -> None:
        """Count an order."""
        for bucket, _text in self._of(identifiers, kind):
            bucket.spend(at or self.now)

    def opening(self, identifiers: Collection[str], kind: str) -> Opening | None:
        """What an order has to wait for; None if there is room."""
        last = None
        for bucket, text in self._of(identifiers, kind):
            at = bucket.opens()
            if at and at > self.now and (last is None or at > last.at):
                last = Opening(at, text)
        return last

    def wait(self, identifiers: Collection[str], kind: str) -> None:
        """Have an order wait before those that come after it."""
        for bucket, _text in self._of(identifiers, kind):
            bucket.wait()

    def _of(self, identifiers: Collection[str], kind: str) -> list[tuple[_Bucket, str]]:
        """The limits that an order is held to."""
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
                result.append((bucket, f"{rate.count} {what} {rate.text.split(' ', 1)[1]}"))
        return result
