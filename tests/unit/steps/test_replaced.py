# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a replacement is made of the hosts' results, not of the plan."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import replaced
from tests.unit import contracts

ISSUE = contracts.decided(Action.ISSUE, selected=True)
RECEIVE = contracts.decided(Action.RECEIVE, selected=True)
WAITS = contracts.decided(Action.KEEP, selected=True, message="the CA's limit is reached")
FOUND = {"certificates": [contracts.found(host=None, wanted=None, live=contracts.live(serial="4a1f")).to_result()]}
NEW = {"name": "shop", "changed": True, "version": "0008", "serial": "5b", "not_after": None, "reason": "issued"}


def deployed(*certificates, **more):
    return {"_acme_deployed": {"certificates": list(certificates), "failures": {}, **more}}


def failed(reason):
    return {"failures": {"shop": reason}}


@pytest.mark.parametrize(
    ("decided", "results", "problem"),
    [
        (ISSUE, deployed(NEW), ""),
        (RECEIVE, deployed({**NEW, "reason": "received"}), ""),
        # It was put in place, and taken back again.
        (ISSUE, deployed(NEW, **failed("the reload failed; version 0008 is rolled back")), "the reload failed"),
        (ISSUE, {**deployed(NEW), "_acme_confirmed": failed("the disk is full")}, "the disk is full"),
        (ISSUE, deployed(**failed("order invalid")), "order invalid"),
        # The one from before, with another mode.
        (
            ISSUE,
            deployed({**NEW, "serial": "4a1f", "reason": "privkey.pem mode 0644"}),
            "it is deferred to a later run",
        ),
        (ISSUE, deployed(), "it is deferred to a later run"),
        (ISSUE, deployed(deferred={"shop": "the CA is down"}), "the CA is down"),
        (ISSUE, {"_acme_deployed": {"msg": "MODULE FAILURE"}}, "MODULE FAILURE"),
        # It went away after the plan.
        (ISSUE, {}, "the host gave no answer"),
        (WAITS, {}, "the CA's limit is reached"),
    ],
    ids=[
        "issued",
        "received",
        "taken back",
        "not confirmed",
        "failed",
        "same",
        "unchanged",
        "deferred",
        "no result",
        "gone",
        "waits",
    ],
)
def test_report_counts_results(decided, results, problem):
    plan = {"hosts": {"web1": [decided.to_result(), contracts.decided(Action.KEEP, name="mail").to_result()]}}
    number, left, line = replaced.report(plan, {"web1": {"_acme_found": FOUND, **results}}, [])
    assert number == (not problem)
    if not problem:
        assert (left, line) == ([], "1 of 1 replaced")
        return
    (told,) = left
    assert told.startswith(f"certificate shop of web1 ({problem}")
    assert line == f"0 of 1 replaced, 1 left: {told}. Run again with the same values"


def test_report_names_hosts_that_gave_no_answer_and_some_of_the_rest():
    plan = {"hosts": {f"web{number}": [ISSUE.to_result()] for number in range(1, 14)}}
    results = {host: {"_acme_found": FOUND} for host in plan["hosts"]}
    results["web1"].update(deployed(NEW))
    number, left, line = replaced.report(plan, results, ["web14"])
    assert (number, len(left)) == (1, 12)
    assert line.startswith("1 of 13 replaced, 12 left: certificate shop of web2 (the host gave no answer), ")
    assert line.endswith(" and 2 more. Run again with the same values; unknown for web14, which gave no answer")


@pytest.mark.parametrize(
    ("found", "is_unanswered"),
    [
        (None, False),  # of a later batch
        (FOUND, False),
        ({**FOUND, "unserved": ["of an inclusion before"]}, False),
        ({"skipped": True}, False),
        ({"unreachable": True, "msg": "timed out"}, True),
        ({"failed": True, "msg": "MODULE FAILURE"}, True),
        ({"unserved": ["noted, by acme_fail"]}, True),
    ],
)
def test_unanswered_hosts_of_the_play(found, is_unanswered):
    registered = {"web1": {} if found is None else {"_acme_found": found}}
    results = SimpleNamespace(of_all=lambda host: registered[host])
    run = SimpleNamespace(results=results, variables={"ansible_play_hosts_all": ["web1"]})
    assert replaced.unanswered(run) == (["web1"] if is_unanswered else [])
