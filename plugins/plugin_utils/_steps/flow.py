# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wiring between the role's steps: pure functions from the results of steps to the options of later ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import STOPPED, Action, FailureKind, Status

Item = Mapping[str, Any]
Problems = Mapping[str, Mapping[str, str]]
Shape = TypeVar("Shape", HostCertificate, PastVersion, CertificateRequest, Revocation, SharedKey, CertificateEntry)

#: After each so many failures of its CA in a row, the order itself may be the reason. The next one has as many runs.
_MOST_FAILURES = 6
_JOURNALED = ("name", "order_uri", "account_uri", "directory", "new_key")


def host_certificates(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what certificate_info returned on *hosts*, as an option of acme_plan."""
    # Not parsed: of thousands of certificates most are kept, and only the plan reads those.
    return [
        {**item, "host": host} for host in hosts for item in registered(hostvars, host, "_acme_found", "certificates")
    ]


def unlisted(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the certificates that are on *hosts* and not listed, as an option of acme_plan."""
    unlisted = {host: registered(hostvars, host, "_acme_found", "unlisted") for host in hosts}
    return {host: list(names) for host, names in unlisted.items() if names}


def orders(plan: Mapping[str, Any], hostvars: Mapping[str, Any], is_forced: bool = False) -> list[CertificateOrder]:
    """Return the orders that acme_order has to make or resume for the certificates that *plan* issues.

    *is_forced*: each gets a new certificate (acme_force_renewal).
    """
    result = []
    for host in plan["due"]:
        due = [decided for decided in decisions(plan, host) if decided.action == Action.ISSUE]
        certificates = _certificates_of(hostvars, host) if due else {}
        result += [_order(host, decided, certificates[decided.name], plan, is_forced) for decided in due]
    return result


def _order(
    host: str, decided: PlannedCertificate, certificate: HostCertificate, plan: Item, is_forced: bool
) -> CertificateOrder:
    entry, live = entry_of(certificate), certificate.live
    since = plan["replacing"]["before"] if decided.selected else None
    journaled = certificate.journaled(plan["directories"], since)
    return CertificateOrder(
        host=host,
        name=decided.name,
        identifiers=entry.identifiers,
        challenge=entry.challenge,
        profile=entry.profile,
        not_before=entry.not_before,
        not_after=entry.not_after,
        replaces_ari_id=decided.replaces_ari_id,
        replaces_directory=live.directory if live else None,
        replaces_account=live.account_uri if live else None,
        can_wait=decided.can_wait,
        forced=is_forced or _is_stuck(certificate, decided, journaled) or None,
        order_uri=journaled.order_uri if journaled else None,
        account_uri=journaled.account_uri if journaled else None,
        directory=decided.directory or (journaled.directory if journaled else None),
        other_directories=decided.other_directories,
        not_first=decided.not_first,
    )


def _is_stuck(certificate: HostCertificate, decided: PlannedCertificate, journaled: Version | None) -> bool:
    """Return True if the CA has failed so often in a row that the order itself may be the reason."""
    return journaled is not None and any(
        (item.count or 1) % _MOST_FAILURES == 0
        for item in certificate.failed
        if (item.kind, item.directory, item.digest) == (FailureKind.CA, journaled.directory, decided.digest)
    )


def ordered_entries(certificates: Iterable[Item], ordered: Mapping[str, Any], host: str) -> list[Item]:
    """Return the entries of *host* that need a key and a request: those whose order was not stopped."""
    names = {order.name for order in orders_of(ordered, host) if order.status not in STOPPED}
    # Without formats, which are written later: Ansible hides their passphrases wherever these are in an answer, also in
    # names.
    return [
        {key: value for key, value in item.items() if key != "formats"}
        for item in certificates
        if item["name"] in names
    ]


def journal(ordered: Mapping[str, Any], host: str, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what *host* writes into its journal before the CA is asked to validate anything.

    new_key: a certificate that is to be replaced gets a key that was made for this order.
    """
    selected = {decided.name for decided in decisions(plan, host) if decided.selected}
    return [
        # In check mode a new order has no URL. ansible-core before 2.19 does not accept None here.
        replace(order, order_uri=order.order_uri or "", new_key=order.name in selected).options(_JOURNALED)
        for order in orders_of(ordered, host)
        if order.status not in STOPPED
    ]


def challenges(
    ordered: Mapping[str, Any], hostvars: Mapping[str, Any], host: str | None = None, stale: bool = False
) -> list[ChallengeData]:
    """Return the challenges that *host* has to answer, or those of all hosts, each with the place of its answer.

    *stale*: also those of orders that are given up; they are to be removed only.
    """
    result = []
    for each in [host] if host else ordered.get("hosts", {}):
        certificates = _certificates_of(hostvars, each)
        for order in orders_of(ordered, each):
            entry = entry_of(certificates[order.name])
            webroots = {item.name: item.webroot for item in entry.proofs}
            for challenge in order.challenges or ():
                if challenge.type in BY_DNS or (challenge.status == Status.STALE and not stale):
                    continue
                webroot = webroots.get(challenge.identifier) or entry.webroot
                result.append(replace(challenge, name=order.name, **_where(challenge.type, webroot, entry)))
    return result


def finalizable(
    ordered: Mapping[str, Any], hostvars: Mapping[str, Any], problems: Problems | None = None
) -> list[CertificateOrder]:
    """Return the orders to finalize: those that are in their host's journal, with all challenges in place.

    *problems*: of the TXT records, by host and certificate.
    """
    result = []
    for host in ordered.get("hosts", {}):
        unproved = (problems or {}).get(host, ())
        names = registered(hostvars, host, "_acme_request", "ready")
        ready = {name for name in names if isinstance(name, str) and name not in unproved}
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


def decisions(plan: Mapping[str, Any], host: str) -> list[PlannedCertificate]:
    """Return what the plan says of each certificate of *host*."""
    return [PlannedCertificate.from_result(item) for item in plan["hosts"].get(host, ())]


def orders_of(result: Mapping[str, Any], host: str) -> list[CertificateOrder]:
    """Return the orders of *host* in a result of acme_order or acme_order_finalize."""
    return [CertificateOrder.from_result(item) for item in result.get("hosts", {}).get(host, ())]


def order_of(result: Mapping[str, Any], host: str, name: str) -> CertificateOrder | None:
    """Return the order of a certificate in such a result; None if there is none."""
    return next((order for order in orders_of(result, host) if order.name == name), None)


def registered(hostvars: Mapping[str, Any], host: str, variable: str, key: str) -> Any:
    """Return a list in a registered result; an empty one where the host has none, as if it failed before."""
    result = hostvars[host].get(variable)
    found = result.get(key) if isinstance(result, Mapping) else None
    return found if isinstance(found, (list, tuple)) else ()


def read(shape: type[Shape], items: Iterable[Any]) -> list[Shape]:
    """Return the *items* of a host's result that have the *shape*; its malformed ones must not stop other hosts.

    A result of the controller is read by from_result(): an item that is left out would be missing on a host.
    """
    result = []
    for item in items:
        try:
            result.append(shape.from_result(item))
        except Malformed:
            continue
    return result


def entry_of(certificate: HostCertificate) -> CertificateEntry:
    """Return the entry of acme_certificates. Raises Malformed if certificate_info was called without it."""
    if certificate.wanted is None:
        raise Malformed(f"certificate {certificate.name} has no entry of acme_certificates")
    return certificate.wanted


def _certificates_of(hostvars: Mapping[str, Any], host: str) -> dict[str, HostCertificate]:
    return {
        item.name: item for item in read(HostCertificate, registered(hostvars, host, "_acme_found", "certificates"))
    }


def _where(kind: str, webroot: str | None, entry: CertificateEntry) -> dict[str, Any]:
    """Return where a host answers a challenge: in a folder of its web server, or at a port of its own."""
    if kind != HTTP_01:
        return {"listen": entry.tls_alpn_01_listen}
    return {"webroot": webroot} if webroot else {"listen": entry.http_01_listen}
