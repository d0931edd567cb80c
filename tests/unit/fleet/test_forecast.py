# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecast of the next renewals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import SHORT_NAMES
from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import forecast
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.decision import Decision
from tests.unit.contracts import DAY, DUE, FRESH, HOUR, found
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.fleet.plans import OTHER, decide_all

SHORT, LONG = RenewalInfo(DUE, DUE + 3.2 * HOUR), RenewalInfo(DUE, DUE + 43 * HOUR, "https://ca.example/why")


def planned(**windows):
    items = [found(live={"ari_id": host}, host=host) for host in windows]
    answers = {host: window for host, window in windows.items() if window}
    return decide_all(*items, ask=answers, interval=100 * DAY)


def test_lines_next_time_of_each_certificate():
    plans = [*planned(web2=None, web1=None), *planned(web3=RenewalInfo(DUE - DAY, DUE))]
    plans += decide_all(found(live=None, host="web4"))
    assert forecast.lines(forecast.coming(plans)) == [
        "web3: certificate shop: next at 2026-10-30 12:00 UTC",
        "web1: certificate shop: next at 2026-10-31 12:00 UTC",
        "web2: certificate shop: next at 2026-10-31 12:00 UTC",
    ]


@pytest.mark.parametrize(
    ("issuers", "cas", "expected"),
    [
        ([CA, CA], [CA], []),
        ([CA, CA], [CA, OTHER], []),
        (
            [CA, OTHER],
            [CA, OTHER],
            [f"1 certificate is from {OTHER} (shop of web2); the next renewal asks {CA} first"],
        ),
        (
            [OTHER] * 5,
            [CA, OTHER],
            [
                f"5 certificates are from {OTHER} (shop of web1, shop of web2, shop of web3 and 2 more); "
                f"the next renewal asks {CA} first"
            ],
        ),
        # These are issued again now.
        ([OTHER, OTHER], [CA], []),
    ],
)
def test_elsewhere_names_certificates_of_other_cas(issuers, cas, expected):
    items = [found(live={"directory": url}, host=f"web{number}") for number, url in enumerate(issuers, 1)]
    assert forecast.elsewhere(decide_all(*items, cas=cas), cas) == expected


def test_failing_names_certificates_with_problems():
    items = [found(), found(host="web2", problems=["webroot /srv is gone", "no nginx"])]
    plans = decide_all(*items)
    assert forecast.failing(plans) == [
        "certificate shop of web2: the renewal due 2026-10-31 will fail: webroot /srv is gone; no nginx"
    ]


def test_deferred_names_certificates_that_are_due_on_hosts_with_problems():
    gone = ["webroot /srv is gone"]
    items = [found(problems=gone), found(host="web2"), found(host="web3", live=None, problems=gone)]
    assert forecast.deferred(decide_all(*items), FRESH) == []
    assert forecast.deferred(decide_all(*items, now=DUE), DUE) == [
        "certificate shop of web1 is deferred to a later run: webroot /srv is gone; the live certificate is still "
        "valid, and the host fails from 2026-11-15 12:00 UTC on"
    ]


NEXT = "next at 2026-10-31 12:00 UTC: certificate shop of {}; {} certificates wait"
WHY = "ca.example explains the renewal time of certificate shop of long: https://ca.example/why"


@pytest.mark.parametrize(
    ("windows", "interval", "lines"),
    [
        ({}, HOUR, []),
        ({"web1": None}, DAY, [NEXT.format("web1", 1)]),
        (
            {"long": LONG, "short": SHORT},
            timedelta(0),
            [
                NEXT.format("long", 2),
                "the windows of ca.example are as short as 3 h 12 min (certificate shop of short): set "
                "acme_run_interval to how often the job runs",
                WHY,
            ],
        ),
        (
            {"long": LONG, "short": SHORT},
            DAY,
            [
                NEXT.format("long", 2),
                "the windows of ca.example are as short as 3 h 12 min (certificate shop of short): every 24 h is too "
                "seldom",
                WHY,
            ],
        ),
        ({"long": LONG, "short": SHORT}, HOUR, [NEXT.format("long", 2), WHY]),
        ({"long": LONG}, DAY, [NEXT.format("long", 1), WHY]),
    ],
)
def test_summary_of_next_renewals(windows, interval, lines):
    assert forecast.summary(planned(**windows), interval) == lines


@pytest.mark.parametrize(
    ("decision", "next_attempt", "again"),
    [
        (Decision(Action.ISSUE), None, "it is tried again in this run"),
        # It waits for a limit.
        (Decision(Action.KEEP, next_at=DUE), None, "the next attempt is at 2026-10-31 12:00 UTC"),
        (Decision(Action.REFUSE), DUE, "the next attempt is at 2026-10-31 12:00 UTC"),
        (Decision(Action.REFUSE), None, "a later run tries again"),
        # The CA is down.
        (Decision(Action.REPAIR), None, "a later run tries again"),
    ],
)
def test_retried_says_when_the_order_is_made(decision, next_attempt, again):
    (item,) = planned(web1=None)
    item = replace(item, failing="an attempt failed at x", decision=decision, next_attempt=next_attempt)
    assert forecast.retried([item]) == [f"certificate shop of web1: an attempt failed at x; {again}"]


def test_retried_is_bounded():
    plans = [
        replace(item, failing="2 attempts have failed since x")
        for item in planned(**{f"w{n}": None for n in range(25)})
    ]
    lines = forecast.retried([*plans, *planned(other=None)])
    assert (
        lines[0]
        == "certificate shop of w0: 2 attempts have failed since x; the next attempt is at 2026-10-31 12:00 UTC"
    )
    assert (len(lines), lines[-1]) == (21, "and 5 more certificates whose orders fail")


@pytest.mark.parametrize(
    ("short_name", "line"),
    [
        (
            "letsencrypt",
            "the windows of Let's Encrypt are as short as 3 h 12 min (certificate shop of web1): every 24 h is too "
            "seldom; within them, it does not count renewals against its limits",
        ),
        (
            "google",
            "the windows of Google Trust Services are as short as 3 h 12 min (certificate shop of web1): every 24 h is "
            "too seldom",
        ),
    ],
)
def test_summary_names_the_ca_in_use(short_name, line):
    url = SHORT_NAMES[short_name]
    item = found(live={"ari_id": "web1", "directory": url}, host="web1")
    plans = decide_all(item, ask={"web1": SHORT}, interval=DAY, cas=(url,))
    assert forecast.summary(plans, DAY)[1:] == [line]
