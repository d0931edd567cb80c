# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault of the table (fault_cases.py) through the role: issued, or one line and the old certificate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pytest

from tests.fleet import crowd as crowds
from tests.fleet.crowd import Crowd, Round
from tests.fleet.fault_cases import ACCOUNT, FOR_ONE, RENEWAL_INFORMATION, SLOW, WHOLE
from tests.fleet.fault_table import Case, Outcome
from tests.fleet.fleet import Fleet, Run
from tests.fleet.plays import ROLE, Plays
from tests.lab.bent_ca import bent_ca

SIZE = 21  # certificates: one of them has no fault in any round


@pytest.fixture(scope="module")
def crowd(three_hosts: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Yield 21 certificates on three hosts, at a CA that is not bent yet."""
    with bent_ca(three_hosts.lab) as ca:
        yield Crowd(Plays(three_hosts, tmp_path_factory.mktemp("crowd")), ca, SIZE, 3)


@pytest.fixture(scope="module")
def pair(three_hosts: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Yield two certificates on a host."""
    with bent_ca(three_hosts.lab) as ca:
        yield Crowd(Plays(three_hosts, tmp_path_factory.mktemp("pair")), ca, 2, 1)


def batches(cases: Sequence[Case], size: int) -> list[list[Case]]:
    rest = iter(cases)
    return list(iter(lambda: list(islice(rest, size)), []))


def play_round(crowd: Crowd, cases: dict[str, Case], is_whole: bool = False) -> None:
    """Have certificates issued under faults, and again without. Fail with a line for each wrong outcome."""
    crowd.stand()
    before = crowd.serials()
    # An order with other names may replace no certificate.
    crowd.turn(keeps_names=any("replaces" in case.title for case in cases.values()))
    options = {name: case.options for name, case in cases.items()}
    of_each = [text for name, case in cases.items() for text in case.sentences(crowd.domain(name))]
    sentences = list(dict.fromkeys(of_each))
    crowd.ca.bend(*sentences)
    report = crowd.run(crowds.SLOW if any(case.is_slow for case in cases.values()) else crowds.FAST, options)
    problems = [f"the fault did not act: {sentence}" for sentence in sentences if not crowd.ca.acted(sentence)]
    crowd.ca.straighten()
    after = crowd.serials()
    first = Round(cases, before, after, report, is_whole)
    problems += [*first.problems(), *problems_later(crowd, first, options)]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def problems_later(crowd: Crowd, first: Round, options: dict[str, dict[str, Any]]) -> list[str]:
    """Run again without faults. Return the certificates that are not issued now, or once more.

    A plain run leaves those alone whose next attempt is later, as their line has said.
    """
    plain = crowd.run(options=options)
    waiting = [name for name in first.before if any("acme_retry_failed" in line for line in first.lines(name))]
    last = crowd.run(options=options, acme_retry_failed=True) if waiting else plain
    problems = [] if last.run.code == 0 else [f"the last run failed: {last.everything}"]
    for name, serial in crowd.serials().items():
        title = first.case(name).title
        if serial == first.before[name]:
            problems.append(
                f"{name}: {title}: not issued by the next run: {plain.lines.get(name)} {last.lines.get(name)}"
            )
        elif first.before[name] != first.after[name] != serial:
            problems.append(f"{name}: {title}: issued by the next run once more")
        elif name not in waiting and plain.lines.get(name):
            problems.append(f"{name}: {title}: not issued by the plain run: {plain.lines[name]}")
    return problems


def of_one(crowd: Crowd, cases: Sequence[Case]) -> None:
    """Play a round with a case for each certificate."""
    play_round(crowd, dict(zip(crowd.host, cases)))


def titles(cases: Sequence[Case]) -> list[Any]:
    """Return the cases as parameters of a test; those that are not common are hard."""
    return [pytest.param(case, id=case.title, marks=() if case.is_common else pytest.mark.hard) for case in cases]


COMMON = [case for case in FOR_ONE if case.is_common]
QUICK = batches([case for case in FOR_ONE if not case.is_slow], SIZE - 1)
LONG = batches([case for case in FOR_ONE if case.is_slow], SIZE - 1)


def test_faults_of_one_certificate_leave_the_others_alone(crowd: Crowd) -> None:
    of_one(crowd, COMMON[: SIZE - 1])


@pytest.mark.hard
@pytest.mark.parametrize("number", range(len(QUICK)))
def test_all_faults_of_one_certificate_leave_the_others_alone(crowd: Crowd, number: int) -> None:
    of_one(crowd, QUICK[number])


@pytest.mark.hard
@pytest.mark.parametrize("number", range(len(LONG)))
def test_stalled_orders_leave_the_others_alone(crowd: Crowd, number: int) -> None:
    of_one(crowd, LONG[number])


@pytest.mark.hard
@pytest.mark.parametrize("case", titles([case for case in SLOW if " once" not in case.title]))
def test_one_stalled_order_among_21_leaves_the_others_alone(crowd: Crowd, case: Case) -> None:
    """With one order alone that is not well, nonces circulate for few connections."""
    of_one(crowd, [case])


@pytest.mark.parametrize("case", titles(WHOLE))
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
