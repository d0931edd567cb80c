# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan with orders that failed before: each waits for its next attempt, whatever the reason to issue is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .._common.contracts import CountedOrder
from .._common.statuses import Action, FailureKind
from .._common.times import to_minute
from .attempts import Attempts, digest, parked, settings_digest, when
from .plan import Planned


@dataclass(frozen=True)
class Retries:
    """When orders that failed are tried again.

    directories: the URLs of the CAs. settings: those that all orders have in common, without secrets. now: aware UTC.
    at_once: nothing waits, because the user wants so. is_forced: all certificates are issued again.
    """

    directories: Sequence[str]
    now: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)
    at_once: bool = False
    is_forced: bool = False

    def apply(self, planned: Sequence[Planned]) -> list[Planned]:
        """Return the plan in which orders that failed wait. An order that waits for one CA may go to the others."""
        common = settings_digest(self.directories, self.settings)
        troubled = {} if self.at_once else parked(_by_host(planned, common), self.now)
        result = [_with_digest(item, common) for item in planned]
        known = {number: self._attempts(item) for number, item in enumerate(result) if item.digest}
        names = Counter(
            name for number, attempts in known.items() if _fails(attempts) for name in set(planned[number].names)
        )
        for number, attempts in known.items():
            alike = max((names[name] for name in planned[number].names), default=0)
            result[number] = self._of_order(result[number], replace(attempts, alike=max(alike, 1)), troubled)
        return result

    def _attempts(self, item: Planned) -> Attempts:
        attempts = Attempts.recorded(item.certificate, item.host, item.digest or "", self.now)
        # A renewal is forced because of such a certificate. It mends nothing else.
        return attempts.without(FailureKind.CERTIFICATE) if self.is_forced or item.selected else attempts

    def _of_order(self, item: Planned, attempts: Attempts, troubled: Mapping[str, datetime]) -> Planned:
        text = attempts.text()
        if text:
            item = replace(item, failing=text)
            message = "; ".join(filter(None, (item.decision.message, text)))
            item = replace(item, decision=replace(item.decision, message=message))
        if self.at_once:
            return item
        own = attempts.waits(self.directories, self.now)
        waits = {url: max(filter(None, (own.get(url), troubled.get(url)))) for url in {*own, *troubled}}
        waits = {url: waits[url] for url in self.directories if url in waits}
        if len(waits) < len(self.directories):
            return replace(item, waits=waits)
        until = min(waits.values())
        why = [text, attempts.problem] if own else []
        if not own:
            why = [f"{url} has asked for a pause until {to_minute(at)}" for url, at in waits.items()]
        decision = item.decision.postponed("; ".join(filter(None, (*why, when(until)))), until)
        return replace(item, decision=decision, next_attempt=until)


def _with_digest(item: Planned, settings: str) -> Planned:
    """Return an order with the digest of what it is made with."""
    entry = item.certificate.wanted
    if item.decision.action != Action.ISSUE or entry is None:
        return item
    return replace(item, digest=digest(entry, settings))


def _fails(attempts: Attempts) -> bool:
    return any(item.kind == FailureKind.VALIDATION for item in attempts.failed)


def _by_host(planned: Iterable[Planned], settings: str) -> dict[str, list[CountedOrder]]:
    """Return the failures of each host that are of orders as they would be made now."""
    result: dict[str, list[CountedOrder]] = {}
    for item in planned:
        entry, failed = item.certificate.wanted, item.certificate.failed
        present = digest(entry, settings) if entry and failed else ""
        result.setdefault(item.host, []).extend(order for order in failed if order.digest == present)
    return result
