# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault of one certificate (fault_cases.py) through the role: issued, or one line and the old certificate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import pytest

from tests.fleet.crowd import Crowd
from tests.fleet.fault_cases import FOR_ONE, SLOW
from tests.fleet.fault_rounds import play_round
from tests.fleet.fault_table import Case
from tests.fleet.fleet import Fleet
from tests.fleet.plays import Plays
from tests.lab.bent_ca import bent_ca

SIZE = 21  # certificates: one of them has no fault in any round


@pytest.fixture(scope="module")
def crowd(three_hosts: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Yield 21 certificates on three hosts, at a CA that is not bent yet."""
    with bent_ca(three_hosts.lab) as ca:
        yield Crowd(Plays(three_hosts, tmp_path_factory.mktemp("crowd")), ca, SIZE, 3)


def batches(cases: Sequence[Case], size: int) -> list[list[Case]]:
    rest = iter(cases)
    return list(iter(lambda: list(islice(rest, size)), []))


def of_one(crowd: Crowd, cases: Sequence[Case]) -> None:
    """Play a round with a case for each certificate."""
    play_round(crowd, dict(zip(crowd.host, cases)))


QUICK = batches([case for case in FOR_ONE if not case.is_slow], SIZE - 1)
LONG = batches([case for case in FOR_ONE if case.is_slow], SIZE - 1)


@pytest.mark.parametrize("number", range(len(QUICK)))
def test_faults_of_one_certificate_leave_the_others_alone(crowd: Crowd, number: int) -> None:
    of_one(crowd, QUICK[number])


@pytest.mark.hard
@pytest.mark.parametrize("number", range(len(LONG)))
def test_stalled_orders_leave_the_others_alone(crowd: Crowd, number: int) -> None:
    of_one(crowd, LONG[number])


@pytest.mark.hard
@pytest.mark.parametrize("case", [case for case in SLOW if " once" not in case.title], ids=lambda case: case.title)
def test_one_stalled_order_among_21_leaves_the_others_alone(crowd: Crowd, case: Case) -> None:
    """With one order alone that is not well, nonces circulate for few connections."""
    of_one(crowd, [case])
