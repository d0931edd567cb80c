# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault of the table (dns_fault_cases.py) through the role: issued, or one line and the old certificate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.fleet.dns_crowd import NO_FAULT, DnsCrowd
from tests.fleet.dns_fault_cases import PARTS, RESOLVERS
from tests.fleet.dns_fault_table import DnsCase, Way
from tests.fleet.fault_table import Outcome
from tests.fleet.fleet import Fleet
from tests.fleet.plays import Plays
from tests.lab.acme_dns import ScriptedAcmeDns
from tests.lab.bent_dns import bent_dns, bent_resolver
from tests.lab.bent_servers import STRAIGHT
from tests.lab.limited_api import LimitedApi
from tests.lab.powerdns import PORT
from tests.lab.resolver import resolvers_of_system

MOST = 1 + max(map(len, PARTS.values()))  # certificates in a run
RETRY = "acme_retry_failed"


@pytest.fixture(scope="module")
def api(four_hosts_with_zones: Fleet) -> Iterator[LimitedApi]:
    """Yield a front of the lab's PowerDNS."""
    lab = four_hosts_with_zones.lab
    with LimitedApi(lab, f"http://{lab.authorities.address('pdns')}:{PORT}") as found:
        yield found


@pytest.fixture(scope="module")
def crowd(
    four_hosts_with_zones: Fleet, api: LimitedApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DnsCrowd]:
    """Yield certificates whose zones have no fault yet."""
    plays = Plays(four_hosts_with_zones, tmp_path_factory.mktemp("dns"))
    lab = four_hosts_with_zones.lab
    with bent_dns(lab, MOST) as zones, ScriptedAcmeDns(lab) as acme_dns, DnsCrowd(plays, zones, api, acme_dns) as found:
        yield found


def play(crowd: DnsCrowd, cases: Sequence[DnsCase], **variables: Any) -> None:
    """Have certificates, renew them under faults, and run again without. Fail with a line for each wrong outcome.

    *variables*: of the run with faults.
    """
    named = crowd.take(cases)
    first = crowd.run(is_faulty=False)
    assert first.run.code == 0, first.everything
    before = crowd.serials()
    crowd.turn()
    crowd.bend()
    report = crowd.run(is_faulty=True, **variables)
    found = crowd.round(named, before, report)
    problems = found.problems()
    for name, case in named.items():
        lines = found.lines(name)
        if case.outcome is Outcome.STOPPED and lines and crowd.record(name) not in lines[0]:
            problems.append(f"{name}: {case.title}: the line does not have the record: {lines[0]}")
    crowd.straighten()
    plain = crowd.run(is_faulty=False)
    last = (
        crowd.run(is_faulty=False, acme_retry_failed=True) if any(RETRY in line for line in plain.everything) else plain
    )
    if last.run.code != 0:
        problems.append(f"the last run failed: {last.everything}")
    for name, serial in crowd.serials().items():
        if serial == before[name]:
            problems.append(f"{name}: {named[name].title}: not issued by the next run: {last.lines.get(name)}")
        elif before[name] != found.after[name] != serial:
            problems.append(f"{name}: {named[name].title}: issued by the next run once more")
    problems += [f"it is still there: {left}" for left in sorted(crowd.left())]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_dns_faults_leave_the_others_alone(crowd: DnsCrowd) -> None:
    play(crowd, [case for cases in PARTS.values() for case in cases if case.is_common])


@pytest.mark.hard
@pytest.mark.parametrize("part", [part for part, cases in PARTS.items() if cases is not RESOLVERS])
def test_all_dns_faults_leave_the_others_alone(crowd: DnsCrowd, part: str) -> None:
    play(crowd, PARTS[part])


@pytest.mark.hard
@pytest.mark.parametrize("case", RESOLVERS, ids=lambda case: case.title)
def test_dns_fault_of_a_resolver_is_survived(crowd: DnsCrowd, four_hosts_with_zones: Fleet, case: DnsCase) -> None:
    lab = four_hosts_with_zones.lab
    with bent_resolver(lab, case.resolver) as resolver:
        resolvers = [resolver.address] if case.is_alone else [resolver.address, lab.controller]
        play(crowd, [case], acme_dns_resolver=resolvers)


@pytest.mark.hard
@pytest.mark.parametrize("is_system", [False, True], ids=["acme_dns_resolver", "system"])
@pytest.mark.parametrize("way", ["authoritative", "resolver", "none"])
def test_dns_silent_first_resolver_costs_few_seconds(
    crowd: DnsCrowd, four_hosts_with_zones: Fleet, way: str, is_system: bool
) -> None:
    """A question waits for the silent resolver until the other one gets it. Questions that wait together count once."""
    lab = four_hosts_with_zones.lab
    crowd.take([NO_FAULT] * (MOST - 1))
    with bent_resolver(lab, "is silent") as silent, bent_resolver(lab, STRAIGHT, 1) as other:
        resolvers = [silent.address, other.address]
        with resolvers_of_system(lab, resolvers if is_system else [other.address]):
            given = [] if is_system else resolvers
            report = crowd.run(is_faulty=False, acme_dns_resolver=given, acme_dns_wait=way)
        asked, later = sorted(silent.questions), sorted(other.questions)
    assert report.run.code == 0, report.everything
    waited, until = 0.0, 0.0
    for start, question in asked:
        end = next(instant for instant, same in later if same == question and instant > start)
        waited, until = waited + max(0.0, end - max(start, until)), max(until, end)
    print(f"{len(asked)} questions waited {waited:.1f} s in all for a silent resolver")
    assert 0 < waited <= 5


@pytest.mark.hard
def test_dns_six_certificates_through_six_requests_in_ten_seconds(crowd: DnsCrowd, api: LimitedApi) -> None:
    crowd.take([replace(NO_FAULT, way=Way.LEXICON)] * 6)
    api.limit(6, 10)
    since = time.monotonic()
    report = crowd.run(is_faulty=False, acme_dns_timeout=300)
    print(f"six certificates took {time.monotonic() - since:.0f} s")
    api.straighten()
    assert report.run.code == 0, report.everything
    assert all(crowd.serials().values())
    assert crowd.left() == set()
