# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of a certificate's orders that its host records until the next success."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import HostCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import DEFAULT_LIST
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_utc
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import inspection, removal
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import failures
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.claim import Claim
from tests.unit.host import ca, faults, host
from tests.unit.host.host import DIRECTORY, ORDER, WANTED
from tests.unit.host.rollouts import result, rollout, valid

FIRST, SECOND, THIRD = (f"2026-11-0{day}T00:00:00Z" for day in (1, 2, 3))
OTHER_CA = "https://other.example/directory"


def failure(at=FIRST, kind="validation", directory=DIRECTORY, digest="5e", **more):
    return {
        "kind": kind,
        "directory": directory,
        "at": at,
        "retry_at": None,
        "problem": "no answer",
        "digest": digest,
        **more,
    }


def failed(home, at=FIRST, status="failed", check=False, **more):
    """Carry out the result of an order that failed."""
    fields = {"failure_kind": "validation", "directory": DIRECTORY, "digest": "5e", "problem": "no answer", **more}
    run = rollout(home, check=check, controller_time=parse_utc(at) if at else None)
    run.take(result("shop", status, resumable=True, **fields))
    return run


def reported(home):
    """Return the failures that certificate_info reports, which the controller accepts."""
    (found,) = inspection.inventory(str(home))
    HostCertificate.from_result(found)
    return [(item["kind"], item["directory"], item["count"], item["since"], item["at"]) for item in found["failed"]]


# --- pure


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([failure()], [("validation", DIRECTORY, 1, FIRST, FIRST)]),
        ([failure(), failure(SECOND)], [("validation", DIRECTORY, 2, FIRST, SECOND)]),
        (
            [failure(), failure(SECOND, "ca"), failure(THIRD)],
            [("ca", DIRECTORY, 1, SECOND, SECOND), ("validation", DIRECTORY, 2, FIRST, THIRD)],
        ),
        (
            [failure(), failure(SECOND, directory=OTHER_CA)],
            [("validation", DIRECTORY, 1, FIRST, FIRST), ("validation", OTHER_CA, 1, SECOND, SECOND)],
        ),
        ([failure(), failure(SECOND, digest="6f")], [("validation", DIRECTORY, 1, SECOND, SECOND)]),
    ],
    ids=["first", "again", "another kind between", "another CA", "other settings"],
)
def test_with_another_counts_kind_and_ca_by_themselves(steps, expected):
    found = []
    for step in steps:
        found = failures.with_another(found, step)
    fields = ("kind", "directory", "count", "since", "at")
    assert [tuple(item[field] for field in fields) for item in found] == expected


def test_with_another_is_bounded():
    found = []
    for number in range(50):
        found = failures.with_another(found, failure(directory=f"https://{number}.example/", problem="x" * 10_000))
    assert (len(found), found[-1]["directory"], len(found[-1]["problem"])) == (20, "https://49.example/", 3000)
    assert failures.with_another([{**found[0], "count": 100_000}], found[0])[0]["count"] == 100_000


# --- on the disk


@pytest.mark.parametrize("status", ["failed", "deferred"])
def test_rollout_failed_order_is_recorded(home, status):
    assert failed(home, status=status).warnings == [
        f"certificate shop is {status} to a later run: no answer" for _each in range(status == "deferred")
    ]
    failed(home, SECOND, status=status, retry_at=THIRD)
    assert reported(home) == [("validation", DIRECTORY, 2, FIRST, SECOND)]
    (found,) = failures.read(home / "versions" / "shop").failed
    assert (found["problem"], found["retry_at"], found["digest"]) == ("no answer", THIRD, "5e")
    assert (home / "versions" / "shop" / failures.FILE).stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("options", [{"check": True}, {"failure_kind": None}], ids=["check", "not an order"])
def test_rollout_nothing_is_recorded(home, options):
    assert failed(home, **options).failures == {"shop": "no answer"}
    assert inspection.inventory(str(home)) == []


def test_rollout_without_time_of_the_controller_records_that_of_the_host(home):
    failed(home, at=None, retry_at="later")
    (found,) = failures.read(home / "versions" / "shop").failed
    assert (found["at"], found["retry_at"]) == (ca.NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), None)


def test_rollout_success_ends_failures(home):
    failed(home)
    host.prepare(home, WANTED, ORDER)
    assert len(reported(home)) == 1
    run = rollout(home)
    run.take(valid(home, "shop"))
    assert (run.failures, reported(home)) == ({}, [])


def test_switch_crash_at_any_step_leaves_no_failure_beside_a_new_live_version(home, disk):
    """It would be taken for one of the next order."""
    host.prepare(home, WANTED, ORDER)
    failed(home)
    offered = valid(home, "shop")
    for step in range(1, 1000):
        counted = disk(at=step, fault=faults.crash)
        with suppress(faults.Crash):
            rollout(home).take(offered)
        disk()
        if host.served(home):
            assert reported(home) == []
        if not counted.struck:
            break
    assert (step > 5, host.served(home) is not None) == (True, True)


def test_rollout_certificate_for_another_key_is_recorded(home):
    host.prepare(home, WANTED, ORDER)
    leaf = host.authority().leaf(ca.ec_key().public_key(), WANTED.identifiers)
    offered = {**valid(home, "shop"), "certificate": ca.pem(leaf), "directory": DIRECTORY}
    run = rollout(home, controller_time=parse_utc(FIRST))
    run.take(offered)
    assert "shop" in run.failures
    assert reported(home) == [("certificate", DIRECTORY, 1, FIRST, FIRST)]


def test_rollout_failure_that_cannot_be_recorded_warns(home):
    (home / "versions").mkdir(parents=True)
    (home / "versions" / "shop").write_text("in the way")
    run = failed(home)
    assert run.failures == {"shop": "no answer"}
    (warning,) = run.warnings
    assert warning.startswith("certificate shop: cannot record that its order failed: ")


DAMAGED = [
    "",
    "[]",
    "{}",
    "null",
    json.dumps({"schema": 2, "list": DEFAULT_LIST, "failed": []}),
    json.dumps({"schema": 1, "list": "../x", "failed": []}),
    json.dumps({"schema": 1, "list": DEFAULT_LIST, "failed": [{}]}),
    json.dumps({"schema": 1, "list": DEFAULT_LIST, "failed": ["x"]}),
    json.dumps({"schema": 1, "list": DEFAULT_LIST, "failed": {"kind": "x"}}),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_read_damaged_file_is_none_and_is_replaced(home, text):
    failed(home)
    (home / "versions" / "shop" / failures.FILE).write_text(text)
    assert reported(home) == []
    failed(home, SECOND)
    assert reported(home) == [("validation", DIRECTORY, 1, SECOND, SECOND)]


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "odd"},
        {"kind": []},
        {"count": 0},
        {"count": True},
        {"count": "2"},
        {"count": 10**9},
        {"since": "soon"},
        {"at": None},
        {"retry_at": 5},
        {"digest": "XYZ"},
        {"digest": None},
        {"directory": None},
        {"problem": 1},
    ],
)
def test_read_odd_failure_is_left_out(home, odd):
    failed(home)
    path = home / "versions" / "shop" / failures.FILE
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "failed": [{**found["failed"][0], **odd}]}))
    assert reported(home) == []


# --- lists


def test_failures_of_a_certificate_without_a_version_belong_to_their_list(home):
    """Else each other list of the host would report the certificate as unlisted, and remove it."""
    failed(home)
    assert inspection.unlisted(str(home), [], Claim("mail")) == []
    assert inspection.unlisted(str(home), [], Claim()) == ["shop"]
    removal.remove(str(home), "shop", Claim(), check=False)
    assert inspection.inventory(str(home)) == []
