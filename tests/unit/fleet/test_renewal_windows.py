# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows that would have a certificate issued in every run do not count; those of a mass revocation do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_time
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import renewal_windows
from tests.unit import contracts
from tests.unit.contracts import DAY, DIRECTORY, DUE, END, FRESH, HOUR, ISSUED, found, utc
from tests.unit.fleet.plans import OTHER, decide_all

#: As one CA gives it for every certificate, also for one that was issued a minute ago.
LONG_AGO = RenewalInfo(parse_time("1970-01-01T00:00:00Z"), parse_time("1970-01-02T00:00:00Z"))
BEFORE_NOW = RenewalInfo(FRESH - 3 * HOUR, FRESH - HOUR)
#: The live one came so long after the one before it.
HOUR_AFTER, DAYS_AFTER = (
    [contracts.issued(at=utc(ISSUED - age)), contracts.issued(at=utc(ISSUED))] for age in (HOUR, 40 * DAY)
)
#: And that one so long after another one.
HOURS_AFTER, FIRST_DAYS_AFTER = ([contracts.issued(at=utc(ISSUED - age)), *HOUR_AFTER] for age in (2 * HOUR, 40 * DAY))
AT_ANOTHER_CA = [
    contracts.issued(at=utc(ISSUED - 2 * HOUR), directory=OTHER),
    contracts.issued(at=utc(ISSUED - HOUR)),
    contracts.issued(at=utc(ISSUED)),
]


@pytest.mark.parametrize(
    ("info", "issued", "expected"),
    [
        (LONG_AGO, [], False),
        (RenewalInfo(ISSUED - DAY, ISSUED), [], False),
        (RenewalInfo(ISSUED - DAY, ISSUED + HOUR), [], True),
        # a mass revocation, of young certificates, too
        (BEFORE_NOW, [], True),
        (BEFORE_NOW, DAYS_AFTER, True),
        (BEFORE_NOW, AT_ANOTHER_CA, True),
        # the one before it was replaced as young, such as for other names
        (BEFORE_NOW, HOUR_AFTER, True),
        (BEFORE_NOW, FIRST_DAYS_AFTER, True),
        # two were, one after the other
        (BEFORE_NOW, HOURS_AFTER, False),
        (RenewalInfo(ISSUED + 29 * DAY, ISSUED + 31 * DAY), HOURS_AFTER, False),
        (RenewalInfo(ISSUED + 30 * DAY, ISSUED + 31 * DAY), HOURS_AFTER, True),
        # the usual one
        (RenewalInfo(DUE - DAY, DUE + DAY), [], True),
        (RenewalInfo(DUE - DAY, DUE + DAY), HOURS_AFTER, True),
        (RenewalInfo(END + DAY, END + 2 * DAY), [], True),
    ],
)
def test_is_credible_unless_it_would_issue_in_every_run(info, issued, expected):
    assert renewal_windows.is_credible(info, found(issued=issued)) is expected


def test_decide_all_window_that_does_not_count_leaves_it_to_the_lifetime():
    (item,) = decide_all(found(), ask={"a.b": LONG_AGO})
    assert (item.decision.action, item.decision.next_at, item.info, item.ignored) == (Action.KEEP, DUE, None, LONG_AGO)
    (item,) = decide_all(found(), now=DUE, ask={"a.b": LONG_AGO})
    assert (item.decision.reason, item.replaces_ari_id) == ("lifetime", "a.b")


def test_warnings_one_for_each_ca():
    certificates = [found(host=f"web{number}") for number in range(3)] + [found(live={"directory": OTHER})]
    assert renewal_windows.warnings([(certificate, LONG_AGO) for certificate in certificates]) == [
        f"{url} suggests to renew {count} in a window that would have them issued in every run (certificate shop of "
        f"{host}: 1970-01-01 00:00 to 1970-01-02 00:00 UTC): their lifetime decides when they are renewed. Report this "
        "to the CA"
        for url, count, host in ((DIRECTORY, "3 certificates", "web0"), (OTHER, "1 certificate", "web1"))
    ]
    assert renewal_windows.warnings([]) == []


@dataclass
class Job:
    """A job that runs each hour for one certificate of 90 days. window: the CA's, of an instant of issuance and now."""

    window: object
    issued: list[datetime] = field(default_factory=list)

    def live_through(self, begin, length):
        now = begin
        while now < begin + length:
            live = self.issued[-1] if self.issued else None
            dates = {"not_before": utc(live - HOUR), "not_after": utc(live - HOUR + 90 * DAY)} if live else {}
            orders = [contracts.issued(at=utc(instant)) for instant in self.issued[-3:]]
            item = found(live=dates, issued=orders) if live else found(live=None)
            (planned,) = decide_all(item, now=now, ask={"a.b": self.window(live, now)} if live else {})
            if planned.decision.action == Action.ISSUE:
                self.issued.append(now)
            now += HOUR
        return self


def usual(issued):
    return RenewalInfo(issued + 59 * DAY, issued + 61 * DAY)


@pytest.mark.parametrize(
    ("window", "most"),
    [
        (lambda _issued, _now: LONG_AGO, 2),
        (lambda _issued, now: RenewalInfo(now - 2 * DAY, now - DAY), 9),
        (lambda _issued, now: RenewalInfo(now - 2 * HOUR, now - HOUR), 9),
        (lambda _issued, now: RenewalInfo(now - HOUR, now + HOUR), 9),
        (lambda issued, _now: RenewalInfo(issued, issued + HOUR), 6),
        (lambda issued, _now: RenewalInfo(issued + 2 * HOUR, issued + 3 * HOUR), 6),
        (lambda issued, _now: usual(issued), 2),
    ],
    ids=["long ago", "days ago", "hours ago", "now", "at once", "soon", "usual"],
)
def test_job_with_a_ca_whose_windows_are_always_over_issues_no_certificate_in_each_run(window, most):
    """At most three in a third of a lifetime."""
    assert len(Job(window).live_through(ISSUED, 75 * DAY).issued) <= most


@pytest.mark.parametrize("age", [2, 20, 55])
def test_job_mass_revocation_is_followed_at_once_and_once(age):
    revoked_at = ISSUED + age * DAY

    def window(issued, _now):
        over = RenewalInfo(revoked_at - 2 * HOUR, revoked_at - HOUR)
        return over if issued < revoked_at <= _now else usual(issued)

    assert Job(window).live_through(ISSUED, 60 * DAY).issued[:2] == [ISSUED, revoked_at]
