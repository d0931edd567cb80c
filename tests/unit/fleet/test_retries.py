# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders that failed before, in the plan: who waits, until when, and what is said about it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, FailureKind, Reason
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import forecast
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.attempts import digest, settings_digest
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.retries import Retries
from tests.unit import contracts
from tests.unit.contracts import DAY, DUE, END, HOUR, URGENT, found, utc
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.fleet.plans import OTHER, decide_all

SETTINGS = {"acme_dns": {}}
VALIDATION = FailureKind.VALIDATION
WHEN = r"the next attempt is at 2026-.* UTC, or now with acme_retry_failed"


def failure(kind=VALIDATION, count=4, at=DUE, directory=CA, retry_at=None, cas=(CA,), settings=None, **entry):
    return contracts.failed(
        kind=kind,
        count=count,
        at=utc(at),
        since=utc(at - 7 * HOUR),
        directory=directory,
        retry_at=utc(retry_at) if retry_at else None,
        digest=digest(contracts.wanted(**entry), settings_digest(cas, SETTINGS if settings is None else settings)),
    )


def applied(*items, now=DUE + HOUR, cas=(CA,), at_once=False, settings=None, **more):
    planned = decide_all(*items, now=now, cas=cas, **more)
    return Retries(cas, now, SETTINGS if settings is None else settings, at_once, more.get("is_forced", False)).apply(
        planned
    )


def actions(planned):
    return [(item.host, item.decision.action, item.decision.reason) for item in planned]


@pytest.mark.parametrize(
    ("item", "now", "options", "expected"),
    [
        (found(failed=[failure()]), DUE + HOUR, {}, (Action.KEEP, Reason.LIFETIME)),
        (found(failed=[failure()]), DUE + 9 * HOUR, {}, (Action.ISSUE, Reason.LIFETIME)),
        (found(live=None, failed=[failure()]), DUE + HOUR, {}, (Action.REFUSE, Reason.MISSING)),
        (found(live=None, failed=[failure()]), DUE + 9 * HOUR, {}, (Action.ISSUE, Reason.MISSING)),
        (found(failed=[failure()]), DUE - DAY, {"is_forced": True}, (Action.ISSUE, Reason.FORCED)),
        (found(failed=[failure(at=DUE - DAY)]), DUE - DAY, {"is_forced": True}, (Action.KEEP, Reason.FORCED)),
        # it is forced because of certificates that could not be used
        (
            found(failed=[failure(FailureKind.CERTIFICATE, at=DUE - DAY)]),
            DUE - DAY,
            {"is_forced": True},
            (Action.ISSUE, Reason.FORCED),
        ),
        (
            found(live=None, failed=[failure(FailureKind.CERTIFICATE)]),
            DUE + HOUR,
            {"is_forced": True},
            (Action.ISSUE, Reason.MISSING),
        ),
        (found(failed=[failure(FailureKind.CERTIFICATE)]), DUE + HOUR, {}, (Action.KEEP, Reason.LIFETIME)),
        (found(failed=[failure(at=URGENT)]), URGENT + HOUR, {}, (Action.REFUSE, Reason.LIFETIME)),
        (found(failed=[failure()]), DUE + HOUR, {"at_once": True}, (Action.ISSUE, Reason.LIFETIME)),
        # what may have mended it
        (found(failed=[failure(identifiers=["a.example"])]), DUE + HOUR, {}, (Action.ISSUE, Reason.LIFETIME)),
        (found(failed=[failure(webroot="/srv")]), DUE + HOUR, {}, (Action.ISSUE, Reason.LIFETIME)),
        (found(failed=[failure(settings={})]), DUE + HOUR, {}, (Action.ISSUE, Reason.LIFETIME)),
        (found(failed=[failure(cas=[OTHER])]), DUE + HOUR, {}, (Action.ISSUE, Reason.LIFETIME)),
        # what is to be done without a CA
        (found(failed=[failure()], pending=contracts.awaiting()), DUE - DAY, {}, (Action.SWITCH, Reason.SWITCH)),
        (found(live={"reloaded": False}, failed=[failure()]), DUE + HOUR, {}, (Action.REPAIR, Reason.RELOAD)),
        (found(live={"reloaded": False}, failed=[failure()]), DUE - DAY, {}, (Action.REPAIR, Reason.RELOAD)),
        (found(failed=[failure()]), DUE - DAY, {}, (Action.KEEP, Reason.NONE)),
    ],
)
def test_apply_order_waits_for_its_next_attempt(item, now, options, expected):
    (planned,) = applied(item, now=now, **options)
    assert (planned.decision.action, planned.decision.reason) == expected


def test_apply_every_text_says_since_when_how_often_and_when_again():
    waiting, refused, tried = applied(
        found(host="waits", failed=[failure()]),
        found(host="missing", live=None, failed=[failure()]),
        found(host="tried", failed=[failure(FailureKind.LOCAL, directory="")]),
    )
    since = "4 attempts have failed since 2026-10-31 05:00 UTC"
    reason = rf"{since}; the CA saw another answer; {WHEN}"
    for item, pattern in (
        (waiting, rf"waits: certificate shop: keep \(lifetime: {reason}\)"),
        (refused, rf"missing: certificate shop: refuse \(missing: {reason}\)"),
        (tried, rf"tried: certificate shop: issue \(lifetime: {since}\)"),
    ):
        assert re.fullmatch(pattern, item.line())
    lines = forecast.retried([waiting, refused, tried])
    again = r"2026-10-31 (19:[345].|20:00) UTC"
    assert re.fullmatch(rf"certificate shop of waits: {since}; the next attempt is at {again}", lines[0])
    assert re.fullmatch(rf"certificate shop of missing: {since}; the next attempt is at {again}", lines[1])
    assert lines[2] == f"certificate shop of tried: {since}; it is tried again in this run"


def test_apply_hosts_that_fail_for_one_name_share_the_limit_for_it():
    alone = found(failed=[failure(at=END - HOUR)])
    now = END - HOUR + timedelta(minutes=30)
    (one,) = applied(alone, now=now)
    assert one.decision.action == Action.ISSUE
    several = [found(host=f"web{number}", failed=[failure(at=END - HOUR)]) for number in range(3)]
    assert {item.decision.action for item in applied(*several, now=now)} == {Action.REFUSE}


def trouble(host, cas=(CA,)):
    return found(host=host, failed=[failure(FailureKind.CA, count=1, retry_at=DUE + 5 * HOUR, cas=cas)])


def test_apply_ca_in_trouble_has_all_its_orders_wait():
    three = [trouble(f"web{number}") for number in range(3)]
    planned = applied(*three, found(host="new", live=None), found(host="other"))
    assert actions(planned)[3:] == [("new", Action.REFUSE, "missing"), ("other", Action.KEEP, "lifetime")]
    assert planned[3].decision.message == (
        f"{CA} has asked for a pause until 2026-10-31 17:00 UTC; the next attempt is at 2026-10-31 17:00 UTC, or now "
        "with acme_retry_failed"
    )
    # Two hosts alone cannot do that, and nothing waits for ever.
    assert actions(applied(*three[:2], found(host="new", live=None)))[2][1] == Action.ISSUE
    assert {item.decision.action for item in applied(*three, now=DUE + 5 * HOUR)} == {Action.ISSUE}


def test_apply_ca_in_trouble_with_other_settings_has_no_order_wait():
    """Another account may be mended by that."""
    three = [trouble(f"web{number}") for number in range(3)]
    planned = applied(*three, found(host="new", live=None), settings={"acme_dns": {"a.example": {}}})
    assert {item.decision.action for item in planned} == {Action.ISSUE}
    # Certificates that are not due count as well.
    early = [failure(FailureKind.CA, count=1, at=DUE - DAY - HOUR, retry_at=DUE - DAY + HOUR)]
    kept = [found(host=f"web{number}", failed=early) for number in range(3)]
    assert applied(*kept, found(host="new", live=None), now=DUE - DAY)[3].decision.action == Action.REFUSE


def test_apply_second_ca_is_asked_meanwhile():
    items = [trouble(f"web{number}", cas=(CA, OTHER)) for number in range(3)]
    planned = applied(*items, found(host="new", live=None), cas=(CA, OTHER))
    assert {item.decision.action for item in planned} == {Action.ISSUE}
    assert {tuple(item.waits) for item in planned} == {(CA,)}
    # A validation fails at all of them.
    (item,) = applied(found(failed=[failure(cas=(CA, OTHER))]), cas=(CA, OTHER))
    assert item.decision.action == Action.KEEP


def test_apply_order_without_failures_is_only_given_its_digest():
    (item,) = applied(found())
    assert (item.digest, item.failing, item.decision.message) == (
        digest(contracts.wanted(), settings_digest([CA], SETTINGS)),
        "",
        "",
    )
    (kept,) = applied(found(), now=DUE - DAY)
    assert kept.digest is None
