# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TXT records of a run's orders, and what became of them: pure functions over what was registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils.pki.identifiers import BY_DNS, DNS_PERSIST_01, STALE

from .flow import registered

Item = Mapping[str, Any]


def txt_records(
    ordered: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    purpose: str,
    write_persistent: bool = False,
    given_up: Iterable[Any] = (),
) -> list[dict[str, str]]:
    """The records to 'set', to 'await' or to 'remove', each once.

    Set and awaited are those of orders in their host's journal; removed are all, but for persistent ones, which stay.
    *given_up*: results of the steps before; what these could not do is not waited for.
    """
    result = []
    problems = _problems(given_up)
    for host, orders in ordered.get("hosts", {}).items():
        ready = registered(hostvars, host, "acme_request", "ready")
        for order in orders:
            for challenge in _by_dns(order):
                persistent = challenge["type"] == DNS_PERSIST_01
                if purpose == "remove":
                    wanted = not persistent
                else:
                    open_ = order["name"] in ready and challenge["status"] not in ("valid", STALE)
                    wanted = open_ and (purpose == "await" or write_persistent or not persistent)
                if wanted and not _problem_of(challenge, problems):
                    result.append((challenge["record_name"], challenge["record_value"]))
    return [{"name": name, "value": value} for name, value in dict.fromkeys(result)]


def any_by_dns(ordered: Mapping[str, Any]) -> bool:
    """Return True if a challenge of an order is answered by DNS."""
    return any(_by_dns(order) for orders in ordered.get("hosts", {}).values() for order in orders)


def txt_problems(ordered: Mapping[str, Any], *results: Any) -> dict[str, dict[str, str]]:
    """Why orders cannot go on, by host and certificate; *results* of dns_txt_record, tasks files, dns_propagation."""
    problems = _problems(results)
    found: dict[str, dict[str, str]] = {}
    for host, orders in ordered.get("hosts", {}).items():
        for order in orders:
            open_ = (item for item in _by_dns(order) if item["status"] not in ("valid", STALE))
            told = "; ".join(dict.fromkeys(filter(None, (_problem_of(item, problems) for item in open_))))
            if told:
                found.setdefault(host, {})[order["name"]] = told
    return found


def txt_unwritten(
    failed: Mapping[str, Any], task: Item, records: Iterable[Item], tell: bool = True
) -> list[dict[str, str]]:
    """The records that a tasks file did not set, with why.

    *failed*: the result at which it stopped; *task*: what dns_txt_record left to it; *records*: its own. *tell*:
    whether what a task says may be told, which may have credentials in it.
    """
    stopped = {}
    for result in failed.get("results", ()):
        item = result.get(result.get("ansible_loop_var", "item"))
        if result.get("failed") and isinstance(item, Mapping):
            stopped[item.get("name")] = result.get("msg", "failed")
    names = {record["name"] for record in task["records"]}
    problems = stopped or dict.fromkeys(names, failed.get("msg") or "its tasks failed")
    hidden = "its tasks failed; acme_dns_no_log: false shows why"
    return [
        {
            "name": record["name"],
            "value": record["value"],
            "problem": f"{task['provider'] or 'acme_dns_tasks'}: {problem if tell else hidden}",
        }
        for record in records
        if (problem := problems.get(record["target"]))
    ]


def txt_left(results: Iterable[Any]) -> list[str]:
    """A line for each record that could not be removed."""
    return [f"TXT record {key[0]}: {problem}" if key else problem for key, problem in _problems(results).items()]


def _problems(results: Iterable[Any]) -> dict[tuple[str, str] | None, str]:
    """What went wrong, by record; under None what stopped a whole step. The first step's word counts."""
    problems: dict[tuple[str, str] | None, str] = {}
    for result in results:
        if isinstance(result, Mapping) and "records" not in result:
            if result.get("msg"):
                problems.setdefault(None, result["msg"])
            continue
        for record in result["records"] if isinstance(result, Mapping) else result:
            if record.get("problem"):
                problems.setdefault((record["name"], record["value"]), record["problem"])
    return problems


def _problem_of(challenge: Item, problems: Mapping[tuple[str, str] | None, str]) -> str:
    record = (challenge["record_name"], challenge["record_value"])
    return problems.get(record) or problems.get(None) or ""


def _by_dns(order: Item) -> list[Item]:
    return [item for item in order.get("challenges", ()) if item["type"] in BY_DNS]
