# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TXT records of a run's orders, and their problems: pure functions over registered results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    CertificateOrder,
    ChallengeData,
    TxtRecord,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import BY_DNS, DNS_PERSIST_01
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status
from ansible_collections.certfleet.tls.plugins.module_utils._dns.entries import COMMON_OPTIONS, parse_common

from .flow import Item, orders_of, registered

#: By name and value of a record; None stands for all records of a step that failed as a whole.
Problems = Mapping["tuple[str, str] | None", str]

#: The statuses of challenges that need no record any more.
_DONE = (Status.VALID, Status.STALE)
_LOCATION = ("target", "zone", "aliases")


def txt_records(
    ordered: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    purpose: str,
    write_persistent: bool = False,
    given_up: Iterable[Item] = (),
) -> list[TxtRecord]:
    """Return the records to 'set', to 'await' or to 'remove', each once.

    Records are set and awaited for orders that are in the journal of their host. All records are removed, except for
    persistent ones. *given_up*: results of the steps before; a record that these failed for is not awaited.
    """
    result = []
    problems = problems_of(given_up)
    for host in ordered.get("hosts", {}):
        ready = registered(hostvars, host, "_acme_request", "ready")
        for order in orders_of(ordered, host):
            for challenge in by_dns(order):
                persistent = challenge.type == DNS_PERSIST_01
                if purpose == "remove":
                    needed = not persistent
                else:
                    open_ = order.name in ready and is_open(challenge)
                    needed = open_ and (purpose == "await" or write_persistent or not persistent)
                if needed and not _problem_of(challenge, problems):
                    result.append(TxtRecord(challenge.record_name, challenge.record_value))
    return list(dict.fromkeys(result))


def by_dns(order: CertificateOrder) -> list[ChallengeData]:
    """Return the challenges of an order that are answered by DNS."""
    return [challenge for challenge in order.challenges or () if challenge.type in BY_DNS]


def is_open(challenge: ChallengeData) -> bool:
    """Return True if a challenge by DNS needs its record."""
    return challenge.status not in _DONE


def with_locations(records: Iterable[TxtRecord], written: Item) -> list[dict[str, Any]]:
    """Return *records* as options of a module, with the locations that the step *written* found for their names.

    So each name is looked up once in a run, and a record is removed where it was set. The module verifies again that
    CNAMEs may lead there. Names without a location are looked up by the module.
    """
    found = {item["name"]: item for item in written.get("records", ()) if item.get("zone")}
    return [
        {**record.options(("name", "value")), **{key: found[record.name][key] for key in _LOCATION}}
        if record.name in found
        else record.options(("name", "value"))
        for record in records
    ]


def without_providers(zones: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries of acme_dns with what all entries have, and without the options of providers."""
    names = ("provider", *(option.name for option in COMMON_OPTIONS))
    return {key: {name: entry[name] for name in names if name in entry} for key, entry in zones.items()}


def longest_delay(zones: Mapping[str, Any]) -> int:
    """Return the longest delay of the entries of acme_dns, in seconds. Raises DnsError for an invalid entry."""
    return max((parse_common(key, entry).delay or 0 for key, entry in zones.items()), default=0)


def any_by_dns(ordered: Mapping[str, Any]) -> bool:
    """Return True if a challenge of an order is answered by DNS."""
    return any(by_dns(order) for host in ordered.get("hosts", {}) for order in orders_of(ordered, host))


def txt_problems(ordered: Mapping[str, Any], *results: Item) -> dict[str, dict[str, str]]:
    """Return why orders cannot go on, by host and certificate.

    *results*: those of dns_txt_record, of tasks files, and of dns_propagation.
    """
    problems = problems_of(results)
    by_host: dict[str, dict[str, str]] = {}
    for host in ordered.get("hosts", {}):
        for order in orders_of(ordered, host):
            open_ = filter(is_open, by_dns(order))
            reasons = "; ".join(dict.fromkeys(filter(None, (_problem_of(item, problems) for item in open_))))
            if reasons:
                by_host.setdefault(host, {})[order.name] = reasons
    return by_host


def problems_of(results: Iterable[Item]) -> Problems:
    """Return the problems of all *results*. If two steps have one for the same record, the first step's counts."""
    problems: dict[tuple[str, str] | None, str] = {}
    for result in results:
        if "records" not in result:
            if result.get("msg"):
                problems.setdefault(None, result["msg"])
            continue
        for record in map(TxtRecord.from_result, result["records"]):
            if record.problem:
                problems.setdefault((record.name, record.value), record.problem)
    return problems


def txt_unwritten(
    failed: Mapping[str, Any], task: Item, records: Iterable[Item], show_messages: bool = True
) -> list[TxtRecord]:
    """Return the records that a tasks file did not set, with the reason.

    *failed*: the result of the task that failed. *task*: what dns_txt_record left to the tasks file. *records*: the
    records of dns_txt_record. *show_messages*: include the task's message, which may have credentials in it.
    """
    failed_items = {}
    for result in failed.get("results", ()):
        item = result.get(result.get("ansible_loop_var", "item"))
        # A loop over subelements() has lists of a record and one of its values.
        record = item[0] if isinstance(item, Sequence) and not isinstance(item, str) and item else item
        if result.get("failed") and isinstance(record, Mapping):
            failed_items[record.get("name")] = result.get("msg", "failed")
    names = {record["name"] for record in task["records"]}
    problems = failed_items or dict.fromkeys(names, failed.get("msg") or "its tasks failed")
    hidden = "its tasks failed; acme_dns_no_log: false shows why"
    who = f"{task['provider']}, entry {task['entry']} of acme_dns" if task["entry"] else "acme_dns_tasks"
    return [
        TxtRecord(
            record.name,
            record.value,
            problem=f"{who}: {problem if show_messages else hidden}",
        )
        for record in map(TxtRecord.from_result, records)
        if (problem := problems.get(record.target))
    ]


def _problem_of(challenge: ChallengeData, problems: Problems) -> str:
    own = problems.get((challenge.record_name, challenge.record_value))
    return f"TXT record {challenge.record_name}: {own}" if own else problems.get(None) or ""
