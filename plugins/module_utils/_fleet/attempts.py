# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attempts to get a certificate that failed before: when the next one is due. Pure, and standard library only.

Each order that fails costs the CA a validation, and CAs limit these: Let's Encrypt to 5 in an hour for a name, and it
pauses a name after 1,152 in a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .._common import failed_orders
from .._common.contracts import CertificateEntry, CountedOrder, HostCertificate
from .._common.statuses import FailureKind
from .._common.times import parse_utc, to_minute

_HOUR = timedelta(hours=1)
#: The pause after the first failure, which doubles with each further one, and the longest.
_FIRST, _LONGEST = _HOUR, 24 * _HOUR
#: A CA that is in trouble is asked again by the next run. After so many failures it is no passing trouble.
_PATIENCE, _LONGEST_OF_CA = 3, 6 * _HOUR
#: Of certificates that were issued and cannot be used, the next run orders a second one, and then there is one in this
#: time, also near the end of the live one: five in a week, as many as Let's Encrypt issues for the same identifiers.
_AT_ONCE, _PAUSE_OF_CERTIFICATES = 2, 48 * _HOUR
#: With less time left, the pause is this part of it, and never less than the shortest; likewise with the time since
#: the end, up to the longest. A certificate that never existed has no end, and costs no more than a pause of a day.
_PART_OF_REST, _LONGEST_AFTER_END = 4, 6 * _HOUR
_SHORTEST = timedelta(minutes=20)  # 3 of the 5 failures that Let's Encrypt allows in an hour
_JITTER = 20  # the part of a pause by which it may be shorter
#: So many hosts have to say that a CA has asked to wait before all orders there wait: no host alone delays others.
_MANY = 3
#: Clocks of controllers differ. A failure that is later than this is none.
_CLOCKS_DIFFER = timedelta(minutes=10)

# The fields that may be the reason why an order fails. Deployment and reloads come after it.
_OF_ENTRY = (
    "challenge",
    "key_type",
    "webroot",
    "http_01_listen",
    "tls_alpn_01_listen",
    "profile",
    "not_before",
    "not_after",
)


def settings_digest(directories: Iterable[str], settings: Mapping[str, Any]) -> str:
    """Return the digest of the settings that all orders have in common.

    *directories*: the URLs of the CAs. *settings*: options without secrets, since hosts keep a digest of them.
    """
    return _digest([sorted(directories), settings])


def digest(entry: CertificateEntry, settings: str) -> str:
    """Return the digest of what an order is made with; with another one, an attempt may succeed that failed before.

    *settings*: a settings_digest().
    """
    identifiers = sorted(json.dumps(item, sort_keys=True) for item in entry.identifiers)
    return _digest([identifiers, entry.options(_OF_ENTRY), settings])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Attempts:
    """The attempts at one certificate that have failed in a row with the present settings.

    certificate: host and name, which the jitter follows from. failed: as the host recorded them. end: until when the
    live certificate is valid; None without one. alike: how many certificates that fail have a name of it, this one
    included: together they keep the CA's limit for a name.
    """

    certificate: str
    failed: Sequence[CountedOrder] = ()
    end: datetime | None = None
    alike: int = 1

    @classmethod
    def recorded(cls, certificate: HostCertificate, host: str, digest: str, now: datetime) -> Attempts:
        """Return the attempts of what a host recorded that count: with this *digest*, and not later than *now*."""
        live, latest = certificate.live, now + _CLOCKS_DIFFER
        counted = [item for item in certificate.failed if item.digest == digest and parse_utc(item.at) <= latest]
        end = parse_utc(live.not_after) if live and live.not_after else None
        return cls(f"{host} {certificate.name}", sorted(counted, key=lambda item: item.at), end)

    def with_another(self, kind: FailureKind, directory: str, at: str, retry_at: str | None) -> Attempts:
        """Return the attempts after another failure, as the host records it."""
        digest = self.failed[0].digest if self.failed else None
        another = {"kind": kind, "directory": directory, "at": at, "retry_at": retry_at, "digest": digest}
        counted = failed_orders.with_another([vars(item) for item in self.failed], another)
        return replace(self, failed=[CountedOrder(**item) for item in counted])

    def without(self, kind: FailureKind) -> Attempts:
        """Return the attempts but for those that failed at *kind*."""
        return replace(self, failed=[item for item in self.failed if item.kind != kind])

    def text(self) -> str:
        """Return since when, and how often, attempts have failed; empty without any."""
        if not self.failed:
            return ""
        since = to_minute(parse_utc(min(item.since or item.at for item in self.failed)))
        several = f"{self._count} attempts have failed since {since}"
        return several if self._count > 1 else f"an attempt failed at {since}"

    @property
    def _count(self) -> int:
        return sum(item.count or 1 for item in self.failed)

    @property
    def problem(self) -> str:
        """The reason of the last failure."""
        return (self.failed[-1].problem or "") if self.failed else ""

    def outlook(self, directories: Collection[str], now: datetime) -> str:
        """Return since when attempts have failed, and when the next one is, for people; empty without any."""
        if not self.failed:
            return ""
        waits = self.waits(directories, now)
        again = "the next run tries again" if len(waits) < len(directories) else when(min(waits.values()))
        return f"{self.text()}; {again}" if self._count > 1 else again

    def waits(self, directories: Collection[str], now: datetime) -> dict[str, datetime]:
        """Return until when each CA is not asked, by its URL; CAs that may be asked now are left out.

        *directories*: the URLs of all CAs.
        """
        found = {url: self._next_at(url) for url in directories}
        return {url: at for url, at in found.items() if at and at > now}

    def _next_at(self, url: str) -> datetime | None:
        """Return when the CA with this *url* is asked next; None if nothing keeps it from being asked."""
        # A validation fails for the sake of the name, at whatever CA.
        validations = [item for item in self.failed if item.kind == FailureKind.VALIDATION]
        count = sum(item.count or 1 for item in validations)
        instants = [parse_utc(item.at) + self._pause(count, item.at) for item in validations]
        for item in self.failed:
            at = parse_utc(item.at)
            if item.directory != url:
                continue
            if item.kind == FailureKind.REFUSAL:
                instants.append(at + self._pause(item.count or 1, item.at))
            if item.kind == FailureKind.CERTIFICATE and (item.count or 1) >= _AT_ONCE:
                instants.append(at + _PAUSE_OF_CERTIFICATES)
            if item.kind == FailureKind.CA:
                instants.append(_retry_at(item) or at + self._pause_of_ca(item))
        return max(instants, default=None)

    def _pause_of_ca(self, item: CountedOrder) -> timedelta:
        count = (item.count or 1) - _PATIENCE
        return min(self._pause(count, item.at), _LONGEST_OF_CA) if count > 0 else timedelta(0)

    def _pause(self, count: int, at: str) -> timedelta:
        """Return the pause after so many failures in a row, of which the last was *at* this instant."""
        pause: timedelta = min(_FIRST * 2 ** min(count - 1, 10), _LONGEST)
        if self.end:
            left = self.end - parse_utc(at)
            near = left / _PART_OF_REST if left > timedelta(0) else min(-left / _PART_OF_REST, _LONGEST_AFTER_END)
            pause = min(pause, max(near, _SHORTEST * self.alike))
        chance = int.from_bytes(hashlib.sha256(f"{self.certificate} {count}".encode()).digest()[:8], "big") / 2**64
        return max(_SHORTEST, pause * (1 - chance / _JITTER))


def parked(failed: Mapping[str, Iterable[CountedOrder]], now: datetime) -> dict[str, datetime]:
    """Return until when a CA has trouble with all orders, by its URL.

    *failed*: what each host recorded with the present settings, by host.

    It is so if several hosts have orders that the CA has asked to wait: the instant is one that all of these wait for.
    """
    by_ca: dict[str, list[datetime]] = {}
    for items in failed.values():
        of_host: dict[str, datetime] = {}
        for item in items:
            until = _retry_at(item) if item.kind == FailureKind.CA else None
            if until and until > now and parse_utc(item.at) <= now + _CLOCKS_DIFFER:
                of_host[item.directory] = max(until, of_host.get(item.directory, until))
        for url, until in of_host.items():
            by_ca.setdefault(url, []).append(until)
    return {url: sorted(instants)[-_MANY] for url, instants in by_ca.items() if len(instants) >= _MANY}


def _retry_at(item: CountedOrder) -> datetime | None:
    """Return until when the CA asked to wait, but a day at most: after that, a question does no harm."""
    return min(parse_utc(item.retry_at), parse_utc(item.at) + _LONGEST) if item.retry_at else None


def when(instant: datetime) -> str:
    """Return the instant of the next attempt, for people."""
    return f"the next attempt is at {to_minute(instant)}, or now with acme_retry_failed"
