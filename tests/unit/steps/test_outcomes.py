# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of each certificate of a host, as a table."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import (
    Action,
    FailureKind,
    Reason,
    Status,
)
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import outcomes
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.outcomes import BatchResults
from tests.unit import contracts
from tests.unit.contracts import DAY, DIRECTORY, HOUR, utc
from tests.unit.steps.batches import REQUESTED, of_web1

#: Its names have one token, as with a wildcard and the name itself.
ORDERED = contracts.ordered(challenges=[contracts.challenge(), contracts.challenge(identifier="www.shop.example")])


def of_orders(decided, ordered, requested, finalized, found=(), **more):
    """Return the outcomes of web1. *requested*: what certificate_request returned there; *found*: certificate_info."""
    plan = {"directory": DIRECTORY, "directories": [DIRECTORY], **of_web1(decided)}
    hostvars = {"web1": {"_acme_request": requested, "_acme_found": {"certificates": found}}}
    return outcomes.of_orders(BatchResults(plan, ordered, finalized, hostvars, **more), "web1")


NOW = contracts.DUE
LOCAL = {"failure_kind": FailureKind.LOCAL}
FAILED, DEFERRED = contracts.stopped("rejected"), contracts.stopped("limit", Status.DEFERRED)


@pytest.mark.parametrize(
    ("decided", "ordered", "requested", "finalized", "outcome"),
    [
        pytest.param(contracts.decided(action, message="m"), {}, {}, {}, contracts.not_ordered(action), id=action.value)
        for action in (Action.REPAIR, Action.SWITCH, Action.KEEP, Action.REMOVE)
    ]
    + [
        pytest.param(
            contracts.decided(Action.REFUSE, message="bad name"),
            {},
            {},
            {},
            contracts.stopped("bad name", host=None),
            id="refused by the plan",
        ),
        pytest.param(
            contracts.decided(), of_web1(ORDERED), REQUESTED, of_web1(contracts.final()), contracts.final(), id="valid"
        ),
        pytest.param(
            contracts.decided(),
            {"msg": "no josepy"},
            {},
            {},
            contracts.stopped("no josepy", host=None, **LOCAL),
            id="ordering failed for all",
        ),
        pytest.param(contracts.decided(), of_web1(FAILED), {}, {}, FAILED, id="order rejected"),
        pytest.param(contracts.decided(), of_web1(DEFERRED), {}, {}, DEFERRED, id="order deferred"),
        pytest.param(
            contracts.decided(),
            of_web1(ORDERED),
            {"msg": "all of them", "failures": {"shop": "disk full"}},
            {},
            contracts.stopped("disk full", host=None, **LOCAL),
            id="no request",
        ),
        pytest.param(
            contracts.decided(),
            of_web1(ORDERED),
            {"msg": "no Python", "unreachable": True},
            {"msg": "the CA is down"},
            contracts.stopped("no Python", host=None, **LOCAL),
            id="request failed for all",
        ),
        pytest.param(
            contracts.decided(),
            of_web1(ORDERED),
            REQUESTED,
            {"msg": "the CA is down"},
            contracts.stopped("the CA is down", host=None, **LOCAL),
            id="finalizing failed for all",
        ),
    ],
)
def test_of_orders_results_return_outcome(decided, ordered, requested, finalized, outcome):
    (found,) = of_orders(decided, ordered, requested, finalized)
    assert found == outcome


@pytest.mark.parametrize(
    ("kind", "challenge", "has_advice"),
    [
        (FailureKind.VALIDATION, contracts.by_dns(), True),
        (FailureKind.VALIDATION, contracts.challenge(), False),
        (FailureKind.CA, contracts.by_dns(), False),
    ],
)
def test_of_orders_record_that_the_ca_did_not_see_names_the_option(kind, challenge, has_advice):
    final = contracts.stopped("dns: no TXT record", failure_kind=kind)
    ordered = contracts.ordered(challenges=[challenge])
    (outcome,) = of_orders(contracts.decided(), of_web1(ordered), REQUESTED, of_web1(final))
    assert ("raise acme_dns_delay" in (outcome.advice or "")) is has_advice


def test_of_orders_received_certificate_is_left_out():
    assert of_orders(contracts.decided(Action.RECEIVE), {}, {}, {}) == []


def test_of_orders_check_mode_keeps():
    found = of_orders(contracts.decided(), of_web1(ORDERED), {}, {"hosts": {}}, is_check=True)
    assert found == [contracts.not_ordered(Action.KEEP)]


def test_of_orders_record_not_in_place_fails_its_host_alone():
    for host, problem in (("web1", "ns1 lacks the record"), ("web2", "it could not be finalized")):
        problems = {host: {"shop": "ns1 lacks the record"}}
        (outcome,) = of_orders(contracts.decided(), of_web1(ORDERED), REQUESTED, {"hosts": {}}, problems=problems)
        assert (outcome.status, outcome.problem, outcome.resumable) == (Status.FAILED, problem, True)


MIRRORED = {
    "results": [
        {"item": {"host": "web2"}, "failures": {contracts.TOKEN: "webroot /srv does not exist", "t2": "x"}},
        {"item": {"host": "web3"}, "failures": {}},
        {"item": {"host": "web4"}, "unreachable": True},
    ]
}


@pytest.mark.parametrize(
    ("final", "mirrored", "problem"),
    [
        (
            contracts.stopped("unauthorized"),
            MIRRORED,
            "unauthorized; web2 does not serve it: webroot /srv does not exist",
        ),
        (contracts.final(), MIRRORED, ""),
        (contracts.stopped("unauthorized"), {"skipped": True}, "unauthorized"),
    ],
    ids=["failed", "valid", "not mirrored"],
)
def test_of_orders_failed_order_names_hosts_that_did_not_serve_its_challenge(final, mirrored, problem):
    found = of_orders(contracts.decided(), of_web1(ORDERED), REQUESTED, of_web1(final), mirrored=mirrored)
    assert [item.problem for item in found] == [problem]


@pytest.mark.parametrize(
    ("kind", "status", "recorded"),
    [
        (FailureKind.VALIDATION, Status.FAILED, (DIRECTORY, "5e")),
        (FailureKind.CA, Status.DEFERRED, (DIRECTORY, "5e")),
        (FailureKind.LOCAL, Status.FAILED, (None, "5e")),
        (None, Status.VALID, (DIRECTORY, "5e")),
    ],
)
def test_of_orders_order_names_what_its_host_records_of_a_failure(kind, status, recorded):
    """A certificate that came may still not be for its key: its host records that."""
    final = contracts.final(status=status, failure_kind=kind, directory=DIRECTORY)
    decided = contracts.decided(digest="5e")
    (found,) = of_orders(decided, of_web1(ORDERED), REQUESTED, of_web1(final), now=NOW)
    assert (found.directory, found.digest) == recorded


def test_of_orders_refused_by_the_plan_is_no_failed_order():
    """Else each run that waits for the next attempt would count as one."""
    (found,) = of_orders(contracts.decided(Action.REFUSE, message="it waits"), {}, {}, {}, now=NOW)
    assert found.failure_kind is None


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (None, {}),
        ("not a list", {}),
        (["not a mapping"], {}),
        ([contracts.final(directory=DIRECTORY).to_result()], {"shop": {"directory": DIRECTORY}}),
        (
            [contracts.final(directory=DIRECTORY, not_first="a: down", deviations=("x",)).to_result()],
            {"shop": {"directory": DIRECTORY, "not_first": "a: down", "deviations": ["x"]}},
        ),
        ([contracts.stopped("no", directory=DIRECTORY).to_result()], {}),
        ([contracts.not_ordered(Action.KEEP).to_result()], {}),
    ],
)
def test_issuers_of_issued_certificates(results, expected):
    assert outcomes.issuers(results) == expected


@pytest.mark.parametrize("ahead", [0, 7200, -7200])
def test_time_of_clock_that_differs_is_that_of_the_plan(ahead):
    found = outcomes.time_of({"controller_ahead": ahead})
    assert abs(datetime.now(timezone.utc) - timedelta(seconds=ahead) - found) < timedelta(minutes=1)


BEFORE = contracts.failed(count=3, since=utc(NOW - 5 * HOUR), at=utc(NOW - HOUR))


@pytest.mark.parametrize(
    ("failed", "kind", "retry_at", "advice"),
    [
        ((), FailureKind.LOCAL, None, r"the next run tries again"),
        ((), FailureKind.CA, None, r"the next run tries again"),
        (
            (),
            FailureKind.CA,
            utc(NOW + 3 * HOUR),
            r"the next attempt is at 2026-10-31 15:00 UTC, or now with acme_retry_failed",
        ),
        ((), FailureKind.VALIDATION, None, r"the next attempt is at 2026-10-31 (12:5.|13:00) UTC, or now with .*"),
        (
            (BEFORE,),
            FailureKind.VALIDATION,
            None,
            r"4 attempts have failed since 2026-10-31 07:00 UTC; the next attempt is at 2026-10-31 (19:[345].|20:00) "
            r"UTC, or now with acme_retry_failed",
        ),
        (
            (BEFORE,),
            FailureKind.LOCAL,
            None,
            r"4 attempts have failed since 2026-10-31 07:00 UTC; the next attempt is at 2026-10-31 14:\d\d UTC, or .*",
        ),
    ],
    ids=["local", "CA", "CA that asks to wait", "validation", "validation again", "local after validations"],
)
def test_of_orders_failed_order_says_when_the_next_attempt_is(failed, kind, retry_at, advice):
    stopped = contracts.stopped("no", failure_kind=kind, directory=DIRECTORY, retry_at=retry_at)
    found = contracts.found(live=None, failed=failed).to_result()
    decided = contracts.decided(digest="5e")
    (outcome,) = of_orders(decided, of_web1(stopped), {}, {}, found=[found], now=NOW)
    assert re.fullmatch(advice, outcome.advice)
    assert outcome.problem == "no"


@pytest.mark.parametrize(
    ("reason", "interval", "days", "item", "expected"),
    [
        (Reason.MISSING, "1d", 1, {}, "cannot be renewed in time: "),
        (Reason.LIFETIME, "1d", 1, {}, "cannot be renewed in time: "),
        (Reason.LIFETIME, "1d", 1, {"reason": "received"}, "cannot be renewed in time: "),
        (Reason.MISSING, "", 1, {}, "may expire before it is renewed: "),
        # of what was there before, the plan knows how long it is valid, and what the host has seen of the job
        (Reason.LIFETIME, "", 1, {}, ""),
        (Reason.MISSING, "1d", 90, {}, ""),
        (Reason.MISSING, "", 90, {}, ""),
        (Reason.MISSING, "1d", 1, {"reason": "unchanged"}, ""),
        (Reason.MISSING, "1d", 1, {"name": "mail"}, ""),
        (Reason.MISSING, "1d", 1, {"not_after": None}, ""),
    ],
)
def test_too_seldom_names_new_certificates_that_may_expire(reason, interval, days, item, expected):
    plan = {"options": {"acme_run_interval": interval}, **of_web1(contracts.decided(reason=reason))}
    not_after = utc(datetime.now(timezone.utc) + days * DAY)
    answer = {"certificates": [{"name": "shop", "reason": "issued", "not_after": not_after, **item}]}
    lines = outcomes.too_seldom(plan, "web1", answer)
    assert len(lines) == bool(expected)
    assert all(line.startswith(f"certificate shop {expected}") for line in lines)
