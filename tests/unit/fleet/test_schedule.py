# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that run too seldom for their certificates: these are renewed earlier where that is enough, else a run warns."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import schedule
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.lifetime import (
    emergency_point,
    latest_start,
    lifetime_point,
)
from tests.unit import contracts
from tests.unit.contracts import DAY, HOUR, ISSUED, found, utc
from tests.unit.fleet.plans import decide_all

BACKDATED = HOUR
LIVES = {
    "24 h": 24 * HOUR,
    "47 h": 47 * HOUR,
    "160 h": 160 * HOUR,
    "45 d": 45 * DAY,
    "47 d": 47 * DAY,
    "90 d": 90 * DAY,
}
INTERVALS = {"1 h": HOUR, "12 h": 12 * HOUR, "24 h": DAY, "7 d": 7 * DAY}
PHASES = 24


@dataclass(frozen=True)
class Certificate:
    issued: datetime
    life: timedelta

    @property
    def not_before(self):
        return self.issued - BACKDATED

    @property
    def not_after(self):
        return self.not_before + self.life

    def window(self, kind):
        """Return the window of a CA that suggests the usual time, or so late that waiting ends before it."""
        ideal = lifetime_point(self.not_before, self.not_after)
        if kind == "late":
            ideal = emergency_point(self.not_before, self.not_after)
        return RenewalInfo(ideal - self.life / 100, ideal + self.life / 100)


class Job:
    """A job and a host with one certificate. interval: what acme_run_interval says; zero for nothing."""

    def __init__(self, life, interval, windows=None):
        self.life = life
        self.interval = interval
        self.windows = windows
        self.versions = []
        self.warned = []
        self.expired = []  # instants of runs that found an expired certificate, and what the run before had said

    def run(self, now):
        live = self.versions[-1] if self.versions else None
        if live and live.not_after <= now:
            self.expired.append((now, self.warned))
        found_now = self._found(live)
        ask = {"a.b": live.window(self.windows)} if live and self.windows else {}
        planned = decide_all(found_now, now=now, ask=ask, interval=self.interval)
        self.warned = schedule.warnings(planned, self.interval)
        if planned[0].decision.action == Action.ISSUE:
            new = Certificate(now, self.life)
            if self.interval or live is None:  # as the step does that puts it in place
                self.warned = [*self.warned, *filter(None, [schedule.problem(now, new.not_after, self.interval)])]
            self.versions = [*self.versions, new][-3:]
        return planned[0].decision.next_at or now

    def _found(self, live):
        if live is None:
            return found(live=None)
        issued = [contracts.issued(at=utc(version.issued)) for version in self.versions]
        dates = {"not_before": utc(live.not_before), "not_after": utc(live.not_after)}
        return found({"reload": []}, dates, issued=[item for item in issued if item.at > utc(live.issued - 15 * DAY)])


def lived(life, every, said, windows=None, phase=0.0, late=0.0):
    """Return a job that has run for some lives. It began by hand, and its first run is a *phase* of the interval later.

    *late*: the part of the interval by which a run may be late.
    """
    dice = random.Random(f"{life} {every} {phase}")  # noqa: S311 - to repeat what failed
    job = Job(life, every if said else timedelta(0), windows)
    job.run(ISSUED)
    nothing_until = ISSUED
    for number in range(int(4 * life / every) + 6):
        now = ISSUED + every * (phase + number)
        if now + 2 * every > nothing_until:  # the runs before do the same as the last one did
            nothing_until = job.run(now + late * dice.random() * every)
    return job


EACH = pytest.mark.parametrize(
    ("life", "every"),
    [pytest.param(LIVES[life], INTERVALS[every], id=f"{life} every {every}") for life in LIVES for every in INTERVALS],
)


@EACH
@pytest.mark.parametrize("windows", [None, "usual", "late"])
@pytest.mark.parametrize("said", [True, False], ids=["said", "not said"])
def test_job_no_expiry_without_a_warning_in_the_run_before(life, every, said, windows):
    phases = PHASES if every > HOUR else 4
    for number in range(1, phases):
        job = lived(life, every, said, windows, phase=number / phases, late=0.05)
        assert all(warned for _now, warned in job.expired), number


@EACH
@pytest.mark.parametrize("windows", [None, "usual", "late"])
def test_job_certificate_that_can_be_renewed_in_time_never_expires(life, every, windows):
    is_possible = every + max(every / 10, HOUR) < life
    problem = schedule.problem(ISSUED, ISSUED + life, every)
    assert bool(problem) is not is_possible
    phases = PHASES if every > HOUR else 4
    for number in range(1, phases):
        job = lived(life, every, True, windows, phase=number / phases, late=0.05)
        assert not (job.expired and is_possible)


@EACH
def test_job_often_enough_warns_of_nothing_once_it_is_known(life, every):
    job = lived(life, every, True)
    is_often = every <= life / 4
    assert not (is_often and job.warned)
    if is_often and life < 10 * DAY:
        assert lived(life, every, False).warned == []


@pytest.mark.parametrize(
    ("life", "every", "expected"),
    [
        # the next run comes before the emergency point
        (90 * DAY, DAY, 74 * DAY),
        (160 * HOUR, DAY, 96 * HOUR),
        (47 * HOUR, DAY, 11.25 * HOUR),
        (24 * HOUR, 12 * HOUR, 6 * HOUR),
        # or at least before the end, a little late
        (24 * HOUR, 20 * HOUR, 2 * HOUR),
        (90 * DAY, 80 * DAY, 2 * DAY),
        (3 * HOUR, 2.2 * HOUR, HOUR / 20),
        # or not at all
        (24 * HOUR, 22 * HOUR, None),
        (24 * HOUR, DAY, None),
        (160 * HOUR, 7 * DAY, None),
    ],
)
def test_latest_start_leaves_the_next_run_in_time(life, every, expected):
    found_at = latest_start(ISSUED, ISSUED + life, every)
    assert found_at == (None if expected is None else ISSUED + expected)


@pytest.mark.parametrize(
    ("life", "every", "expected"),
    [
        (
            DAY,
            DAY,
            "cannot be renewed in time: it is valid for 24 h, and the job runs every 24 h. Run the job at least "
            "every 6 h",
        ),
        (
            45 * DAY,
            60 * DAY,
            "cannot be renewed in time: it is valid for 45 days, and the job runs every 60 days. Run "
            "the job at least every 11 days",
        ),
        (
            160 * HOUR,
            timedelta(0),
            "may expire before it is renewed: it is valid for 160 h, and how often the job runs "
            "is unknown. Run the job at least every 40 h, and set acme_run_interval",
        ),
        (90 * DAY, timedelta(0), ""),
        (90 * DAY, 7 * DAY, ""),
    ],
)
def test_problem_says_how_often_the_job_has_to_run(life, every, expected):
    assert schedule.problem(ISSUED, ISSUED + life, every) == expected


def issued(*ages):
    return found(issued=[contracts.issued(at=utc(ISSUED - age), serial=f"{number}") for number, age in enumerate(ages)])


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        ((), timedelta(0)),
        ((timedelta(0),), timedelta(0)),
        # one of them may have been issued by hand
        ((DAY, timedelta(0)), timedelta(0)),
        ((2 * DAY, DAY, timedelta(0)), DAY),
        ((30 * HOUR, 25 * HOUR, timedelta(0)), 25 * HOUR),
        ((timedelta(0), 25 * HOUR, 30 * HOUR), 25 * HOUR),
    ],
)
def test_seen_interval_is_the_longest_between_two_certificates(ages, expected):
    assert schedule.seen_interval(issued(*ages)) == expected


def test_warnings_one_line_for_certificates_alike():
    short = {"not_after": utc(ISSUED + DAY)}
    items = [found({"reload": []}, short, host=f"web{number}") for number in range(3)]
    planned = decide_all(
        *items, found(host="long"), found(live=None, host="new"), found(live=contracts.unknown()), now=ISSUED
    )
    assert schedule.warnings(planned, DAY) == [
        "certificate shop of web0 (and 2 more) cannot be renewed in time: it is valid for 24 h, and the job runs every "
        "24 h. Run the job at least every 6 h"
    ]
    assert [line.split(":")[0] for line in schedule.warnings(planned, timedelta(0))] == [
        "certificate shop of web0 (and 2 more) may expire before it is renewed"
    ]
