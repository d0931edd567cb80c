# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the results of one step of the role become the input of the next: pure functions over what was registered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    CertificateEntry,
    CertificateOrder,
    CertificateRequest,
    ChallengeData,
    HostCertificate,
    PastVersion,
    PlannedCertificate,
    Revocation,
    SharedKey,
    Version,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import BY_DNS, HTTP_01
from ansible_collections.certfleet.tls.plugins.module_utils._common.schema import Malformed
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import STOPPED, Action, Reason, Status

Item = Mapping[str, Any]
Problems = Mapping[str, Mapping[str, str]]
Shape = TypeVar("Shape", HostCertificate, PastVersion, CertificateRequest, Revocation, SharedKey, CertificateEntry)

#: The actions that a host carries out without an order.
_ON_THE_HOST = {
    Action.KEEP: Status.KEEP,
    Action.REPAIR: Status.REPAIR,
    Action.SWITCH: Status.SWITCH,
    Action.REMOVE: Status.REMOVE,
}
_JOURNALED = ("name", "order_uri", "account_uri", "directory", "new_key")


def found(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What certificate_info found on *hosts*, as acme_plan takes it."""
    # As results: of thousands of certificates most are kept, and only the plan reads those.
    return [
        {**item, "host": host} for host in hosts for item in registered(hostvars, host, "_acme_found", "certificates")
    ]


def unlisted(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> dict[str, list[str]]:
    """The certificates that are on *hosts* and not listed, as acme_plan takes them."""
    found = {host: registered(hostvars, host, "_acme_found", "unlisted") for host in hosts}
    return {host: list(names) for host, names in found.items() if names}


def orders(plan: Mapping[str, Any], hostvars: Mapping[str, Any]) -> list[CertificateOrder]:
    """The orders that acme_order has to make or resume for what *plan* says is to be issued."""
    result = []
    for host in plan["due"]:
        due = [decided for decided in decisions(plan, host) if decided.action == Action.ISSUE]
        there = _found_on(hostvars, host) if due else {}
        result += [_order(host, decided, there[decided.name], plan) for decided in due]
    return result


def _order(host: str, decided: PlannedCertificate, found: HostCertificate, plan: Item) -> CertificateOrder:
    wanted = wanted_of(found)
    journaled = _journaled(found.pending, wanted, plan["directories"])
    if journaled and decided.selected and not _is_new(journaled, plan):
        journaled = None
    return CertificateOrder(
        host=host,
        name=decided.name,
        identifiers=wanted.identifiers,
        challenge=wanted.challenge,
        profile=wanted.profile,
        not_before=wanted.not_before,
        not_after=wanted.not_after,
        replaces_cert_id=decided.replaces_cert_id,
        replaces_directory=found.live.directory if found.live else None,
        replaces_account=found.live.account_uri if found.live else None,
        can_wait=decided.can_wait,
        order_uri=journaled.order_uri if journaled else None,
        account_uri=journaled.account_uri if journaled else None,
        directory=journaled.directory if journaled else decided.directory,
    )


def wanted(certificates: Iterable[Item], ordered: Mapping[str, Any], host: str) -> list[Item]:
    """Those of *host*'s certificates that need a key and a request: their order stands."""
    names = {order.name for order in orders_of(ordered, host) if order.status not in STOPPED}
    # Without formats, which come later: what hides a passphrase in an answer would hide it in a name, too.
    return [
        {key: value for key, value in item.items() if key != "formats"}
        for item in certificates
        if item["name"] in names
    ]


def journal(ordered: Mapping[str, Any], host: str, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What *host* writes down of its orders before the CA is asked to validate anything.

    new_key: what is to be replaced gets one that was made for this order.
    """
    selected = {decided.name for decided in decisions(plan, host) if decided.selected}
    return [
        # In check mode a new order has no URL. ansible-core before 2.19 refuses None here.
        replace(order, order_uri=order.order_uri or "", new_key=order.name in selected).options(_JOURNALED)
        for order in orders_of(ordered, host)
        if order.status not in STOPPED
    ]


def challenges(
    ordered: Mapping[str, Any], hostvars: Mapping[str, Any], host: str | None = None, stale: bool = False
) -> list[ChallengeData]:
    """The challenges that *host* itself has to answer, or those of all hosts, with where each is answered.

    *stale*: those of orders that are given up, too; they are to be removed only.
    """
    result = []
    for owner in [host] if host else ordered.get("hosts", {}):
        there = _found_on(hostvars, owner)
        for order in orders_of(ordered, owner):
            wanted = wanted_of(there[order.name])
            webroots = {item.name: item.webroot for item in wanted.proofs}
            for challenge in order.challenges or ():
                if challenge.type in BY_DNS or (challenge.status == Status.STALE and not stale):
                    continue
                webroot = webroots.get(challenge.identifier) or wanted.webroot
                result.append(replace(challenge, name=order.name, **_where(challenge.type, webroot, wanted)))
    return result


def finalizable(
    ordered: Mapping[str, Any], hostvars: Mapping[str, Any], problems: Problems | None = None
) -> list[CertificateOrder]:
    """The orders that acme_order_finalize goes on with: those in their host's journal, with all challenges in place.

    *problems* are those of the TXT records, by host and certificate.
    """
    result = []
    for host in ordered.get("hosts", {}):
        unproved = (problems or {}).get(host, ())
        said = registered(hostvars, host, "_acme_request", "ready")
        ready = {name for name in said if isinstance(name, str) and name not in unproved}
        requests = {
            item.name: item
            for item in read(CertificateRequest, registered(hostvars, host, "_acme_request", "requests"))
        }
        result += [
            replace(order, csr_content=requests[order.name].csr_content)
            for order in orders_of(ordered, host)
            if order.name in ready and order.name in requests
        ]
    return result


def outcomes(
    plan: Mapping[str, Any],
    ordered: Mapping[str, Any],
    requested: Mapping[str, Any],
    finalized: Mapping[str, Any],
    host: str,
    problems: Problems | None = None,
    shared: Mapping[str, Any] | None = None,
    check: bool = False,
) -> list[CertificateOrder]:
    """What the module certificate is told of each certificate of *host*: where it got to, and else what stopped it.

    *problems* are those of the TXT records, by host and certificate. *shared*: what came of serving the challenges on
    the play's other hosts; told where a certificate failed, which may be for that. *check*: nothing is finalized.
    """
    unproved = (problems or {}).get(host, {})
    unshared = _unshared(shared or {})
    orders = {order.name: order for order in orders_of(ordered, host)}
    finals = {order.name: order for order in orders_of(finalized, host)}
    result = []
    for decided in decisions(plan, host):
        name, order = decided.name, orders.get(decided.name)
        if decided.action == Action.RECEIVE:
            continue  # shared.received() tells of it
        if decided.action in _ON_THE_HOST:
            result.append(CertificateOrder(name, status=_ON_THE_HOST[decided.action]))
        elif decided.action == Action.REFUSE:
            result.append(_failed(name, decided.message))
        elif name in finals:
            result.append(_with_elsewhere(finals[name], order, unshared))
        elif order is None:
            result.append(_failed(name, ordered.get("msg") or "it could not be ordered"))
        elif order.status in STOPPED:
            result.append(order)
        elif check:
            result.append(CertificateOrder(name, status=Status.KEEP))
        else:
            stopped = requested.get("failures", {}).get(name) or requested.get("msg") or unproved.get(name)
            stopped = stopped or finalized.get("msg")
            result.append(_failed(name, stopped or "it could not be finalized"))
    return result


def _with_elsewhere(
    final: CertificateOrder, order: CertificateOrder | None, unshared: Mapping[str, list[str]]
) -> CertificateOrder:
    """An order that failed, with which other hosts did not serve its challenges."""
    if final.status != Status.FAILED or order is None:
        return final
    told = (problem for challenge in order.challenges or () for problem in unshared.get(challenge.token, ()))
    return replace(final, problem="; ".join([final.problem, *dict.fromkeys(told)]))


def decisions(plan: Mapping[str, Any], host: str) -> list[PlannedCertificate]:
    """Return what the plan says of each certificate of *host*."""
    return [PlannedCertificate.from_result(item) for item in plan["hosts"].get(host, ())]


def orders_of(result: Mapping[str, Any], host: str) -> list[CertificateOrder]:
    """The orders of *host* in a result of acme_order or acme_order_finalize."""
    return [CertificateOrder.from_result(item) for item in result.get("hosts", {}).get(host, ())]


def registered(hostvars: Mapping[str, Any], host: str, variable: str, key: str) -> Any:
    """A list of a registered result; nothing where that host failed, vanished before it came to it, or says no list."""
    result = hostvars[host].get(variable)
    found = result.get(key) if isinstance(result, Mapping) else None
    return found if isinstance(found, (list, tuple)) else ()


def read(shape: type[Shape], items: Iterable[Any]) -> list[Shape]:
    """The *items* of a host's result that have the *shape*: another host's trouble is nobody's.

    A result of the controller is read by from_result(): what is left out of it, no host would be told.
    """
    result = []
    for item in items:
        try:
            result.append(shape.from_result(item))
        except Malformed:
            continue
    return result


def wanted_of(found: HostCertificate) -> CertificateEntry:
    """Return what is wanted of a certificate that was looked at for that. Raises Malformed for another."""
    if found.wanted is None:
        raise Malformed(f"certificate {found.name}: what is wanted is not known")
    return found.wanted


def _found_on(hostvars: Mapping[str, Any], host: str) -> dict[str, HostCertificate]:
    return {
        item.name: item for item in read(HostCertificate, registered(hostvars, host, "_acme_found", "certificates"))
    }


def _journaled(pending: Version | None, wanted: CertificateEntry, directories: Collection[str]) -> Version | None:
    """Return the pending version if its order can be resumed; acme_order compares the identifiers and the account."""
    # One that has its certificate is only to be switched to; where that is not the plan, it is to be a new one.
    if pending is None or not pending.order_uri or pending.is_issued:
        return None
    # With another key type its host makes a new key; the order may have been finalized with the one before.
    # One for other identifiers goes to acme_order all the same: it names what answered that order's challenges, for
    # this to be removed, and makes a new one.
    differences = wanted.terms(directories).difference(pending.terms)
    return pending if set(differences) <= {Reason.IDENTIFIERS} else None


def _is_new(pending: Version, plan: Mapping[str, Any]) -> bool:
    """Whether a pending key was made to replace another."""
    before = plan["replacing"]["before"]
    return bool(before) and (pending.created or "") >= before


def _unshared(shared: Mapping[str, Any]) -> dict[str, list[str]]:
    """By token, which of the play's other hosts does not serve it, and why."""
    found: dict[str, list[str]] = {}
    for result in shared.get("results", ()):
        for token, problem in (result.get("failures") or {}).items():
            found.setdefault(token, []).append(f"{result['item']['host']} does not serve it: {problem}")
    return found


def _where(kind: str, webroot: str | None, wanted: CertificateEntry) -> dict[str, Any]:
    """Where a host answers a challenge: in the folder of its web server, or at a port of its own."""
    if kind != HTTP_01:
        return {"listen": wanted.tls_alpn_01_listen}
    return {"webroot": webroot} if webroot else {"listen": wanted.http_01_listen}


def _failed(name: str, problem: str) -> CertificateOrder:
    # Nothing is known of its order that would speak against going on with it.
    return CertificateOrder(name, status=Status.FAILED, problem=problem, resumable=True)
