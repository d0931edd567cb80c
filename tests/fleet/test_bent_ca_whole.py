# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault of a CA as a whole (fault_cases.py) through the role, and those of its accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.fleet.crowd import Crowd
from tests.fleet.fault_cases import ACCOUNT, RENEWAL_INFORMATION, WHOLE
from tests.fleet.fault_rounds import play_round
from tests.fleet.fault_table import Case, Outcome
from tests.fleet.fleet import Fleet, Run
from tests.fleet.plays import ROLE, Plays
from tests.lab.bent_ca import bent_ca


@pytest.fixture(scope="module")
def pair(three_hosts: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Yield two certificates on a host."""
    with bent_ca(three_hosts.lab) as ca:
        yield Crowd(Plays(three_hosts, tmp_path_factory.mktemp("pair")), ca, 2, 1)


def titles(cases: Sequence[Case]) -> list[Any]:
    """Return the cases as parameters of a test; those that are slow are hard."""
    return [pytest.param(case, id=case.title, marks=pytest.mark.hard if case.is_slow else ()) for case in cases]


@pytest.mark.hard
@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.title)
def test_fault_of_the_whole_ca_is_survived(pair: Crowd, case: Case) -> None:
    play_round(pair, dict.fromkeys(pair.host, case), is_whole=True)


@pytest.mark.parametrize("case", titles(RENEWAL_INFORMATION))
def test_renewal_information_of_no_use_issues_nothing(pair: Crowd, case: Case) -> None:
    pair.stand()
    before = pair.serials()
    pair.ca.bend(*case.faults)
    report = pair.run()
    assert all(pair.ca.acted(fault) for fault in case.faults)
    pair.ca.straighten()
    assert (report.run.code, report.run.hosts_with("changed"), pair.serials()) == (0, [], before)
    assert not case.words or any(map(case.pattern.search, report.warnings)), report.warnings


@pytest.mark.parametrize("case", titles(ACCOUNT))
def test_fault_at_the_account_is_done_or_fails(plays: Plays, case: Case) -> None:
    fleet, entry = plays.fleet, case.options["entry"]

    def enter(name: str) -> Run:
        task = {"ansible.builtin.include_role": {"name": ROLE, "tasks_from": name}}
        return plays.run({"tasks": [task]}, acme_directory=ca.url)

    with bent_ca(fleet.lab) as ca:
        assert enter("account").code == 0
        ca.bend(*case.faults)
        before = account_key(fleet)
        run = enter(entry)
        assert all(ca.acted(fault) for fault in case.faults)
        if case.outcome is Outcome.FAILED:
            assert run.code != 0
            assert case.pattern.search(run.message("web1"))
            assert account_key(fleet) == before
            assert list(fleet.folder.glob("*.new")) == []
        else:
            assert (run.code, account_key(fleet) != before) == (0, entry == "account_rollover")
            assert run.hosts_with("changed") == ([] if entry == "account" else ["web1"])
        ca.straighten()
        # With the account's key, whichever that is now, the next run does what it should.
        assert enter(entry).code == 0


def account_key(fleet: Fleet) -> bytes:
    return (fleet.folder / "account-key.pem").read_bytes()
