# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A month of a certificate whose validations fail, by a clock that is handed in, with what its host records."""

from __future__ import annotations

import random

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import CountedOrder
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, FailureKind
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.retries import Retries
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import failures
from tests.parameters import hard_after
from tests.unit import contracts
from tests.unit.contracts import DAY, DIRECTORY, END, HOUR, ISSUED, utc
from tests.unit.fleet.plans import decide_all

MINUTE = HOUR / 60
MONTH = 30 * DAY
MISSING = None
#: In its last month, it is due.
LIVE = contracts.live()


class Host:
    """A host with one certificate, and what became of its orders.

    mended_at: from when on orders succeed. kind: what they fail at before.
    """

    def __init__(self, name, live, begin, mended_at=None, clocks=0.0, kind=FailureKind.VALIDATION):
        self.kind = kind
        self.name = name
        self.live = live
        self.begin = begin
        self.mended_at = mended_at
        self.entry = {}
        self.recorded = []
        self.failed_at = []
        self.issued_at = None
        self._dice = random.Random(name)  # noqa: S311 - to repeat what failed
        self._clocks = clocks

    def run(self, now, **more):
        """Run the role. Controllers take turns, and their clocks differ."""
        now += self._clocks * self._dice.uniform(-1, 1) * MINUTE
        failed = [CountedOrder(**item) for item in self.recorded]
        item = contracts.found(self.entry, self.live, host=self.name, failed=failed)
        planned = Retries([DIRECTORY], now, **more).apply(decide_all(item, now=now))
        if planned[0].decision.action != Action.ISSUE:
            return planned[0]
        if self.mended_at and now >= self.mended_at:
            self.issued_at = self.issued_at or now
            return planned[0]
        after = now + self._dice.uniform(0, 5) * MINUTE
        self.failed_at.append(after)
        another = {"kind": self.kind, "directory": DIRECTORY, "at": utc(after), "retry_at": None}
        another.update(problem="the CA saw another answer", digest=planned[0].digest)
        self.recorded = failures.with_another(self.recorded, another)
        return planned[0]

    def live_through(self, length, step=HOUR):
        now = self.begin
        while now < self.begin + length and not self.issued_at:
            self.run(now)
            now += step
        return self


@pytest.mark.parametrize("clocks", [0, 4])
@pytest.mark.parametrize("number", range(10))
def test_month_name_that_always_fails_costs_at_most_36_validations(number, clocks):
    host = Host(f"web{number}", MISSING, ISSUED, clocks=clocks).live_through(MONTH)
    assert 30 <= len(host.failed_at) <= 36
    # The fifth is long over when the sixth comes: Let's Encrypt allows 5 in an hour.
    assert all(later - earlier > 50 * MINUTE for earlier, later in zip(host.failed_at, host.failed_at[1:]))


@pytest.mark.parametrize("step", hard_after(1, [HOUR, 5 * MINUTE]))
def test_month_before_the_end_attempts_become_more_frequent_within_the_limit(step):
    host = Host("web1", LIVE, END - MONTH).live_through(MONTH, step)
    assert len(host.failed_at) <= 65
    of_day = [sum(END - (day + 1) * DAY <= at < END - day * DAY for at in host.failed_at) for day in (20, 1, 0)]
    assert of_day[0] <= 2 <= of_day[1] < of_day[2]
    gaps = [later - earlier for earlier, later in zip(host.failed_at, host.failed_at[1:])]
    assert min(gaps) >= 19 * MINUTE


@pytest.mark.parametrize("step", hard_after(1, [HOUR, 5 * MINUTE]))
def test_month_after_the_end_an_attempt_comes_every_six_hours_within_the_limit(step):
    """Let's Encrypt pauses a name after 1,152 failures in a row."""
    host = Host("web1", LIVE, END - MONTH).live_through(2 * MONTH, step)
    after = [at for at in host.failed_at if at >= END]
    assert max(later - earlier for earlier, later in zip(after, after[1:])) <= 7.1 * HOUR  # with an hourly run
    assert 100 <= len(after) <= 150


@pytest.mark.parametrize("live", [MISSING, LIVE], ids=["missing", "due"])
def test_month_certificates_that_cannot_be_used_are_five_in_a_week(live):
    """As many as Let's Encrypt issues for the same identifiers."""
    host = Host("web1", live, END - MONTH, kind=FailureKind.CERTIFICATE).live_through(MONTH)
    week = 7 * DAY
    assert max(sum(at <= other < at + week for other in host.failed_at) for at in host.failed_at) == 5
    assert host.failed_at[1] - host.failed_at[0] < 2 * HOUR


@pytest.mark.parametrize("hours", [1, 2, 7, 30, 100, 500])
def test_month_mended_by_configuration_is_issued_in_next_run(hours):
    host = Host("web1", MISSING, ISSUED)
    host.live_through(hours * HOUR)
    host.mended_at, host.entry = ISSUED + hours * HOUR, {"webroot": "/srv/www"}
    assert host.run(ISSUED + hours * HOUR).decision.action == Action.ISSUE
    assert host.issued_at


@pytest.mark.parametrize("live", [MISSING, LIVE], ids=["missing", "due"])
@pytest.mark.parametrize("hours", hard_after(4, [0.5, 3.1, 31.5, 100.2, 1.5, 8, 77, 300, 555.5]))
def test_month_mended_outside_is_issued_within_25_hours(hours, live):
    begin = END - MONTH
    for number in range(10):
        host = Host(f"web{number}", live, begin, mended_at=begin + hours * HOUR, clocks=1).live_through(MONTH)
        assert host.issued_at - host.mended_at <= 25 * HOUR


def test_month_user_who_does_not_want_to_wait_is_served_at_once():
    host = Host("web1", MISSING, ISSUED).live_through(100 * HOUR)
    assert host.run(ISSUED + 100 * HOUR).decision.action == Action.REFUSE
    assert host.run(ISSUED + 100 * HOUR, at_once=True).decision.action == Action.ISSUE
