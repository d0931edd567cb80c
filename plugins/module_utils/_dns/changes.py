# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add many TXT records, or remove them: each by its provider, or by tasks that get a list of record sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from .._common.contracts import TxtRecord
from .._common.statuses import Change
from .assignment import Entries, Job, assign, fail
from .entries import entry_label
from .errors import DnsError
from .ownership import Ownership
from .propagation import published_values
from .providers.base import Provider
from .records import relative
from .servers import Authorities
from .zones import Location, locate_records

#: The values that each location has now; a DnsError where no server could be asked.
Published = Mapping[Location, "frozenset[str] | DnsError"]
#: For each record of a job the same record with its status, and with its problem if it failed.
Results = dict[TxtRecord, TxtRecord]

_THREADS = 8


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
    authorities: Authorities, records: Sequence[TxtRecord], entries: Entries, present: bool, dry: bool
) -> ChangeResult:
    """Add *records*, or remove them if *present* is false. A record that fails stops no other.

    *dry*: send nothing, and return what would be done.
    """
    located = locate_records(authorities.resolver, records)
    assigned, jobs = assign(located, entries, Ownership(authorities).is_own)
    locations = dict.fromkeys(Location.of(record) for job in jobs for record in job.records)
    published = published_values(authorities, locations)
    results = carry_out(jobs, published, present, dry)
    task_files, left_to_tasks = for_tasks(jobs, published, present)
    results |= left_to_tasks
    return ChangeResult([results.get(record, record) for record in assigned], task_files)


def carry_out(jobs: Sequence[Job], published: Published, present: bool, dry: bool) -> Results:
    """Do the jobs that have a provider, entries in parallel, and return the results. *dry*: send nothing."""

    wanted = _Wanted(published, present, dry)

    def one(job: Job) -> Results:
        results: Results = {}
        for zone, records in job.by_zone().items():
            if job.provider:
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
    results: Results = {}
    to_send: dict[TxtRecord, TxtRecord] = {}
    for record in records:
        is_published = record.value in _values(wanted.published, record)
        can_change = wanted.present or provider.keeps_any_number
        status = Change.CHANGED if can_change and is_published is not wanted.present else Change.UNCHANGED
        results[record] = replace(record, status=status)
        # Also if one name server has it already: another one may have lost it. But a provider that keeps few values
        # would lose another value for it.
        if provider.keeps_any_number or not (wanted.present and is_published):
            # Records as they are stored: several names may lead to one.
            to_send[record] = TxtRecord(str(record.target), record.value)
    if to_send and not wanted.dry:
        failures = _send(provider, zone, list(dict.fromkeys(to_send.values())), wanted.present)
        for record, stored in to_send.items():
            if stored in failures:
                results[record] = fail(record, f"{failures[stored]} ({entry_label(entry)})")
    return results


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


def for_tasks(jobs: Sequence[Job], published: Published, present: bool) -> tuple[list[dict[str, Any]], Results]:
    """Return what tasks files have to do, as dns_txt_record returns it, and the results of their records."""
    tasks: list[dict[str, Any]] = []
    results: Results = {}
    for job in jobs:
        if job.provider:
            continue
        written = []
        for record in job.records:
            unseen = published.get(Location.of(record))
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
