# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan within the rate limits of the CAs: the most urgent is ordered first, and what can wait is postponed.

Pure but for the Public Suffix List, which is read only if there is much to order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from .._acme.known_cas import name_of
from .._common.contracts import CountedOrder
from .._common.statuses import Action, Reason
from .._common.times import parse_utc, to_minute, utc
from .issuance_history import RecordedCertificate, reaches_back_to
from .lifetime import emergency_point, validity
from .plan import Planned
from .rate_limits import EXEMPT, NEW, RENEWAL, Budget, Limits, Opening
from .routes import Cas

_MOST_WARNINGS = 5
# For each of its certificates, no host can claim to have used more of a limit that others share.
_MOST_CLAIMED = 5
#: An order that a CA has counted: its instant, its identifiers, and NEW or RENEWAL.
Spent = tuple[datetime, Collection[str], str]
#: A CA, by the URL of its directory, and a set of names.
_Set = tuple[str, frozenset[str]]
_NEVER = datetime.max.replace(tzinfo=timezone.utc)


def keep_within(
    planned: Sequence[Planned],
    limits: Mapping[str, Limits],
    cas: Cas,
    now: datetime,
    domain_of: Callable[[str], str],
    read_record: Callable[[], Sequence[RecordedCertificate]] = tuple,
) -> tuple[list[Planned], list[str]]:
    """Return the plan with no more orders than *limits* (by CA) allow, and warnings about what waits.

    *cas*: the CAs that *planned* was routed among. An order goes to the first CA of its route that has room for it.
    *domain_of*: that of a Budget. *read_record* returns the controller's record. Both are called only if needed.
    """
    numbers = [number for number, plan in enumerate(planned) if plan.decision.action == Action.ISSUE]
    counted = [(planned[number], url) for number in numbers for url in planned[number].cas if url in limits]
    if all(_kind(plan, url, now) == EXEMPT for plan, url in counted):
        return list(planned), []
    own = {url: limits[url] for _plan, url in counted}
    budgets = _budgets(_past(planned, now, read_record()), len(numbers), own, now, domain_of)
    result = list(planned)
    waiting: list[tuple[Opening, Action]] = []
    ordered: set[_Set] = set()
    for number in sorted(numbers, key=lambda number: _urgency(planned[number])):
        plan, opening = _placed(planned[number], budgets, cas, now, ordered)
        result[number] = plan
        if opening:
            waiting.append((opening, plan.decision.action))
    return result, _warnings(waiting)


def _budgets(
    past: Mapping[str, list[Spent]],
    orders: int,
    limits: Mapping[str, Limits],
    now: datetime,
    domain_of: Callable[[str], str],
) -> dict[str, Budget]:
    budgets = {}
    for url, own in limits.items():
        spent = past.get(url, [])
        per_domain = own.certificates_per_domain
        if per_domain and len(spent) + orders <= per_domain.count:
            own = replace(own, certificates_per_domain=None)  # it would not be reached even if all were of one domain
        budgets[url] = Budget(own, now, domain_of if own.certificates_per_domain else str)
        budgets[url].record(spent)
    return budgets


def _past(planned: Iterable[Planned], now: datetime, record: Sequence[RecordedCertificate]) -> dict[str, list[Spent]]:
    """Return the orders of the last days by CA: from the controller's record if it reaches back, else from hosts."""
    oldest = utc(now - timedelta(days=8))
    return _recorded(record, oldest) if reaches_back_to(record, oldest) else _claimed_by_hosts(planned, oldest)


def _recorded(record: Sequence[RecordedCertificate], oldest: str) -> dict[str, list[Spent]]:
    """Return the orders in the record after *oldest*, by CA."""
    result: dict[str, list[Spent]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    counted: set[tuple[str, str]] = set()
    for item in record:
        of, which = (item.directory, frozenset(item.names)), (item.directory, item.serial)
        # Several runs may have downloaded a certificate that its host could not use yet.
        if item.time > oldest and which not in counted:
            kind = RENEWAL if of in seen else NEW
            result.setdefault(item.directory, []).append((parse_utc(item.time), item.names, kind))
        seen.add(of)
        counted.add(which)
    return result


def _claimed_by_hosts(planned: Iterable[Planned], oldest: str) -> dict[str, list[Spent]]:
    """Return the orders that hosts report, by CA; one for a certificate that several of them share."""
    result: dict[str, dict[Any, Spent]] = {}
    for plan in planned:
        issued = () if plan.certificate.invalid else plan.certificate.issued[-_MOST_CLAIMED:]
        for item in issued:
            if item.at > oldest:
                key = (plan.name if plan.is_shared else (plan.host, plan.name), item.serial)
                spent = (parse_utc(item.at), _believed(plan.names, item), RENEWAL if item.renewal else NEW)
                result.setdefault(item.directory, {})[key] = spent
    return {url: list(spent.values()) for url, spent in result.items()}


def _believed(identifiers: Collection[str], order: CountedOrder) -> Collection[str]:
    """Return what an order that a host reports counts for. *identifiers*: those of the host's entry.

    An order for other names counts for the domains of the entry, as another set: no certificate has a name twice.
    """
    return identifiers if set(order.identifiers or ()) == set(identifiers) else [*identifiers, *identifiers]


def _placed(
    plan: Planned, budgets: Mapping[str, Budget], cas: Cas, now: datetime, ordered: set[_Set]
) -> tuple[Planned, Opening | None]:
    """Return the plan with the CA to order from in this run, or postponed with the limit that it waits for.

    *ordered*: what the orders of this run before it are for; it is added to.
    """
    identifiers, openings, passed = plan.names, [], dict(plan.passed)
    for url in plan.cas:
        budget = budgets.get(url)
        # To the CA, the second order for a set of names is a renewal, whatever host and key it is for.
        same = (url, frozenset(identifiers))
        kind = RENEWAL if same in ordered and _kind(plan, url, now) == NEW else _kind(plan, url, now)
        opening = budget.opening(identifiers, kind) if budget else None
        if opening is None:
            ordered.add(same)
            if budget:
                budget.spend(identifiers, kind)
            return cas.ordered_from(replace(plan, passed=passed), url), None
        openings.append((opening, url, kind))
        passed[url] = _reached(opening)
    opening, url, kind = min(openings, key=lambda entry: entry[0].at)
    budgets[url].wait(identifiers, kind)
    opening = replace(opening, limit=f"{opening.limit} at {name_of(url)}")
    return replace(plan, decision=plan.decision.postponed(_reached(opening), opening.at)), opening


def _reached(opening: Opening) -> str:
    return f"the limit of {opening.limit} is reached; there is room again at {to_minute(opening.at)}"


def _kind(plan: Planned, url: str, now: datetime) -> str:
    """Return what an order is to the CA whose directory is at *url*: NEW, RENEWAL or EXEMPT."""
    pending = plan.journaled
    if pending and pending.directory == url and set(pending.identifiers) == set(plan.names):
        return EXEMPT  # it has been made
    live = plan.certificate.live
    if not live or live.directory != url:
        return NEW
    if plan.replaces_ari_id and plan.info and plan.info.is_open(now):
        return EXEMPT  # RFC 9773 section 5, and Let's Encrypt's rule
    return RENEWAL if set(live.identifiers) == set(plan.names) else NEW


def _urgency(plan: Planned) -> tuple[bool, bool, bool, bool, bool, datetime]:
    """Return a key to sort by urgency: what cannot wait, is revoked, is to be replaced, is due; forced orders last.

    One whose live certificate only lacks a name comes after those without a usable one.
    """
    decision, live = plan.decision, plan.certificate.live
    until = emergency_point(*validity(live)) if live and live.not_before and live.not_after else _NEVER
    forced = decision.reason == Reason.FORCED and not plan.selected
    lacks_names = decision.reason == Reason.IDENTIFIERS
    return decision.can_wait, decision.reason != Reason.REVOKED, lacks_names, not plan.selected, forced, until


def _warnings(waiting: Sequence[tuple[Opening, Action]]) -> list[str]:
    """Return a warning for each limit that is reached."""
    by_limit: dict[str, list[datetime]] = {}
    for opening, action in waiting:
        if action != Action.REFUSE:
            by_limit.setdefault(opening.limit, []).append(opening.at)
    lines = []
    for limit, instants in sorted(by_limit.items(), key=lambda entry: -len(entry[1])):
        first, last = min(instants), max(instants)
        when = f"at {to_minute(first)}" if len(instants) == 1 else f"from {to_minute(first)} on"
        rest = f", for the last at {to_minute(last)}" if len(instants) > 1 else ""
        what = "1 certificate waits" if len(instants) == 1 else f"{len(instants)} certificates wait"
        lines.append(f"{what} for the limit of {limit}: there is room {when}{rest}")
    more = len(lines) - _MOST_WARNINGS
    return [*lines[:_MOST_WARNINGS], f"and likewise for {more} more limits"] if more > 0 else lines
