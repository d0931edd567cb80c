# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TXT records of a run's orders, and what became of them: pure functions over what was registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    CertificateOrder,
    ChallengeData,
    TxtRecordState,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import BY_DNS, DNS_PERSIST_01
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status

from .flow import orders_of, registered

Item = Mapping[str, Any]
Problems = Mapping["tuple[str, str] | None", str]

#: A challenge that needs no record any more.
_DONE = (Status.VALID, Status.STALE)


def txt_records(
    ordered: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    purpose: str,
    write_persistent: bool = False,
    given_up: Iterable[Item] = (),
) -> list[TxtRecordState]:
    """The records to 'set', to 'await' or to 'remove', each once.

    Set and awaited are those of orders in their host's journal; removed are all, but for persistent ones, which stay.
    *given_up*: results of the steps before; what these could not do is not waited for.
    """
    result = []
    problems = _problems(given_up)
    for host in ordered.get("hosts", {}):
        ready = registered(hostvars, host, "_acme_request", "ready")
        for order in orders_of(ordered, host):
            for challenge in _by_dns(order):
                persistent = challenge.type == DNS_PERSIST_01
                if purpose == "remove":
                    wanted = not persistent
                else:
                    open_ = order.name in ready and challenge.status not in _DONE
                    wanted = open_ and (purpose == "await" or write_persistent or not persistent)
                if wanted and not _problem_of(challenge, problems):
                    result.append(TxtRecordState(challenge.record_name, challenge.record_value))
    return list(dict.fromkeys(result))


def any_by_dns(ordered: Mapping[str, Any]) -> bool:
    """Return True if a challenge of an order is answered by DNS."""
    return any(_by_dns(order) for host in ordered.get("hosts", {}) for order in orders_of(ordered, host))


def txt_problems(ordered: Mapping[str, Any], *results: Item) -> dict[str, dict[str, str]]:
    """Why orders cannot go on, by host and certificate; *results* of dns_txt_record, tasks files, dns_propagation."""
    problems = _problems(results)
    found: dict[str, dict[str, str]] = {}
    for host in ordered.get("hosts", {}):
        for order in orders_of(ordered, host):
            open_ = (challenge for challenge in _by_dns(order) if challenge.status not in _DONE)
            told = "; ".join(dict.fromkeys(filter(None, (_problem_of(item, problems) for item in open_))))
            if told:
                found.setdefault(host, {})[order.name] = told
    return found


def txt_unwritten(
    failed: Mapping[str, Any], task: Item, records: Iterable[Item], tell: bool = True
) -> list[TxtRecordState]:
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
        TxtRecordState(
            record.name,
            record.value,
            problem=f"{task['provider'] or 'acme_dns_tasks'}: {problem if tell else hidden}",
        )
        for record in map(TxtRecordState.from_result, records)
        if (problem := problems.get(record.target))
    ]


def txt_left(result: Item) -> list[str]:
    """A line for each record that could not be removed."""
    return [f"TXT record {key[0]}: {problem}" if key else problem for key, problem in _problems([result]).items()]


def _problems(results: Iterable[Item]) -> Problems:
    """What went wrong, by record; under None what stopped a whole step. The first step's word counts."""
    problems: dict[tuple[str, str] | None, str] = {}
    for result in results:
        if "records" not in result:
            if result.get("msg"):
                problems.setdefault(None, result["msg"])
            continue
        for record in map(TxtRecordState.from_result, result["records"]):
            if record.problem:
                problems.setdefault((record.name, record.value), record.problem)
    return problems


def _problem_of(challenge: ChallengeData, problems: Problems) -> str:
    record = (challenge.record_name, challenge.record_value)
    return problems.get(record) or problems.get(None) or ""


def _by_dns(order: CertificateOrder) -> list[ChallengeData]:
    return [challenge for challenge in order.challenges or () if challenge.type in BY_DNS]
