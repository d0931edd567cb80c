# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How shared certificates pass through the role's steps: who asks for a key, and what a host is told of its own.

The private key is sealed by the host that has it for the host that gets it; all that is seen here is the sealed text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils.flow import outcomes, registered

Item = Mapping[str, Any]


def holders(hosts: Iterable[str], batch: Collection[str], hostvars: Item) -> list[dict[str, Any]]:
    """For each certificate that hosts of *batch* share, the first of *hosts* outside of it that had its turn before."""
    inside = set(batch)
    others = [host for host in hosts if host not in inside]
    missing = {name for host in batch for name in _shared(hostvars, host)} if others else set()
    result: dict[str, list[Item]] = {}
    for host in others if missing else ():
        for name, entry in _shared(hostvars, host).items():
            if name in missing:
                missing.remove(name)
                result.setdefault(host, []).append(entry)
    return [{"host": host, "certificates": entries} for host, entries in result.items()]


def held(looked: Item) -> list[dict[str, Any]]:
    """What those holders have now, as acme_plan takes it."""
    return [
        {**item, "host": answer["item"]["host"]}
        for answer in looked.get("results") or ()
        for item in answer.get("certificates") or ()
    ]


def receiving(plan: Item, host: str) -> list[str]:
    """The names of the certificates whose private key *host* gets from another."""
    return [planned["name"] for planned in plan["hosts"][host] if "share" in planned]


def shares(plan: Item, finalized: Item, hostvars: Item) -> list[dict[str, Any]]:
    """What hosts are asked to seal for others: for each of them, options of certificate_share.

    Nothing is asked for a certificate that failed, or where no host has made a key to receive it with.
    """
    result: dict[str, list[dict[str, Any]]] = {}
    for share in plan["shares"]:
        final = _final(finalized, share["owner"], share["name"])
        keys = {other: _public_key(hostvars, other, share["name"]) for other in share["hosts"]}
        receivers = {other: key for other, key in keys.items() if key}
        if not receivers or (share["serial"] is None and final.get("status") != "valid"):
            continue
        result.setdefault(share["owner"], []).append(
            {"name": share["name"], "serial": share["serial"], "receivers": receivers}
        )
    return [{"owner": owner, "shares": asked} for owner, asked in result.items()]


def received(
    results: list[dict[str, Any]],
    plan: Item,
    ordered: Item,
    finalized: Item,
    hostvars: Item,
    host: str,
    problems: Mapping[str, Mapping[str, str]] | None = None,
    check: bool = False,
) -> list[dict[str, Any]]:
    """What the module certificate is told: *results*, with those of the certificates that *host* gets from others.

    *check*: no keys are made.
    """
    more = []
    for share in plan["shares"]:
        if host not in share["hosts"]:
            continue
        owner, name = share["owner"], share["name"]
        if check:
            more.append({"name": name, "status": "keep"})
        elif share["serial"] is not None:
            recorded = {key: share[key] for key in ("certificate", "chain", "created") if key in share}
            more.append(_given(share, hostvars, host, recorded))
        else:
            requested = hostvars[owner].get("acme_request") or {}
            of_owner = outcomes(plan, ordered, requested, finalized, owner, problems)
            outcome = next(item for item in of_owner if item["name"] == name)
            more.append(_of_order(share, hostvars, host, outcome, _ca(ordered, plan, owner, name)))
    return [*results, *more]


def _of_order(share: Item, hostvars: Item, host: str, outcome: Item, directory: str) -> dict[str, Any]:
    """What becomes of the order of another host is what becomes of all that share its certificate."""
    status = outcome["status"]
    if status == "valid":
        given = {key: outcome.get(key) for key in ("certificate", "chain", "account_uri")}
        return _given(share, hostvars, host, {**given, "directory": directory})
    why = f"{share['owner']} makes the key and orders: {outcome.get('problem') or 'nothing came of it'}"
    return _stopped(share, why, "deferred" if status == "deferred" else "failed")


def _given(share: Item, hostvars: Item, host: str, issued: Item) -> dict[str, Any]:
    """The certificate that *host* got, or why it did not."""
    name, owner = share["name"], share["owner"]
    request = _mapping(hostvars[host].get("acme_request"))
    if not _public_key(hostvars, host, name):
        why = _mapping(request.get("failures")).get(name) or request.get("msg") or "no key to receive it with was made"
        return _stopped(share, str(why))
    answers = _mapping(hostvars[host].get("acme_sealed")).get("results") or ()
    answer: Item = next((item for item in answers if (item.get("item") or {}).get("owner") == owner), {})
    shares = answer.get("shares")
    given = [_mapping(item) for item in (shares if isinstance(shares, list) else ())]
    found: Item = next((item for item in given if item.get("name") == name), {})
    sealed = _mapping(found.get("sealed")).get(host)
    if not all(isinstance(text, str) for text in (sealed, found.get("certificate"), found.get("chain"))):
        why = _mapping(found.get("refused")).get(host) or _mapping(answer.get("failures")).get(name)
        why = why or answer.get("msg") or "it gave no answer"
        return _stopped(share, f"{owner} has the key, and did not give it: {why}")
    return {
        "name": name,
        "status": "valid",
        "certificate": found["certificate"],
        "chain": found["chain"],
        "directory": share["directory"],
        "account_uri": share["account_uri"],
        "created": str(found.get("created") or ""),
        **issued,
        "sealed_key": sealed,
    }


def _stopped(share: Item, problem: str, status: str = "failed") -> dict[str, Any]:
    # The order is another host's, and stays or goes there.
    return {"name": share["name"], "status": status, "problem": problem, "resumable": True}


def _shared(hostvars: Item, host: str) -> dict[str, Any]:
    """What a host that has been looked at wants of the certificates that it shares, by name."""
    found = registered(hostvars, host, "acme_found", "certificates")
    return {item["name"]: item["wanted"] for item in found if (item["wanted"] or {}).get("shared")}


def _public_key(hostvars: Item, host: str, name: str) -> str | None:
    key = _mapping(_mapping(hostvars[host].get("acme_request")).get("receivers")).get(name)
    return key if isinstance(key, str) else None


def _mapping(value: Any) -> Item:
    """What another host answered, in which anything may be; its own trouble is nobody else's."""
    return value if isinstance(value, Mapping) else {}


def _ca(ordered: Item, plan: Item, host: str, name: str) -> str:
    """The CA that an order is with."""
    for item in ordered.get("hosts", {}).get(host, ()):
        if item["name"] == name and item.get("directory"):
            return str(item["directory"])
    return str(plan["directory"])


def _final(finalized: Item, host: str, name: str) -> Item:
    return next((item for item in finalized.get("hosts", {}).get(host, ()) if item["name"] == name), {})
