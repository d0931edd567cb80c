# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TXT records that earlier runs left: found in the notes of hosts, removed once, and reported to their hosts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.txt_record import dns_01
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import left_records
from tests.unit import contracts
from tests.unit.contracts import DAY, FRESH, HOUR, utc

NAME, VALUE = "_acme-challenge.shop.example", contracts.VALUE
KEY_AUTHORIZATION = f"{contracts.TOKEN}.{contracts.THUMBPRINT}"
NOW = FRESH + 2 * HOUR
RECORD = {"name": NAME, "value": VALUE, "key_authorization": KEY_AUTHORIZATION}


def by_dns(kind="dns-01", status=Status.PENDING, **given):
    usual = {"record_value": VALUE, "key_authorization": KEY_AUTHORIZATION}
    return contracts.by_dns(kind, status=status, **{**usual, **given})


def ordered(*challenges, **more):
    return {"hosts": {"web1": [contracts.ordered(challenges=challenges, **more).to_result()]}}


def found(*notes):
    return {"web1": {"_acme_found": {"txt_records": [note.to_result() for note in notes]}}, "web2": {}}


def removal(*items, **more):
    return {"state": "absent", "records": [item.to_result() for item in items], **more}


def test_noted_value_is_the_digest():
    assert dns_01("shop.example", KEY_AUTHORIZATION) == TxtRecord(NAME, VALUE)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (ordered(by_dns()), [RECORD]),
        (ordered(by_dns("dns-account-01")), [RECORD]),
        (ordered(by_dns(status=Status.PROCESSING)), [RECORD]),
        (ordered(by_dns(status=Status.VALID), by_dns(status=Status.STALE)), []),  # the run sets none
        (ordered(by_dns("dns-persist-01")), []),  # it stays
        (ordered(contracts.challenge()), []),
        ({"hosts": {"web1": [contracts.stopped("refused").to_result()]}}, []),
        ({"msg": "the CA is down"}, []),
    ],
)
def test_to_note_records_that_are_set(order, expected):
    assert left_records.to_note(order, "web1") == [{"certificate": "shop", **record} for record in expected]


@pytest.mark.parametrize(
    ("note", "is_found"),
    [
        (contracts.noted(), True),
        (contracts.noted(until=utc(NOW + HOUR)), False),  # another run may need it
        (contracts.noted(value="A" * 43), False),  # somebody else's
        (contracts.noted(key_authorization="x" * 22 + "." + "y" * 43), False),
    ],
)
def test_find_left_of_runs_that_have_ended(note, is_found):
    assert left_records.find_left(["web1", "web2"], found(note), NOW) == ({"web1": [note]} if is_found else {})


def test_find_left_of_more_than_a_run_removes_each_run_has_others():
    notes = [contracts.noted(name=f"_acme-challenge.{number}.example") for number in range(250)]
    runs = [left_records.find_left(["web1"], found(*notes), NOW + hour * HOUR)["web1"] for hour in range(24)]
    assert {len(left) for left in runs} == {left_records.MOST_OF_HOST}
    assert {note.name for left in runs for note in left} == {note.name for note in notes}


def test_with_plan_hosts_are_due():
    plan = {"due": ["web3"], "lines": ["web3: certificate shop: issue (missing)"], "hosts": {}}
    left = {"web1": [contracts.noted(), contracts.noted(value="B" * 43)]}
    result = left_records.with_plan(plan, left)
    assert result["due"] == ["web1", "web3"]
    assert result["lines"] == [*plan["lines"], f"web1: TXT record {NAME}: remove (left by an earlier run)"]
    assert left_records.of_plan(result) == left
    assert left_records.of_plan(plan) == {}


def test_with_left_has_each_record_once():
    noted = contracts.noted()
    other = contracts.noted(name="_acme-challenge.mail.example")
    records = left_records.with_left([TxtRecord(NAME, VALUE)], {"web1": [noted, other], "web2": [noted]})
    assert records == [TxtRecord(NAME, VALUE), TxtRecord(other.name, VALUE)]


REMOVED = contracts.txt(value=VALUE, status="changed")
REFUSED = contracts.txt(value=VALUE, status="failed", problem="refused")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([removal(REMOVED)], [True]),
        ([removal(REFUSED)], [False]),
        ([removal(REMOVED), removal(REFUSED)], [False]),  # left to tasks, which failed
        ([removal(REMOVED), {**removal(REFUSED), "state": "present"}], [True]),
        ([{"state": "absent", "msg": "no dnspython"}], [False]),
        ([removal()], [False]),
        ([{"state": "present", "records": [REMOVED.to_result()]}], []),  # the removal did not run
        ([{}], []),
    ],
)
@pytest.mark.parametrize("is_left", [False, True], ids=["of this run", "left"])
def test_outcomes_by_results_of_removal(results, expected, is_left):
    order = {} if is_left else ordered(by_dns(), by_dns("dns-persist-01", record_value="x"))
    left = [contracts.noted()] if is_left else []
    outcomes = left_records.outcomes(order, left, results, "web1")
    assert outcomes == [{**RECORD, "removed": removed} for removed in expected]


def test_outcomes_same_record_once():
    order = ordered(by_dns(), by_dns(status=Status.STALE))
    outcomes = left_records.outcomes(order, [contracts.noted()], [removal(REMOVED)], "web1")
    assert outcomes == [{**RECORD, "removed": True}]


@pytest.mark.parametrize(
    ("result", "noted", "line"),
    [
        (removal(REFUSED), None, f"TXT record {NAME} is not removed: refused; the next run tries again"),
        (removal(REFUSED), FRESH, f"TXT record {NAME} is not removed: refused; the next run tries again"),
        (
            removal(REFUSED),
            NOW - 30 * DAY,
            f"TXT record {NAME} is not removed: refused; after 30 days it is not tried again. "
            f"Remove the value {VALUE} by hand",
        ),
        ({"msg": "no dnspython"}, FRESH, "TXT records are not removed: no dnspython; the next run tries again"),
        (removal(REMOVED), FRESH, None),
    ],
)
def test_warnings_say_what_is_next(result, noted, line):
    left = {"web1": [contracts.noted(noted=utc(noted))]} if noted else {}
    assert left_records.warnings(result, left, NOW) == ([line] if line else [])


def test_warnings_record_noted_later_is_tried_again():
    left = {"web1": [contracts.noted(noted=utc(NOW - timedelta(days=40)))], "web2": [contracts.noted()]}
    (line,) = left_records.warnings(removal(REFUSED), left, NOW)
    assert line.endswith("the next run tries again")
