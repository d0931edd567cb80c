# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait for the records that were set, each in the way of its entry: by name servers, a resolver, or time alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .._common.clock import Clock
from .._common.contracts import TxtRecord
from .._common.deadline import Deadline
from .._common.statuses import WaitMode
from . import propagation, resolver_wait
from .errors import DnsError
from .locator import Locator
from .propagation import PropagationResult
from .records import canonical
from .resolver import Resolver
from .servers import Authorities
from .wait_rules import Wait, WaitRules
from .zones import Location


@dataclass(frozen=True)
class PropagationReport:
    """The records in the order given, and the other values that were found by the name of the record.

    ignored: a line for each name server that gave no answer and was not waited for.
    """

    records: list[TxtRecord]
    others: dict[str, list[str]]
    ignored: list[str]

    @property
    def problems(self) -> str:
        """Return one line that names each record with a problem; empty if there is none."""
        problems = {_label(record): record.problem for record in self.records if record.problem}
        return "; ".join(f"{label}: {problem}" for label, problem in problems.items())

    @property
    def warnings(self) -> list[str]:
        """Return lines about servers without an answer, and about the values of other runs."""
        if not self.others:
            return self.ignored
        listed = ", ".join(f"{name} ({len(values)})" for name, values in self.others.items())
        others = (
            f"there are other TXT values than those of this run: {listed}. Values of other runs go with these runs; "
            "one that stays while no run is going on is left over, and can be removed unless an acme-dns server has it."
        )
        return [*self.ignored, others]


def await_records(
    authorities: Authorities, rules: WaitRules, records: Sequence[TxtRecord], timeout: float, clock: Clock
) -> PropagationReport:
    """Wait until *records* are seen by whom the rules say, and for the longest of their delays.

    *timeout*: seconds until all name servers have the records, and as many for a resolver. Delays come on top.
    """
    begin = clock.monotonic()
    results: dict[TxtRecord, TxtRecord] = {}
    delays: dict[WaitMode, dict[TxtRecord, int]] = {mode: {} for mode in WaitMode}
    located = _locate(authorities, rules, list(dict.fromkeys(records)))
    for record, place in located.items():
        if place.problem:
            results[record] = _missed(place, place.problem)
        else:
            mode, delay = _wait_for(rules, place)
            delays[mode][record] = delay
    by_servers, by_resolver, unasked = (delays[mode] for mode in WaitMode)
    found: dict[TxtRecord, PropagationResult] = {}
    if by_servers:
        found = _ask_servers(authorities, {record: located[record] for record in by_servers}, Deadline(clock, timeout))
    results |= {record: _seen(located[record], result) for record, result in found.items()}
    # A server that has answered may be one of several at its address.
    seen_delays = (delay for record, delay in by_servers.items() if results[record].propagated)
    end = clock.monotonic() + max(seen_delays, default=0)
    if by_resolver:
        # It is not asked before the records are there, since it would keep the answer that they are not.
        _sleep_until(clock, begin + max(by_resolver.values()))
        places = {record: located[record] for record in by_resolver}
        results |= _ask_resolver(authorities.resolver, places, Deadline(clock, timeout))
    results |= {record: replace(located[record], propagated=True, lacking=()) for record in unasked}
    _sleep_until(clock, max(end, begin + max(unasked.values(), default=0)))
    return PropagationReport(
        [results[record] for record in records],
        {record.name: sorted(result.others) for record, result in found.items() if result.others},
        list(dict.fromkeys(line for result in found.values() for line in result.ignored)),
    )


def _locate(authorities: Authorities, rules: WaitRules, records: Sequence[TxtRecord]) -> dict[TxtRecord, TxtRecord]:
    """Return the records with their locations, and with a problem where there is none.

    A record that is asked for by its name, or not at all, stays without a location.
    """
    found = {record: record for record in records if not record.zone and _is_by_name(rules, record)}
    rest = [record for record in records if record not in found]
    return {**found, **dict(zip(rest, Locator(authorities, rules).locate_records(rest)))}


def _is_by_name(rules: WaitRules, record: TxtRecord) -> bool:
    try:
        return rules.wait_of_name(canonical(record.name)).mode is not WaitMode.AUTHORITATIVE
    except DnsError:
        return False  # the look-up has the same problem


def _wait_for(rules: WaitRules, record: TxtRecord) -> Wait:
    return rules.wait(Location.of(record)) if record.zone else rules.wait_of_name(canonical(record.name))


def _ask_servers(
    authorities: Authorities, places: Mapping[TxtRecord, TxtRecord], deadline: Deadline
) -> dict[TxtRecord, PropagationResult]:
    """Return the result of each record. *places*: each record with its location."""
    locations = {record: Location.of(place) for record, place in places.items()}
    wanted: dict[Location, set[str]] = defaultdict(set)
    for record, location in locations.items():
        wanted[location].add(record.value)
    found = propagation.wait(authorities, wanted, deadline)
    return {record: found[location] for record, location in locations.items()}


def _seen(record: TxtRecord, result: PropagationResult) -> TxtRecord:
    return replace(record, propagated=result.propagated, problem=result.problem, lacking=result.lacking)


def _ask_resolver(
    resolver: Resolver, places: Mapping[TxtRecord, TxtRecord], deadline: Deadline
) -> dict[TxtRecord, TxtRecord]:
    wanted: dict[str, set[str]] = defaultdict(set)
    for record in places:
        wanted[canonical(record.name)].add(record.value)
    problems = resolver_wait.wait(resolver, wanted, deadline)
    return {
        record: _missed(place, problem) if problem else replace(place, propagated=True, lacking=())
        for record, place in places.items()
        for problem in [problems[canonical(record.name)]]
    }


def _missed(record: TxtRecord, problem: str) -> TxtRecord:
    return replace(record, propagated=False, lacking=(), problem=problem)


def _sleep_until(clock: Clock, instant: float) -> None:
    left = instant - clock.monotonic()
    if left > 0:
        clock.sleep(left)


def _label(record: TxtRecord) -> str:
    moved = record.target not in (None, "", record.name)
    return f"{record.name} (stored as {record.target})" if moved else record.name
