# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the results of one step of the role become the input of the next: pure functions over what was registered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils.pki.identifiers import BY_DNS, HTTP_01, STALE, check

Item = Mapping[str, Any]
Problems = Mapping[str, Mapping[str, str]]

_STOPPED = ("failed", "deferred")
# The options that acme_order_finalize takes of what acme_order returned.
_PREPARED = (
    "host",
    "name",
    "status",
    "identifiers",
    "order_uri",
    "finalize_uri",
    "certificate_uri",
    "authorizations",
    "challenges",
    "account_uri",
    "directory",
    "can_wait",
)


def found(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What certificate_info found on *hosts*, as acme_plan takes it."""
    return [
        {**item, "host": host} for host in hosts for item in registered(hostvars, host, "acme_found", "certificates")
    ]


def unlisted(hosts: Iterable[str], hostvars: Mapping[str, Any]) -> dict[str, list[str]]:
    """The certificates that are on *hosts* and not listed, as acme_plan takes them."""
    found = {host: registered(hostvars, host, "acme_found", "unlisted") for host in hosts}
    return {host: list(names) for host, names in found.items() if names}


def orders(plan: Mapping[str, Any], hostvars: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The orders that acme_order has to make or resume for what *plan* says is to be issued."""
    result = []
    for host in plan["due"]:
        facts = _by_name(registered(hostvars, host, "acme_found", "certificates"))
        for planned in plan["hosts"][host]:
            if planned["action"] != "issue":
                continue
            wanted = facts[planned["name"]]["wanted"]
            facts_of = facts[planned["name"]]
            live = facts_of.get("live") or {}
            journaled = _journaled(facts_of.get("pending"), wanted, plan["directories"])
            if planned.get("selected") and not _is_new(journaled, plan):
                journaled = {}
            result.append(
                {
                    "host": host,
                    "name": planned["name"],
                    "identifiers": wanted["identifiers"],
                    "challenge": wanted["challenge"],
                    "profile": wanted["profile"],
                    "not_before": wanted["not_before"],
                    "not_after": wanted["not_after"],
                    "replaces_cert_id": planned["replaces_cert_id"],
                    "replaces_directory": live.get("directory"),
                    "replaces_account": live.get("account_uri"),
                    "can_wait": planned["can_wait"],
                    "order_uri": journaled.get("order_uri"),
                    "account_uri": journaled.get("account_uri"),
                    "directory": journaled.get("directory") or planned.get("directory"),
                }
            )
    return result


def wanted(certificates: Iterable[Item], ordered: Mapping[str, Any], host: str) -> list[Item]:
    """Those of *host*'s certificates that need a key and a request: their order stands."""
    names = {item["name"] for item in ordered.get("hosts", {}).get(host, ()) if item["status"] not in _STOPPED}
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
    planned = _by_name(plan["hosts"].get(host, ()))
    return [
        {
            **{key: item.get(key) for key in ("name", "order_uri", "account_uri", "directory")},
            "new_key": bool(planned.get(item["name"], {}).get("selected")),
        }
        for item in ordered.get("hosts", {}).get(host, ())
        if item["status"] not in _STOPPED
    ]


def challenges(
    ordered: Mapping[str, Any], hostvars: Mapping[str, Any], host: str | None = None, stale: bool = False
) -> list[dict[str, Any]]:
    """The challenges that *host* itself has to answer, or those of all hosts, with where each is answered.

    *stale*: those of orders that are given up, too; they are to be removed only.
    """
    result = []
    hosts = ordered.get("hosts", {})
    for owner in [host] if host else hosts:
        facts = _by_name(registered(hostvars, owner, "acme_found", "certificates"))
        for order in hosts.get(owner, ()):
            wanted = facts[order["name"]]["wanted"]
            webroots = {item.name: item.webroot for item in check(wanted["identifiers"], wanted["challenge"])}
            for challenge in order.get("challenges", ()):
                if challenge["type"] in BY_DNS or (challenge["status"] == STALE and not stale):
                    continue
                webroot = webroots.get(challenge["identifier"]) or wanted["webroot"]
                result.append(
                    {
                        "name": order["name"],
                        "type": challenge["type"],
                        "identifier": challenge["identifier"],
                        "token": challenge["token"],
                        "key_authorization": challenge["key_authorization"],
                        **_where(challenge["type"], webroot, wanted),
                    }
                )
    return result


def finalizable(
    ordered: Mapping[str, Any], hostvars: Mapping[str, Any], problems: Problems | None = None
) -> list[dict[str, Any]]:
    """The orders that acme_order_finalize goes on with: those in their host's journal, with all challenges in place.

    *problems* are those of the TXT records, by host and certificate.
    """
    result = []
    for host, items in ordered.get("hosts", {}).items():
        unproved = (problems or {}).get(host, ())
        said = registered(hostvars, host, "acme_request", "ready")
        ready = {name for name in said if isinstance(name, str) and name not in unproved}
        requests = _by_name(registered(hostvars, host, "acme_request", "requests"))
        for order in items:
            if order["name"] in ready and order["name"] in requests:
                prepared = {key: order[key] for key in _PREPARED}
                result.append({**prepared, "csr_content": requests[order["name"]]["csr_content"]})
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
) -> list[dict[str, Any]]:
    """What the module certificate is told of each certificate of *host*: where it got to, and else what stopped it.

    *problems* are those of the TXT records, by host and certificate. *shared*: what came of serving the challenges on
    the play's other hosts; told where a certificate failed, which may be for that. *check*: nothing is finalized.
    """
    unproved = (problems or {}).get(host, {})
    unshared = _unshared(shared or {})
    orders_by_name = _by_name(ordered.get("hosts", {}).get(host, ()))
    finals_by_name = _by_name(finalized.get("hosts", {}).get(host, ()))
    result = []
    for planned in plan["hosts"][host]:
        name = planned["name"]
        if planned["action"] == "receive":
            continue  # shared.received() tells of it
        if planned["action"] in ("repair", "switch", "remove", "keep"):
            result.append({"name": name, "status": planned["action"]})
        elif planned["action"] == "refuse":
            result.append(_failed(name, planned["message"]))
        elif name in finals_by_name:
            final = dict(finals_by_name[name])
            if final["status"] == "failed":
                tokens = (challenge["token"] for challenge in orders_by_name.get(name, {}).get("challenges", ()))
                elsewhere = dict.fromkeys(problem for token in tokens for problem in unshared.get(token, ()))
                final["problem"] = "; ".join([final["problem"], *elsewhere])
            result.append(final)
        elif name not in orders_by_name:
            result.append(_failed(name, ordered.get("msg") or "it could not be ordered"))
        elif orders_by_name[name]["status"] in _STOPPED:
            result.append(dict(orders_by_name[name]))
        elif check:
            result.append({"name": name, "status": "keep"})
        else:
            stopped = requested.get("failures", {}).get(name) or requested.get("msg") or unproved.get(name)
            stopped = stopped or finalized.get("msg")
            result.append(_failed(name, stopped or "it could not be finalized"))
    return result


def registered(hostvars: Mapping[str, Any], host: str, variable: str, key: str) -> Any:
    """A list of a registered result; nothing where that host failed, vanished before it came to it, or says no list."""
    result = hostvars[host].get(variable)
    found = result.get(key) if isinstance(result, Mapping) else None
    return found if isinstance(found, (list, tuple)) else ()


def _journaled(pending: Item | None, wanted: Item, directories: Collection[str]) -> Item:
    """The pending version, if its order is for what is wanted; acme_order compares the identifiers and the account."""
    # One that has its certificate is only to be switched to; where that is not the plan, it is to be a new one.
    if not isinstance(pending, Mapping) or not isinstance(pending.get("order_uri"), str) or pending.get("issued"):
        return {}
    # With another key type its host makes a new key; the order may have been finalized with the one before.
    is_for = (pending.get("key_type"), pending.get("profile") or None)
    same = is_for == (wanted["key_type"], wanted["profile"] or None)
    return pending if same and pending.get("directory") in directories else {}


def _is_new(pending: Item, plan: Mapping[str, Any]) -> bool:
    """Whether a pending key was made to replace another."""
    before = plan["replacing"]["before"]
    return bool(before) and str(pending.get("created") or "") >= before


def _unshared(shared: Mapping[str, Any]) -> dict[str, list[str]]:
    """By token, which of the play's other hosts does not serve it, and why."""
    found: dict[str, list[str]] = {}
    for result in shared.get("results", ()):
        for token, problem in (result.get("failures") or {}).items():
            found.setdefault(token, []).append(f"{result['item']} does not serve it: {problem}")
    return found


def _where(kind: str, webroot: str | None, wanted: Item) -> dict[str, Any]:
    """Where a host answers a challenge: in the folder of its web server, or at a port of its own."""
    if kind != HTTP_01:
        return {"listen": wanted["tls_alpn_01_listen"]}
    return {"webroot": webroot} if webroot else {"listen": wanted["http_01_listen"]}


def _failed(name: str, problem: str) -> dict[str, Any]:
    # Nothing is known of its order that would speak against going on with it.
    return {"name": name, "status": "failed", "problem": problem, "resumable": True}


def _by_name(items: Iterable[Item]) -> dict[str, Item]:
    return {item["name"]: item for item in items if isinstance(item, Mapping) and isinstance(item.get("name"), str)}
