# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TXT records that hosts note, and those that earlier runs left: pure functions over registered results.

A host's note is its word: it counts only for a value that is the digest of the noted key authorization. Nobody can find
one for a value that somebody else has set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from random import Random
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._acme.txt_record import digest
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import ChallengeData, TxtRecord, plain
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import DNS_PERSIST_01
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import STOPPED
from ansible_collections.certfleet.tls.plugins.module_utils._common.txt_notes import KEPT, is_last, is_left

from .flow import Item, orders_of, registered
from .txt import by_dns, is_open, problems_of

#: A host may note thousands of records. Later runs remove the rest, so that no host uses up the limit of a DNS API.
MOST_OF_HOST = 100
#: Records by the host that has noted them.
Left = Mapping[str, list[TxtRecord]]


def to_note(ordered: Item, host: str) -> list[dict[str, str]]:
    """Return the records that this run sets for *host*, as certificate_request notes them."""
    return [
        {"certificate": order.name, **_fields(challenge)}
        for order in orders_of(ordered, host)
        if order.status not in STOPPED
        for challenge in by_dns(order)
        if is_open(challenge) and challenge.type != DNS_PERSIST_01
    ]


def find_left(hosts: Iterable[str], hostvars: Mapping[str, Any], now: datetime) -> dict[str, list[TxtRecord]]:
    """Return the records that earlier runs left, by host. *now*: aware UTC, by the clock that notes are made by."""
    found = {host: _left_on(registered(hostvars, host, "_acme_found", "txt_records"), now) for host in hosts}
    return {host: records for host, records in found.items() if records}


def with_plan(plan: Mapping[str, Any], left: Left) -> dict[str, Any]:
    """Return the result of the *plan* with the records that are *left*: their hosts have something due."""
    names = [(host, name) for host, records in left.items() for name in dict.fromkeys(item.name for item in records)]
    lines = (f"{host}: TXT record {name}: remove (left by an earlier run)" for host, name in names)
    return {
        **plan,
        "due": sorted({*plan["due"], *left}),
        "lines": [*plan["lines"], *lines],
        "left": {host: plain(records) for host, records in left.items()},
    }


def of_plan(plan: Mapping[str, Any]) -> dict[str, list[TxtRecord]]:
    """Return the records that with_plan() has put into the result of the plan."""
    return {host: list(map(TxtRecord.from_result, found)) for host, found in plan.get("left", {}).items()}


def with_left(records: Iterable[TxtRecord], left: Left) -> list[TxtRecord]:
    """Return the *records* to remove with those that earlier runs left, each once."""
    noted = (TxtRecord(record.name, record.value) for found in left.values() for record in found)
    return list(dict.fromkeys((*records, *noted)))


def outcomes(ordered: Item, left: Iterable[TxtRecord], results: Iterable[Item], host: str) -> list[dict[str, Any]]:
    """Return for the records of *host* whether they are removed, as the module certificate takes them.

    *left*: those that earlier runs left. *results*: those of the steps that remove records; none if they did not run.
    """
    removals = [result for result in results if result.get("state") == "absent"]
    if not removals:
        return []
    problems = problems_of(removals)
    tried = {(record["name"], record["value"]) for result in removals for record in result.get("records", ())}
    challenges = (challenge for order in orders_of(ordered, host) for challenge in by_dns(order))
    of_orders = (_fields(challenge) for challenge in challenges if challenge.type != DNS_PERSIST_01)
    records = [*of_orders, *(_fields_of_note(record) for record in left)]
    once = {(record["name"], record["value"]): record for record in records}
    return [{**record, "removed": key in tried and not problems.get(key)} for key, record in once.items()]


def warnings(result: Item, left: Left, now: datetime) -> list[str]:
    """Return a line for each record that a step could not remove, with what the next run does about it."""
    noted = [record for records in left.values() for record in records]
    # Another host may have noted it later.
    tried_again = {_key(record) for record in noted if not is_last(str(record.noted), now)}
    last = {_key(record) for record in noted} - tried_again
    return [_line(key, problem, last) for key, problem in problems_of([result]).items()]


def _line(key: tuple[str, str] | None, problem: str, last: Collection[tuple[str, str]]) -> str:
    if key is None:
        return f"TXT records are not removed: {problem}; the next run tries again"
    if key in last:
        return (
            f"TXT record {key[0]} is not removed: {problem}; after {KEPT.days} days it is not tried again. "
            f"Remove the value {key[1]} by hand"
        )
    return f"TXT record {key[0]} is not removed: {problem}; the next run tries again"


def _left_on(notes: Iterable[Item], now: datetime) -> list[TxtRecord]:
    """Return what is left, and no more than a run removes for a host: of more, each run has others."""
    left = [
        record
        for record in map(TxtRecord.from_result, notes)
        if is_left(str(record.until), now) and digest(str(record.key_authorization)) == record.value
    ]
    if len(left) <= MOST_OF_HOST:
        return left
    # By chance, so that those that cannot be removed do not keep others from their turn.
    return Random(str(now)).sample(left, MOST_OF_HOST)  # noqa: S311 # nosec B311 # not a secret


def _fields(challenge: ChallengeData) -> dict[str, str]:
    return {
        "name": challenge.record_name,
        "value": challenge.record_value,
        "key_authorization": challenge.key_authorization,
    }


def _fields_of_note(record: TxtRecord) -> dict[str, Any]:
    return record.options(("name", "value", "key_authorization"))


def _key(record: TxtRecord) -> tuple[str, str]:
    return record.name, record.value
