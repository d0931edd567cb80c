# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entry of acme_dns each record belongs to, and whether CNAMEs may lead the record there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from .._common.contracts import TxtRecord
from .._common.statuses import Change
from .delegation import CNAME_TARGETS, DEFAULT_TARGETS, is_target
from .entries import OWN_TASKS, Entry, entry_label, parse, parse_keys
from .errors import DnsError, NotInstalledError
from .providers import by_name
from .providers.base import Provider
from .zones import Location

#: Return True if all CNAMEs that lead to a record are in its zone. Raises DnsError if no server can be asked.
IsOwn = Callable[[Location], bool]

_THREADS = 8


@dataclass
class Job:
    """The records of one entry. They are written by *provider*, or without one by the tasks in *file*."""

    entry: str
    provider: Provider | None
    provider_name: str = ""
    file: str = ""
    cname_targets: tuple[str, ...] = DEFAULT_TARGETS
    records: list[TxtRecord] = field(default_factory=list)

    def by_zone(self) -> dict[str, list[TxtRecord]]:
        """Return the records of each zone, which a provider changes in one call."""
        zones: dict[str, list[TxtRecord]] = {}
        for record in self.records:
            zones.setdefault(str(record.zone), []).append(record)
        return zones

    def allows_target(self, name: str) -> bool:
        """Return True if CNAMEs of other zones or entries may lead to *name*."""
        return is_target(name, self.cname_targets) or bool(self.provider and self.provider.is_delegated(name))


class Entries:
    """The option zones (acme_dns): which provider writes to which zone."""

    def __init__(self, zones: Mapping[str, Any], tasks_file: str = "") -> None:
        """*tasks_file*: absolute path of the tasks for records without an entry. Raises DnsError for an invalid key."""
        self._zones = zones
        self._tasks_file = tasks_file
        self._keys = parse_keys(zones)
        self._providers: dict[str, Provider] = {}

    def problems(self, timeout: float) -> list[str]:
        """Return a line for each entry with wrong options. A missing library fails only the records of its entry."""
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
        """Return the entry of a record: the longest key that is its name or a parent of it, otherwise '*'.

        '' stands for tasks_file. None if there is neither.
        """
        return self._key_of(location.target)

    def is_of_one(self, location: Location) -> bool:
        """Return True if the record and all names whose CNAMEs lead to it belong to one entry."""
        key = self.key(location)
        return all(self._key_of(alias) == key for alias in location.aliases)

    def _key_of(self, name: str) -> str | None:
        while name:
            if name in self._keys:
                return self._keys[name]
            name = name.partition(".")[2]
        return "*" if "*" in self._zones else "" if self._tasks_file else None

    def job(self, key: str, timeout: float) -> Job:
        """Return the job of an entry, without records; its options are verified. Raises DnsError."""
        if key == "":
            return Job(key, None, file=self._tasks_file)
        entry = parse(key, self._zones[key], bool(self._tasks_file))
        try:
            return self._job(key, entry, timeout)
        except DnsError as error:
            raise type(error)(f"{entry_label(key)}: {error}") from None

    def _job(self, key: str, entry: Entry, timeout: float) -> Job:
        if entry.provider in by_name.CLASSES:
            if key not in self._providers:
                # Once in a run: some libraries take long to make one.
                self._providers[key] = by_name.create(entry.provider, entry.options, timeout)
            return Job(key, self._providers[key], entry.provider, cname_targets=entry.cname_targets)
        if entry.task_file:
            entry.task_file.require_collection()
        file = entry.task_file.path if entry.task_file else self._tasks_file
        return Job(key, None, entry.provider, file, entry.cname_targets)


class _Jobs:
    """The jobs of all records, each made once."""

    def __init__(self, entries: Entries, timeout: float) -> None:
        self._entries = entries
        self._timeout = timeout
        self._made: dict[str, Job | DnsError] = {}

    def find(self, location: Location) -> Job:
        """Return the job of a record. Raises DnsError."""
        key = self._entries.key(location)
        if key is None:
            raise DnsError(
                f"zones (acme_dns) has no entry for zone {location.zone}, where {location.target} is stored: "
                "add one, or '*' for all zones without"
            )
        if key not in self._made:
            try:
                self._made[key] = self._entries.job(key, self._timeout)
            except DnsError as error:
                self._made[key] = error
        job = self._made[key]
        if isinstance(job, DnsError):
            raise job
        return job

    def all(self) -> list[Job]:
        """Return the jobs that can be done."""
        return [job for job in self._made.values() if isinstance(job, Job)]


def fail(record: TxtRecord, problem: object) -> TxtRecord:
    """Return *record* with the reason why it could not be written."""
    return replace(record, status=Change.FAILED, problem=str(problem))


def assign(
    records: Sequence[TxtRecord], entries: Entries, timeout: float, is_own: IsOwn
) -> tuple[list[TxtRecord], list[Job]]:
    """Return the located *records*, marked as failed where they cannot be written, and jobs for all others.

    *timeout*: seconds for each exchange with a provider. *is_own* is called only where the permission depends on it.
    """
    jobs = _Jobs(entries, timeout)
    problems: dict[TxtRecord, str] = {}
    candidates: dict[Location, Job] = {}
    for record in records:
        try:
            if not record.zone:
                raise DnsError(record.problem)
            location = Location.of(record)
            candidates[location] = jobs.find(location)
        except DnsError as error:
            problems[record] = str(error)
    refusals = _refusals(candidates, entries, is_own)
    for record in dict.fromkeys(records):
        if record in problems:
            continue
        location = Location.of(record)
        if location in refusals:
            problems[record] = refusals[location]
        else:
            candidates[location].records.append(record)
    return [fail(record, problems[record]) if record in problems else record for record in records], jobs.all()


def _refusals(candidates: Mapping[Location, Job], entries: Entries, is_own: IsOwn) -> dict[Location, str]:
    """Return the reasons why nothing is written to locations to which others' CNAMEs lead without permission."""
    doubtful = {
        location: job
        for location, job in candidates.items()
        if location.aliases and not job.allows_target(location.target)
    }

    def refusal(location: Location) -> str:
        unknown = ""
        try:
            if entries.is_of_one(location) and is_own(location):
                return ""
        except DnsError as error:
            unknown = str(error)
        return _not_allowed(doubtful[location], location, unknown)

    with ThreadPoolExecutor(_THREADS) as pool:
        return {location: reason for location, reason in zip(doubtful, pool.map(refusal, doubtful)) if reason}


def _not_allowed(job: Job, location: Location, unknown: str) -> str:
    """Return the message. *unknown*: the reason why the zone's servers could not be asked; empty if they were."""
    listed = ", ".join(job.cname_targets)
    allows = f"allows such records only for {listed}" if listed else "allows no such records"
    if job.entry:
        source, remedy = entry_label(job.entry), f"add it to {CNAME_TARGETS} of that entry"
    else:
        source = "tasks_file (acme_dns_tasks)"
        remedy = f"add an entry with provider {OWN_TASKS} and {CNAME_TARGETS} to zones (acme_dns)"
    reason = (
        " (it needs permission because the zone's own name servers cannot be asked whether the CNAME is in it: "
        f"{unknown})"
        if unknown
        else ""
    )
    return (
        f"{location.name} leads by CNAME to {location.target} in zone {location.zone}; {source} {allows}: "
        f"if this target is wanted, {remedy}{reason}"
    )
