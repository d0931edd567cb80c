# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shared certificates in the role's steps: who asks for a key, and the outcome for the hosts that get it.

The host that has a private key seals it for the host that gets it; the controller sees only the sealed text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    CertificateEntry,
    CertificateOrder,
    SharedKey,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, Status

from . import flow
from .flow import Item
from .outcomes import BatchResults, of_orders, stopped, with_advice


def holders(hosts: Iterable[str], batch: Collection[str], hostvars: Item) -> list[dict[str, Any]]:
    """Return the hosts of earlier batches that may have what hosts of *batch* share, and where it is there.

    For each certificate that is the first of *hosts* outside of the batch that had its turn, in any inclusion.
    """
    inside = set(batch)
    others = [host for host in hosts if host not in inside]
    missing = {name for host in batch for name in _shared(_first(hostvars, host))} if others else set()
    result = []
    for host in others if missing else ():
        found = _first(hostvars, host)
        for inclusion in (found, *found.get("shared_before", ())):
            entries = {name: entry for name, entry in _shared(inclusion).items() if name in missing}
            missing -= set(entries)
            if entries:
                certificates = [entry.to_result() for entry in entries.values()]
                result.append({"host": host, **_place(inclusion), "certificates": certificates})
    return result


def before(found: Item) -> list[dict[str, Any]]:
    """Return what a host shares by the inclusions up to the one that *found* is the first step's result of."""
    certificates = _shared_items(found)
    this = [{"options": found["options"], "certificates": certificates}] if certificates else []
    return [*this, *found.get("shared_before", ())]


def held(answers: Item) -> list[dict[str, Any]]:
    """Return what hosts of earlier batches have now, as an option of acme_plan. *answers*: of certificate_info."""
    return [
        {**item, "host": answer["item"]["host"]}
        for answer in answers.get("results") or ()
        for item in answer.get("certificates") or ()
    ]


def receiving(plan: Item, host: str) -> list[str]:
    """Return the names of the certificates whose private key *host* gets from another."""
    return [decided.name for decided in flow.decisions(plan, host) if decided.action == Action.RECEIVE]


def shares(plan: Item, finalized: Item, hostvars: Item) -> list[dict[str, Any]]:
    """Return what hosts are to seal for others: for each of them, options of certificate_share.

    A certificate that failed is left out, and one for which no host has made a key to receive it with.
    """
    result: dict[str, list[SharedKey]] = {}
    for share in map(SharedKey.from_result, plan["shares"]):
        keys = {other: _public_key(_mapping(hostvars[other].get("_acme_request")), share.name) for other in share.hosts}
        receivers = {other: key for other, key in keys.items() if key}
        if receivers and (share.serial is not None or _is_issued(finalized, share)):
            asked = SharedKey(share.name, serial=share.serial, receivers=receivers)
            result.setdefault(share.giver or "", []).append(asked)
    return [{"giver": giver, "shares": [share.to_result() for share in asked]} for giver, asked in result.items()]


def outcomes(results: BatchResults, host: str) -> list[CertificateOrder]:
    """Return the outcome of each certificate of *host* whose key it gets from another host."""
    planned = {decided.name: decided for decided in flow.decisions(results.plan, host)}
    found = []
    for share in (SharedKey.from_result(item) for item in results.plan["shares"] if host in item["hosts"]):
        outcome, decided = _outcome(share, results, host), planned[share.name]
        if isinstance(outcome, str):
            outcome = with_advice(stopped(share.name, outcome, decided.can_wait), decided, results, host)
        found.append(outcome)
    return found


def _outcome(share: SharedKey, results: BatchResults, host: str) -> CertificateOrder | str:
    """Return the certificate that *host* got, or why it got none."""
    if results.is_check:
        return CertificateOrder(share.name, action=Action.KEEP)  # no keys are made
    if share.serial is not None:
        return _given(share, results, host)
    # One order is for all hosts that share its certificate.
    of_giver = next(item for item in of_orders(results, share.giver or "") if item.name == share.name)
    if of_giver.status == Status.VALID:
        order = flow.order_of(results.ordered, share.giver or "", share.name)
        issued = replace(
            share,
            directory=(order and order.directory) or results.plan["directory"],
            account_uri=of_giver.account_uri,
            certificate=of_giver.certificate,
            chain=of_giver.chain,
        )
        return _given(issued, results, host)
    return f"{share.giver} makes the key and orders: {of_giver.problem or 'there is no outcome of the order'}"


def _given(share: SharedKey, results: BatchResults, host: str) -> CertificateOrder | str:
    """Return the certificate that *host* got, or why it got none. The fields of *share* outrank the giver's word."""
    request = results.requested(host)
    if not _public_key(request, share.name):
        why = _mapping(request.get("failures")).get(share.name) or request.get("msg")
        return str(why or "no key to receive it with was made")
    answers = _mapping(results.hostvars[host].get("_acme_sealed")).get("results") or ()
    answer: Item = next((item for item in answers if (item.get("item") or {}).get("giver") == share.giver), {})
    shares = answer.get("shares")
    answered = flow.read(SharedKey, shares if isinstance(shares, list) else ())
    given = next((item for item in answered if item.name == share.name), SharedKey(share.name))
    sealed = (given.sealed or {}).get(host)
    if sealed is None or given.certificate is None or given.chain is None:
        why = (given.refused or {}).get(host) or _mapping(answer.get("failures")).get(share.name)
        why = why or answer.get("msg") or "it gave no answer"
        return f"{share.giver} has the key and did not give it: {why}"
    return CertificateOrder(
        share.name,
        status=Status.VALID,
        certificate=given.certificate if share.certificate is None else share.certificate,
        chain=given.chain if share.chain is None else share.chain,
        directory=share.directory,
        account_uri=share.account_uri,
        created=(given.created if share.created is None else share.created) or "",
        sealed_key=sealed,
    )


def _first(hostvars: Item, host: str) -> Item:
    return _mapping(hostvars[host].get("_acme_found"))


def _shared(found: Item) -> dict[str, CertificateEntry]:
    """Return what is wanted of the certificates that a host shares, by name. *found*: of its first step."""
    entries = flow.read(CertificateEntry, (item["wanted"] for item in _shared_items(found)))
    return {entry.name: entry for entry in entries}


def _shared_items(found: Item) -> list[Item]:
    return [item for item in found.get("certificates", ()) if (item["wanted"] or {}).get("shared")]


def _place(found: Item) -> dict[str, Any]:
    """Return where the certificates of an inclusion are, and for how many seconds it may take to read them."""
    options = found["options"]
    return {"home": options["acme_home"], "list": options["acme_list"], "timeout": options["acme_host_timeout"]}


def _public_key(request: Item, name: str) -> str | None:
    """Return the public key that a host receives a certificate's key with. *request*: of certificate_request there."""
    key = _mapping(request.get("receivers")).get(name)
    return key if isinstance(key, str) else None


def _mapping(value: Any) -> Item:
    """Return the answer of another host, in which anything may be; an empty one if it is not a mapping."""
    return value if isinstance(value, Mapping) else {}


def _is_issued(finalized: Item, share: SharedKey) -> bool:
    """Return True if the certificate came that a share's giver ordered."""
    final = flow.order_of(finalized, share.giver or "", share.name)
    return final is not None and final.status == Status.VALID
