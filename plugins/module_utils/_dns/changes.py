# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many TXT records, each with its provider: which entry is for which, what is to be done, and doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .._common.contracts import TxtRecordState
from .._common.statuses import Change
from .delegation import CNAME_TARGETS, DEFAULT_TARGETS, is_target
from .entries import OWN_TASKS, Entry, parse, parse_keys, where
from .errors import DnsError, NotInstalledError
from .propagation import held
from .providers import by_name
from .providers.base import Provider
from .records import Txt, relative
from .servers import Authorities
from .zones import Location

#: What each location holds now; a DnsError where nobody could be asked.
Found = Mapping[Location, "frozenset[str] | DnsError"]
#: Return True if all CNAMEs that lead to a record are in its zone. Raises DnsError if nobody can tell.
IsOwn = Callable[[Location], bool]

_SIDE_BY_SIDE = 8


@dataclass
class RecordChange:
    """A record as asked for, where it is kept (nowhere if that is not known), and what became of it."""

    name: str
    value: str
    location: Location
    status: Change | None = None
    problem: str = ""

    @property
    def txt(self) -> Txt:
        """The record that is written: CNAMEs are followed."""
        return Txt(self.location.target, self.value)

    def fail(self, problem: object) -> None:
        """Note why it could not be done."""
        self.status, self.problem = Change.FAILED, str(problem)

    def record(self) -> TxtRecordState:
        """As dns_txt_record returns it."""
        return TxtRecordState(
            self.name,
            self.value,
            target=self.location.target,
            zone=self.location.zone,
            status=self.status,
            problem=self.problem,
        )


@dataclass
class Job:
    """The records of one entry. provider is what changes them; without one it is for the tasks of *file*."""

    entry: str
    provider: Provider | None
    provider_name: str = ""
    file: str = ""
    cname_targets: tuple[str, ...] = DEFAULT_TARGETS
    items: list[RecordChange] = field(default_factory=list)

    def by_zone(self) -> dict[str, list[RecordChange]]:
        """The records of each zone, which a provider changes in one call."""
        zones: dict[str, list[RecordChange]] = {}
        for item in self.items:
            zones.setdefault(item.location.zone, []).append(item)
        return zones

    def takes(self, name: str) -> bool:
        """Return True if CNAMEs of other zones or entries may lead to *name*."""
        return is_target(name, self.cname_targets) or bool(self.provider and self.provider.is_delegated(name))


class Entries:
    """The option zones (acme_dns): which provider writes to which zone."""

    def __init__(self, zones: Mapping[str, Any], tasks_file: str = "") -> None:
        """*tasks_file*: absolute path of the tasks for what has no entry. Raises DnsError for a key that is no zone."""
        self._zones = zones
        self._tasks_file = tasks_file
        self._keys = parse_keys(zones)

    def problems(self, timeout: float) -> list[str]:
        """Return a line for each entry with wrong options. What is not installed fails the entry's own records only."""
        lines = []
        for key in self._zones:
            try:
                self.job(key, timeout)
            except NotInstalledError:
                pass
            except DnsError as error:
                lines.append(str(error))
        return lines

    def key(self, location: Location) -> str | None:
        """The entry for a record: the longest that is its name or a parent of it, else '*'; '' is the tasks file.

        None if there is none.
        """
        return self._key_of(location.target)

    def is_of_one(self, location: Location) -> bool:
        """Return True if the record and all names whose CNAMEs lead to it are of one entry."""
        key = self.key(location)
        return all(self._key_of(alias) == key for alias in location.aliases)

    def _key_of(self, name: str) -> str | None:
        while name:
            if name in self._keys:
                return self._keys[name]
            name = name.partition(".")[2]
        return "*" if "*" in self._zones else "" if self._tasks_file else None

    def job(self, key: str, timeout: float) -> Job:
        """What is done with the records of an entry, its options checked. Raises DnsError."""
        if key == "":
            return Job(key, None, file=self._tasks_file)
        entry = parse(key, self._zones[key], bool(self._tasks_file))
        try:
            return self._job(key, entry, timeout)
        except DnsError as error:
            raise type(error)(f"{where(key)}: {error}") from None

    def _job(self, key: str, entry: Entry, timeout: float) -> Job:
        if entry.provider in by_name.CLASSES:
            provider = by_name.make(entry.provider, entry.options, timeout)
            return Job(key, provider, entry.provider, cname_targets=entry.cname_targets)
        if entry.task_file:
            entry.task_file.check_collection()
        file = entry.task_file.path if entry.task_file else self._tasks_file
        return Job(key, None, entry.provider, file, entry.cname_targets)


def assign(
    records: Sequence[Txt],
    places: Mapping[str, Location | DnsError],
    entries: Entries,
    timeout: float,
    is_own: IsOwn,
) -> tuple[list[RecordChange], list[Job]]:
    """Each record with where it is kept, and all that can be done sorted by entry; what cannot has failed.

    *timeout*: seconds for each exchange with a provider. *is_own* is called only where the permission depends on it.
    """
    items: list[RecordChange] = []
    jobs: dict[str, Job | DnsError] = {}
    ready: list[tuple[RecordChange, Job]] = []
    for record in records:
        place = places[record.name]
        item = RecordChange(
            record.name, record.value, place if isinstance(place, Location) else Location(record.name, "", "")
        )
        items.append(item)
        if isinstance(place, DnsError):
            item.fail(place)
            continue
        key = entries.key(place)
        if key is None:
            item.fail(
                f"zones (acme_dns) has no entry for zone {place.zone}, where {place.target} is kept: "
                "add one, or '*' for all zones without"
            )
            continue
        if key not in jobs:
            try:
                jobs[key] = entries.job(key, timeout)
            except DnsError as error:
                jobs[key] = error
        job = jobs[key]
        if isinstance(job, DnsError):
            item.fail(job)
        else:
            ready.append((item, job))
    refused = _refused({item.location: job for item, job in ready}, entries, is_own)
    for item, job in ready:
        if item.location in refused:
            item.fail(refused[item.location])
        else:
            job.items.append(item)
    return items, [job for job in jobs.values() if isinstance(job, Job)]


def _refused(wanted: Mapping[Location, Job], entries: Entries, is_own: IsOwn) -> dict[Location, str]:
    """Return, by location, why nothing is written there: its entry forbids CNAMEs that may be somebody else's."""
    doubtful = {place: job for place, job in wanted.items() if place.aliases and not job.takes(place.target)}

    def one(place: Location) -> str:
        unknown = ""
        try:
            if entries.is_of_one(place) and is_own(place):
                return ""
        except DnsError as error:
            unknown = str(error)
        return _not_allowed(doubtful[place], place, unknown)

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return {place: problem for place, problem in zip(doubtful, pool.map(one, doubtful)) if problem}


def look(authorities: Authorities, jobs: Sequence[Job]) -> Found:
    """What is there now, where the jobs are to write."""
    found: dict[Location, frozenset[str] | DnsError] = {}
    found.update(held(authorities, {item.location: None for job in jobs for item in job.items}))
    for zone, items in ((zone, items) for job in jobs if not job.provider for zone, items in job.by_zone().items()):
        empty = [item.location for item in items if not found[item.location]]
        trouble = _trouble(authorities, zone, empty[0].target) if empty else None
        if trouble:
            found.update(dict.fromkeys(empty, trouble))
    return found


def _trouble(authorities: Authorities, zone: str, name: str) -> DnsError | None:
    """Why no server of *zone* can be asked for *name*; None if one can be."""
    trouble = DnsError(f"zone {zone} has no name server with an address")
    try:
        for server in authorities.servers(zone):
            for address in server.addresses:
                try:
                    authorities.values(zone, address, name)
                    return None
                except DnsError as error:
                    trouble = DnsError(f"{server.name} ({address}) {error}")
    except DnsError as error:
        trouble = error
    return trouble


def carry_out(jobs: Sequence[Job], found: Found, present: bool, dry: bool) -> None:
    """Do the jobs that have a provider, entries side by side, and note with each record what became of it.

    *dry*: send nothing, and note what would be.
    """

    def one(job: Job) -> None:
        if job.provider:
            _do(job, job.provider, found, present, dry)

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        list(pool.map(one, jobs))


def _do(job: Job, provider: Provider, found: Found, present: bool, dry: bool) -> None:
    for zone, items in job.by_zone().items():
        to_send: dict[Txt, None] = {}
        for item in items:
            is_there = item.value in _held(found, item)
            item.status = (
                Change.UNCHANGED
                if is_there is present or not (present or provider.holds_any_number)
                else Change.CHANGED
            )
            # What one server still has, another may have lost already: it is sent again, where that is harmless.
            if not (present and is_there) or provider.holds_any_number:
                to_send[item.txt] = None
        if dry or not to_send:
            continue
        try:
            failures = provider.change(zone, list(to_send), present)
        except DnsError as error:
            failures = dict.fromkeys(to_send, str(error))
        except Exception as error:
            # A library's bug takes down one entry, and does not get to tell its secrets.
            said = f"{provider.name} broke off with {type(error).__name__}: {provider.scrub(error)}"
            failures = dict.fromkeys(to_send, said)
        for item in items:
            if item.txt in failures:
                item.fail(f"{failures[item.txt]} ({where(job.entry)})")


def for_tasks(jobs: Sequence[Job], found: Found, present: bool) -> list[dict[str, Any]]:
    """What the tasks files have to do, as dns_txt_record returns it."""
    return [
        {"provider": job.provider_name, "entry": job.entry, "file": job.file, "records": records}
        for job in jobs
        if not job.provider
        for records in [list(_record_sets(job, found, present))]
        if records
    ]


def _record_sets(job: Job, found: Found, present: bool) -> Iterator[dict[str, Any]]:
    sets: dict[tuple[str, str], list[RecordChange]] = {}
    for item in job.items:
        location, unseen = item.location, found.get(item.location)
        if isinstance(unseen, DnsError):
            # Most modules replace the whole set, with other values in it that are not ours.
            item.fail(f"it cannot be seen what {location.target} holds already: {unseen}")
            continue
        item.status = Change.TASKS
        sets.setdefault((location.target, location.zone), []).append(item)
    for (target, zone), items in sets.items():
        values = list(dict.fromkeys(item.value for item in items))
        before = sorted({value for item in items for value in _held(found, item)})
        after = {*before, *values} if present else {*before} - {*values}
        yield {
            "name": target,
            "record": relative(target, zone),
            "zone": zone,
            "changes": values,
            "values": values,  # for tasks files of before 0.4.0
            "present": sorted(after),
            "before": before,
        }


def problems(items: Sequence[RecordChange]) -> str:
    """One line that names each record that failed, and why; empty if none has."""
    names: dict[str, list[str]] = {}
    for item in items:
        if item.status == Change.FAILED and item.name not in names.setdefault(item.problem, []):
            names[item.problem].append(item.name)
    return "; ".join(f"{', '.join(those)}: {problem}" for problem, those in names.items())


def _not_allowed(job: Job, place: Location, unknown: str) -> str:
    """*unknown*: why the zone's servers could not be asked whose the CNAMEs are; empty if they could."""
    listed = ", ".join(job.cname_targets)
    takes = f"takes such records only for {listed}" if listed else "takes no such records"
    if job.entry:
        source, remedy = where(job.entry), f"add it to {CNAME_TARGETS} of that entry"
    else:
        source = "tasks_file (acme_dns_tasks)"
        remedy = f"add an entry with provider {OWN_TASKS} and {CNAME_TARGETS} to zones (acme_dns)"
    why = (
        f" (it needs permission as the zone's own name servers cannot be asked whether the CNAME is in it: {unknown})"
        if unknown
        else ""
    )
    return (
        f"{place.name} leads by CNAME to {place.target} in zone {place.zone}; {source} {takes}: "
        f"if this one is wanted, {remedy}{why}"
    )


def _held(found: Found, item: RecordChange) -> frozenset[str]:
    values = found.get(item.location)
    return values if isinstance(values, frozenset) else frozenset()
