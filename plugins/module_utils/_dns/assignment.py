# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Assign each record to its entry of acme_dns, and decide whether CNAMEs may lead the record there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from .._common.contracts import TxtRecord
from .._common.statuses import Change
from .entries import CNAME_TARGETS, DEFAULT_TARGETS, OWN_TASKS, entry_label, is_target, parse
from .errors import DnsError, NotInstalledError
from .pace import Limits
from .providers import by_name
from .providers.base import Provider
from .wait_rules import DEFAULT_WAIT, Wait, WaitRules
from .zones import Location

#: Return True if all CNAMEs that lead to a record are in its zone. Raises DnsError if no server can be asked.
IsOwn = Callable[[Location], bool]

_THREADS = 8


@dataclass
class Job:
    """The records of one entry. They are written by *provider*, or without one by the tasks in *file*.

    replaces_sets: these tasks set all values of a name at once.
    """

    entry: str
    provider: Provider | None
    provider_name: str = ""
    file: str = ""
    cname_targets: tuple[str, ...] = DEFAULT_TARGETS
    replaces_sets: bool = True
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

    def __init__(
        self,
        zones: Mapping[str, Any],
        tasks_file: str = "",
        limits: Limits | None = None,
        wait: Wait = DEFAULT_WAIT,
    ) -> None:
        """*tasks_file*: absolute path of the tasks for records without an entry. Raises DnsError for an invalid key.

        *wait*: for entries without a wait of their own.
        """
        self.rules = WaitRules(zones, wait, bool(tasks_file))
        self._zones = zones
        self._tasks_file = tasks_file
        self._limits = limits or Limits()
        # Each is made once in a run: some libraries take long to make a provider.
        self._jobs: dict[str, Job | DnsError] = {}

    def problems(self) -> list[str]:
        """Return a line for each entry with wrong options. A missing library fails only the records of its entry."""
        made = [self._made(key) for key in self._zones]
        return [str(job) for job in made if isinstance(job, DnsError) and not isinstance(job, NotInstalledError)]

    def is_of_one(self, location: Location) -> bool:
        """Return True if the record and all names whose CNAMEs lead to it belong to one entry."""
        key = self.rules.key(location.target)
        return all(self.rules.key(alias) == key for alias in location.aliases)

    def find_job(self, location: Location) -> Job:
        """Return the job of a record, without records. Raises DnsError."""
        key = self.rules.key_of(location)
        if key is None:
            raise DnsError(
                f"zones (acme_dns) has no entry for zone {location.zone}, where {location.target} is stored: "
                "add one, or '*' for all zones without"
            )
        return self.job(key)

    def job(self, key: str) -> Job:
        """Return the job of an entry, without records; its options are verified. Raises DnsError."""
        job = self._made(key)
        if isinstance(job, DnsError):
            raise job
        return job

    def _made(self, key: str) -> Job | DnsError:
        if key not in self._jobs:
            try:
                self._jobs[key] = self._make(key) if key else Job(key, None, file=self._tasks_file)
            except DnsError as error:
                self._jobs[key] = error
        return self._jobs[key]

    def _make(self, key: str) -> Job:
        entry = parse(key, self._zones[key], bool(self._tasks_file))
        targets = entry.common.cname_targets
        try:
            if entry.provider in by_name.CLASSES:
                provider = by_name.create(entry.provider, entry.options, self._limits)
                return Job(key, provider, entry.provider, cname_targets=targets)
            if entry.task_file:
                entry.task_file.require_collection()
        except DnsError as error:
            raise type(error)(f"{entry_label(key)}: {error}") from None
        if entry.task_file:
            return Job(key, None, entry.provider, entry.task_file.path, targets, entry.task_file.replaces_sets)
        return Job(key, None, entry.provider, self._tasks_file, targets)


def fail(record: TxtRecord, problem: object) -> TxtRecord:
    """Return *record* with the reason why it could not be written."""
    return replace(record, status=Change.FAILED, problem=str(problem))


def assign(records: Sequence[TxtRecord], entries: Entries, is_own: IsOwn) -> tuple[list[TxtRecord], list[Job]]:
    """Return the located *records*, marked as failed where they cannot be written, and jobs for all others.

    *is_own* is called only where the permission depends on it.
    """
    problems: dict[TxtRecord, str] = {}
    locations: dict[TxtRecord, Location] = {}
    candidates: dict[Location, Job] = {}
    for record in records:
        try:
            if not record.zone:
                raise DnsError(record.problem)
            location = Location.of(record)
            candidates[location] = entries.find_job(location)
            locations[record] = location
        except DnsError as error:
            problems[record] = str(error)
    jobs = {job.entry: replace(job, records=[]) for job in candidates.values()}
    refusals = _refusals(candidates, entries, is_own)
    for record, location in locations.items():
        if location in refusals:
            problems[record] = refusals[location]
        else:
            jobs[candidates[location].entry].records.append(record)
    found = [fail(record, problems[record]) if record in problems else record for record in records]
    return found, list(jobs.values())


def _refusals(candidates: Mapping[Location, Job], entries: Entries, is_own: IsOwn) -> dict[Location, str]:
    """Return the reasons why nothing is written to locations to which others' CNAMEs lead without permission."""
    doubtful = {
        location: job
        for location, job in candidates.items()
        if location.aliases and not entries.rules.is_named(location) and not job.allows_target(location.target)
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
