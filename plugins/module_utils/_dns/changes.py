# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add many TXT records, or remove them: each by its provider, or by tasks that get a list of record sets."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from .._common.contracts import TxtRecord
from .._common.statuses import Change, WaitMode
from .assignment import Entries, IsOwn, Job, assign, fail
from .entries import entry_label
from .errors import DnsError
from .locator import Locator
from .ownership import Ownership
from .propagation import published_values
from .providers.base import Provider
from .records import relative
from .servers import Authorities
from .zones import Location

#: The values that each location has now; a DnsError where no server could be asked. Nothing where none may be asked.
Published = Mapping[Location, "frozenset[str] | DnsError"]
#: For each record of a job the same record with its status, and with its problem if it failed.
Results = dict[TxtRecord, TxtRecord]

_THREADS = 8
_NOT_ASKED = DnsError(
    "wait (acme_dns_wait) asks no name server, and the tasks would replace them. Set it to authoritative for the zone, "
    "or let the CNAME lead to a name that begins with _acme-challenge"
)
_OTHERS_UNKNOWN = DnsError(
    "wait (acme_dns_wait) asks no name server, and the tasks would remove them with the value that a host has noted. "
    "Remove that value by hand, or set wait to authoritative for the zone"
)


@dataclass(frozen=True)
class ChangeResult:
    """The records in the order given, and what is left to tasks files, as dns_txt_record returns both."""

    records: list[TxtRecord]
    task_files: list[dict[str, Any]]

    @property
    def changed(self) -> bool:
        """Return True if a provider changed a record."""
        return any(record.status == Change.CHANGED for record in self.records)

    @property
    def problems(self) -> str:
        """Return one line that names each record that failed, with its reason; empty if none failed."""
        names: dict[str, list[str]] = {}
        for record in self.records:
            if record.status == Change.FAILED and record.name not in names.setdefault(record.problem, []):
                names[record.problem].append(record.name)
        return "; ".join(f"{', '.join(failed)}: {problem}" for problem, failed in names.items())


def change_records(
    authorities: Authorities,
    records: Sequence[TxtRecord],
    entries: Entries,
    present: bool,
    dry: bool,
    keep_others: Collection[str] = (),
) -> ChangeResult:
    """Add *records*, or remove them if *present* is false. A record that fails stops no other.

    *dry*: send nothing, and return what would be done. *keep_others*: names of records that fail where tasks could
    remove other values, which are unknown.
    """
    located = Locator(authorities, entries.rules).locate_records(records)
    assigned, jobs = assign(located, entries, _is_own(authorities, entries))
    locations = dict.fromkeys(Location.of(record) for job in jobs for record in job.records)
    published = published_values(authorities, [place for place in locations if _may_ask_servers(entries, place)])
    results = carry_out(jobs, published, present, dry)
    task_files, left_to_tasks = for_tasks(jobs, published, present, keep_others)
    results |= left_to_tasks
    return ChangeResult([results.get(record, record) for record in assigned], task_files)


def _is_own(authorities: Authorities, entries: Entries) -> IsOwn:
    ownership = Ownership(authorities)

    def is_own(location: Location) -> bool:
        if not _may_ask_servers(entries, location):
            raise DnsError("wait (acme_dns_wait) does not allow to ask them")
        return ownership.is_own(location)

    return is_own


def _may_ask_servers(entries: Entries, location: Location) -> bool:
    return entries.rules.wait(location).mode is WaitMode.AUTHORITATIVE


def carry_out(jobs: Sequence[Job], published: Published, present: bool, dry: bool) -> Results:
    """Do the jobs that have a provider, entries in parallel, and return the results. *dry*: send nothing."""

    wanted = _Wanted(published, present, dry)
    locks = {zone: Lock() for job in jobs for zone in job.by_zone()}

    def one(job: Job) -> Results:
        results: Results = {}
        for zone, records in job.by_zone().items():
            if job.provider:
                # Several entries may be for names of one zone.
                with locks[zone] if job.provider.writes_sets else nullcontext():
                    results |= _change_zone(job.provider, job.entry, zone, records, wanted)
        return results

    with ThreadPoolExecutor(_THREADS) as pool:
        return {record: result for results in pool.map(one, jobs) for record, result in results.items()}


@dataclass(frozen=True)
class _Wanted:
    """The published values, and the task: add or remove records, or report what would change."""

    published: Published
    present: bool
    dry: bool


def _change_zone(provider: Provider, entry: str, zone: str, records: Sequence[TxtRecord], wanted: _Wanted) -> Results:
    results = _without_room(provider, records) if wanted.present else {}
    to_send: dict[TxtRecord, TxtRecord] = {}
    changing = set()
    for record in records:
        if record in results:
            continue
        is_published = record.value in _values(wanted.published, record)
        is_unknown = Location.of(record) not in wanted.published
        can_change = wanted.present or provider.removes
        changes = can_change and (is_unknown or is_published is not wanted.present)
        results[record] = replace(record, status=Change.CHANGED if changes else Change.UNCHANGED)
        # Records as they are stored: several names may lead to one.
        to_send[record] = TxtRecord(str(record.target), record.value)
        if changes:
            changing.add(record.target)
    if provider.most_values and wanted.present:
        # All values of a name or none: the one that makes way for a new one may be another of this run.
        to_send = {record: stored for record, stored in to_send.items() if record.target in changing}
    if to_send and not wanted.dry:
        failures = _send(provider, zone, list(dict.fromkeys(to_send.values())), wanted.present)
        for record, stored in to_send.items():
            if stored in failures:
                results[record] = fail(record, f"{failures[stored]} ({entry_label(entry)})")
    return results


def _without_room(provider: Provider, records: Sequence[TxtRecord]) -> Results:
    """Return the records that a provider with few values for a name has no room for, with the reason.

    The values of an order follow each other in *records*, so the first order gets all of its values.
    """
    values: dict[str | None, dict[str, None]] = {}
    names: dict[str | None, set[str]] = {}
    for record in records:
        values.setdefault(record.target, {})[record.value] = None
        names.setdefault(record.target, set()).add(record.name)

    def problem(record: TxtRecord) -> str:
        found = list(values[record.target])
        if provider.most_values is None or record.value in found[: provider.most_values]:
            return ""
        remedy = "let it lead by CNAME to a name of its own" if len(names[record.target]) > 1 else "run again later"
        return (
            f"{provider.name} has room for {provider.most_values} of the {len(found)} values of {record.target} in "
            f"this run: the certificates take turns; {remedy}"
        )

    return {record: fail(record, reason) for record in records if (reason := problem(record))}


def _send(provider: Provider, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
    """Return the problem of each record that failed."""
    try:
        return provider.change(zone, records, present)
    except DnsError as error:
        return dict.fromkeys(records, str(error))
    except Exception as error:
        # A bug of a library fails one entry only, and its message has no secret in it.
        said = f"{provider.name} failed with {type(error).__name__}: {provider.scrub(error)}"
        return dict.fromkeys(records, said)


def for_tasks(
    jobs: Sequence[Job], published: Published, present: bool, keep_others: Collection[str] = ()
) -> tuple[list[dict[str, Any]], Results]:
    """Return what tasks files have to do, as dns_txt_record returns it, and the results of their records."""
    tasks: list[dict[str, Any]] = []
    results: Results = {}
    for job in jobs:
        if job.provider:
            continue
        written = []
        for record in job.records:
            unseen = published.get(Location.of(record), _risk_for_others(job, record, keep_others))
            if isinstance(unseen, DnsError):
                # Most modules replace the whole set, with other values in it that are not ours.
                results[record] = fail(record, f"cannot read the values that {record.target} has now: {unseen}")
            else:
                results[record] = replace(record, status=Change.TASKS)
                written.append(record)
        if written:
            records = list(_record_sets(written, published, present))
            tasks.append({"provider": job.provider_name, "entry": job.entry, "file": job.file, "records": records})
    return tasks, results


def _risk_for_others(job: Job, record: TxtRecord, keep_others: Collection[str]) -> DnsError | None:
    """Return why tasks that do not know all values of the name must not set them; None if they may."""
    # Second: that of dns-account-01 (draft-ietf-acme-dns-account-label section 3.1).
    is_of_challenge = "_acme-challenge" in str(record.target).split(".")[:2]
    if not job.replaces_sets:
        return None
    if not is_of_challenge:
        return _NOT_ASKED
    return _OTHERS_UNKNOWN if record.name in keep_others else None


def _record_sets(records: Sequence[TxtRecord], published: Published, present: bool) -> Iterator[dict[str, Any]]:
    sets: dict[tuple[str, str], list[TxtRecord]] = {}
    for record in records:
        sets.setdefault((str(record.target), str(record.zone)), []).append(record)
    for (target, zone), members in sets.items():
        values = list(dict.fromkeys(record.value for record in members))
        before = sorted({value for record in members for value in _values(published, record)})
        after = {*before, *values} if present else {*before} - {*values}
        yield {
            "name": target,
            "record": relative(target, zone),
            "zone": zone,
            "changes": values,
            "present": sorted(after),
            "before": before,
        }


def _values(published: Published, record: TxtRecord) -> frozenset[str]:
    values = published.get(Location.of(record))
    return values if isinstance(values, frozenset) else frozenset()
