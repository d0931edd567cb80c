# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcome of each certificate of a host, for the module certificate: how far it got, and what stopped it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    CertificateOrder,
    HostCertificate,
    PlannedCertificate,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import DNS_01
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import (
    STOPPED,
    UNORDERED,
    Action,
    FailureKind,
    Outcome,
    Reason,
    Status,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import (
    as_time,
    parse_interval,
    parse_utc,
    utc,
)
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import schedule
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.attempts import Attempts
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.deferral import grace, status_of

from .flow import Item, Problems, decisions, orders_of, read, registered

_NONE: Item = MappingProxyType({})
_DNS_ADVICE = (
    "if the CA asked a name server that did not have the TXT record yet, raise acme_dns_delay, or delay of the entry "
    "of acme_dns"
)


@dataclass(frozen=True)
class BatchResults:
    """The results of the steps before, for all hosts of the batch.

    plan, ordered, finalized: of acme_plan, acme_order and acme_order_finalize. hostvars: by host, what it registered.
    problems: of the TXT records, by host and certificate. mirrored: of serving the challenges on the play's other
    hosts. is_check: nothing was finalized (check mode). now: aware UTC, as time_of().
    """

    plan: Item
    ordered: Item
    finalized: Item
    hostvars: Mapping[str, Any]
    problems: Problems = field(default_factory=dict)
    mirrored: Item = field(default_factory=dict)
    is_check: bool = False
    now: datetime = field(default_factory=Clock().now)

    def requested(self, host: str) -> Item:
        """Return what certificate_request returned on a host; empty where it did not run."""
        found = self.hostvars[host].get("_acme_request")
        return found if isinstance(found, Mapping) else _NONE


def time_of(plan: Item) -> datetime:
    """Return the time of day (aware UTC) by the clock that *plan* was made by: the next plan counts failures by it."""
    return Clock().now() - timedelta(seconds=plan.get("controller_ahead", 0))


def of_orders(results: BatchResults, host: str) -> list[CertificateOrder]:
    """Return the outcome of each certificate of *host*, but for those whose key it gets from another host."""
    orders = {order.name: order for order in orders_of(results.ordered, host)}
    finals = {order.name: order for order in orders_of(results.finalized, host)}
    mirrored = _problems_by_token(results.mirrored)
    outcomes = []
    for decided in decisions(results.plan, host):
        if decided.action == Action.RECEIVE:
            continue  # shared.outcomes()
        order, final = orders.get(decided.name), finals.get(decided.name)
        outcome = _of_plan(decided) or _of_final(final, order, mirrored) or _of_order(order, results.is_check)
        outcome = outcome or _not_finalized(decided, _why_not(results, host, decided.name, order))
        outcome = with_advice(_to_record(outcome, decided), decided, results, host)
        outcomes.append(_with_dns_advice(outcome, order))
    return outcomes


def _not_finalized(decided: PlannedCertificate, problem: str) -> CertificateOrder:
    return replace(stopped(decided.name, problem, decided.can_wait), failure_kind=FailureKind.LOCAL)


def _to_record(outcome: CertificateOrder, decided: PlannedCertificate) -> CertificateOrder:
    """Return an outcome; of an order with what its host records if it has failed, or does so on the host."""
    if not outcome.failure_kind and outcome.status != Status.VALID:
        return outcome
    # No CA can help if none was asked.
    directory = None if outcome.failure_kind == FailureKind.LOCAL else outcome.directory
    return replace(outcome, directory=directory, digest=decided.digest)


def with_advice(
    outcome: CertificateOrder, decided: PlannedCertificate, results: BatchResults, host: str
) -> CertificateOrder:
    """Return an outcome; of a certificate that is not issued with what is next, and until when its host can wait."""
    if outcome.status not in STOPPED:
        return outcome
    found = registered(results.hostvars, host, "_acme_found", "certificates")
    certificate = next(iter(read(HostCertificate, (item for item in found if item["name"] == outcome.name))), None)
    if certificate is None:
        return outcome
    failed = _attempts(outcome, certificate, results, host) if outcome.failure_kind else ""
    lines = (failed, _lasting(outcome.status, decided, certificate, results.now))
    return replace(outcome, advice="; ".join(filter(None, lines)) or None)


def _with_dns_advice(outcome: CertificateOrder, order: CertificateOrder | None) -> CertificateOrder:
    """Return an outcome; where the CA saw no TXT record that this machine saw, or did not look for, with the option."""
    challenges = (order and order.challenges) or ()
    is_by_dns = any(item.type == DNS_01 and item.status != Status.STALE for item in challenges)
    if outcome.failure_kind != FailureKind.VALIDATION or not is_by_dns:
        return outcome
    return replace(outcome, advice="; ".join(filter(None, (_DNS_ADVICE, outcome.advice))))


def _attempts(outcome: CertificateOrder, certificate: HostCertificate, results: BatchResults, host: str) -> str:
    """Return since when the orders of a certificate have failed, and when the next attempt is."""
    kind = outcome.failure_kind or FailureKind.LOCAL
    attempts = Attempts.recorded(certificate, host, outcome.digest or "", results.now)
    attempts = attempts.with_another(kind, outcome.directory or "", utc(results.now), outcome.retry_at)
    return attempts.outlook(results.plan["directories"], results.now)


def _lasting(status: Status, decided: PlannedCertificate, certificate: HostCertificate, now: datetime) -> str:
    """Return until when a host does without a certificate, or why it cannot; empty if it has none."""
    names = certificate.wanted.names if certificate.wanted else ()
    with suppress(ValueError):  # of a live version without dates
        return grace(certificate.live, names, now, decided.reason == Reason.REVOKED).text(status)
    return ""


def _of_plan(decided: PlannedCertificate) -> CertificateOrder | None:
    """Return the outcome of a certificate that is not ordered."""
    if decided.action in UNORDERED:
        return CertificateOrder(decided.name, action=decided.action)
    return stopped(decided.name, decided.message) if decided.action == Action.REFUSE else None


def _of_final(
    final: CertificateOrder | None, order: CertificateOrder | None, mirrored: Mapping[str, list[str]]
) -> CertificateOrder | None:
    """Return a finalized order; if it failed, with the other hosts that did not serve its challenges."""
    if final is None or final.status not in STOPPED or order is None:
        return final
    lines = (line for challenge in order.challenges or () for line in mirrored.get(challenge.token, ()))
    return replace(final, problem="; ".join([final.problem, *dict.fromkeys(lines)]))


def _of_order(order: CertificateOrder | None, is_check: bool) -> CertificateOrder | None:
    """Return the outcome of an order that acme_order stopped, or, in check mode, of one that was not sent."""
    if order is None or order.status in STOPPED:
        return order
    return CertificateOrder(order.name, action=Action.KEEP) if is_check else None


def _why_not(results: BatchResults, host: str, name: str, order: CertificateOrder | None) -> str:
    """Return why a certificate was not ordered, or its order not finalized."""
    if order is None:
        return str(results.ordered.get("msg") or "it could not be ordered")
    requested = results.requested(host)
    reasons = (
        (requested.get("failures") or {}).get(name),
        requested.get("msg"),
        (results.problems.get(host) or {}).get(name),
        results.finalized.get("msg"),
    )
    return str(next(filter(None, reasons), "it could not be finalized"))


def _problems_by_token(mirrored: Item) -> dict[str, list[str]]:
    """Return by token of a challenge the other hosts of the play that do not serve it, each with its reason."""
    found: dict[str, list[str]] = {}
    for result in mirrored.get("results", ()):
        for token, problem in (result.get("failures") or {}).items():
            found.setdefault(token, []).append(f"{result['item']['host']} does not serve it: {problem}")
    return found


def issuers(results: Any) -> dict[str, dict[str, Any]]:
    """Return by certificate the URL of the CA that issued it, why not the first one, and what it did otherwise.

    *results*: as options.
    """
    given = [result for result in results if isinstance(result, Mapping)] if isinstance(results, (list, tuple)) else []
    issued = {str(result.get("name")): result for result in given if result.get("status") == Status.VALID}
    fields = ("directory", "not_first", "deviations")
    return {name: {field: result[field] for field in fields if result.get(field)} for name, result in issued.items()}


def too_seldom(plan: Item, host: str, answer: Item) -> list[str]:
    """Return a line for each certificate that *host* has got in this run and that may expire before a later one.

    *answer*: of the module certificate there. The plan knows how long certificates are valid that were there before.
    """
    interval = parse_interval(plan["options"]["acme_run_interval"])
    now = time_of(plan)
    lines = []
    for decided in decisions(plan, host):
        item = next((item for item in answer["certificates"] if item["name"] == decided.name), _NONE)
        not_after = as_time(item.get("not_after")) if item.get("reason") in (Outcome.ISSUED, Outcome.RECEIVED) else ""
        if not_after and (interval or decided.reason == Reason.MISSING):
            text = schedule.problem(now, parse_utc(not_after), interval)
            lines += [f"certificate {decided.name} {text}"] if text else []
    return lines


def stopped(name: str, problem: str, can_wait: bool = False) -> CertificateOrder:
    """Return the outcome of a certificate whose order can be resumed, by this host or by the one that shares it."""
    return CertificateOrder(name, status=status_of(can_wait), problem=problem, resumable=True)
