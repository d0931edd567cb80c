# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revocation between its steps: the turns of the CA and the hosts, and the lines of a host about what is not done."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationResult as Result
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationWay as Way
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation import Mark, RevocationState
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_choice import Chosen
from tests.unit import contracts
from tests.unit.steps.revocations import NEW, version

ENTRY = contracts.revocation(content="PEM", ordered="serial 4a1f", serial="4a1f", can_sign=False)
CHOSEN = Chosen([ENTRY])
TWO = Chosen([ENTRY, replace(ENTRY, host="web2", content="PEM 2", ordered="serial 5b", serial="5b")])
NOTHING = Chosen()
LIVE = {"history": [version("a2", NEW, live=True)]}
ITS = "certificate shop (serial 4a1f) is not revoked:"
URL = "https://ca.example/revoke"


def answer(status=Result.REVOKED, problem="", **more):
    return contracts.revocation(status=status, problem=problem, **more).to_result()


def refused(**more):
    return Chosen(problems=[contracts.revocation(**more)])


def failures(chosen, revoked, looked, names=("shop",)):
    return RevocationState.of(chosen).answered(revoked).failures({"web1": looked}, names)


@pytest.mark.parametrize(
    ("chosen", "looked", "revoked", "line"),
    [
        (CHOSEN, LIVE, {"certificates": [answer()]}, ""),
        (CHOSEN, LIVE, {"certificates": [answer(Result.ALREADY_REVOKED)]}, ""),
        # Its own word, not that of the whole step or of another host.
        (
            TWO,
            LIVE,
            {
                "msg": "certificate shop of web1: refused; certificate shop of web2: malformed",
                "certificates": [
                    answer(Result.FAILED, "refused"),
                    answer(Result.FAILED, "malformed", host="web2"),
                ],
            },
            f"{ITS} refused",
        ),
        (TWO, LIVE, {"certificates": [answer(), answer(Result.FAILED, "malformed", host="web2")]}, ""),
        (CHOSEN, LIVE, {"msg": "no account", "certificates": []}, f"{ITS} no account"),
        (CHOSEN, LIVE, {"msg": "MODULE FAILURE"}, f"{ITS} MODULE FAILURE"),
        (CHOSEN, LIVE, {"skipped": True}, f"{ITS} acme_revoke gave no answer"),
        (CHOSEN, LIVE, {}, f"{ITS} acme_revoke gave no answer"),
        (
            CHOSEN,
            LIVE,
            {"certificates": [{"host": "web1", "name": "shop", "status": "x"}]},
            f"{ITS} acme_revoke gave no answer",
        ),
        (CHOSEN, LIVE, {"certificates": [answer(Result.FAILED)]}, f"{ITS} acme_revoke gave no reason"),
        (TWO, LIVE, {"certificates": [answer()], "msg": "m"}, f"{ITS} m"),
        # Without a certificate to revoke, the failure does not concern the host.
        (NOTHING, LIVE, {"msg": "no account", "certificates": []}, ""),
        (NOTHING, LIVE, {"skipped": True}, ""),
        (
            refused(name="shop (serial 5)", problem="p"),
            LIVE,
            {},
            "certificate shop (serial 5) is not revoked: p",
        ),
        (refused(name="", problem="line 7"), LIVE, {}, "line 7"),
        (refused(host="web2", problem="p"), LIVE, {}, ""),
        (NOTHING, {"msg": "no Python"}, {}, "certificate shop is not revoked: no Python"),
        (NOTHING, {"unreachable": True}, {}, "certificate shop is not revoked: the host gave no answer"),
    ],
)
def test_failures_line_of_host(chosen, looked, revoked, line):
    assert failures(chosen, revoked, looked) == ({"web1": line} if line else {})


def test_failures_skipped_host_needs_no_answer():
    assert failures(CHOSEN, {"certificates": [answer()]}, {"skipped": True}, []) == {}


def test_answered_certificate_of_several_hosts_is_revoked_for_all():
    both = Chosen([ENTRY, replace(ENTRY, host="web2")])
    state = RevocationState.of(both).answered(
        {"certificates": [answer(), answer(Result.FAILED, "not associated with account", host="web2")]}
    )
    assert [item.status for item in state.items] == [Result.REVOKED, Result.ALREADY_REVOKED]


# -- The turns of the CA and the hosts

SIGNER = replace(ENTRY, can_sign=True)
UNSIGNED = answer(Result.UNSIGNED, nonces={URL: "abc"}, is_last=False, refusals={"account": "not associated"})


def of_host(signed=(), marked=(), **more):
    """Return what a host has registered."""
    return {"web1": {"_acme_signed": {"signed": list(signed), "marked": list(marked), **more}}}


def passed_on(state):
    """Return the state as the next step reads it from the result."""
    return RevocationState.from_result(json.loads(json.dumps(state.to_result())))


def signing(**more):
    return {"name": "shop", "serial": "4a1f", "signatures": {URL: "sig"}, "problem": "", **more}


def marking(**more):
    return {"name": "shop", "serial": "4a1f", "changed": True, "removed": False, "problem": "", **more}


def test_state_goes_from_account_to_signature_to_mark():
    first = RevocationState.of(Chosen([SIGNER])).answered({"certificates": [UNSIGNED]})
    assert first.options() == []
    work = first.on_hosts(["web1"], 4, "removed")
    asked = {"name": "shop", "serial": "4a1f", "reason": 4, "nonces": {URL: "abc"}}
    assert work == {"web1": {"sign": [asked], "revoked": [], "live": "removed"}}

    second = passed_on(first).with_hosts(of_host([signing()]))
    (options,) = second.options()
    assert (options["signatures"], options["nonces"], options["is_last"]) == ({URL: "sig"}, {URL: "abc"}, False)
    assert options["refusals"] == {"account": "not associated"}, "the account is not tried again"
    second = second.answered({"certificates": [answer(way=Way.OWN_KEY)]})
    assert second.on_hosts(["web1"], 4, "replaced") == {
        "web1": {"sign": [], "revoked": [{"name": "shop", "serial": "4a1f"}], "live": "replaced"}
    }
    third = passed_on(second).with_hosts(of_host(marked=[marking()]))
    assert (third.options(), third.on_hosts(["web1"], 4, "replaced")) == ([], {})
    assert third.failures({"web1": LIVE}, ["shop"]) == {}
    assert third.summary() == "revoked: 1 with their own keys; not revoked: 0"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (of_host([signing(signatures={}, problem="no key")]), "no key"),
        (of_host([signing(signatures={})]), "the host gave no signature"),
        (of_host([signing(serial="5b")]), "the host gave no answer"),
        (of_host(msg="the host cannot be reached: timed out"), "the host cannot be reached: timed out"),
        ({"web1": {"_acme_signed": {"failed": True, "msg": "MODULE FAILURE"}}}, "MODULE FAILURE"),
        ({"web1": {}}, "the host gave no answer"),
    ],
    ids=["no key", "no signature", "another certificate", "unreachable", "failed", "not run"],
)
def test_with_hosts_that_do_not_sign_the_account_is_left(host, reason):
    first = RevocationState.of(Chosen([SIGNER])).answered({"certificates": [{**UNSIGNED, "refusals": {}}]})
    (options,) = passed_on(first).with_hosts(host).options()
    assert options["refusals"] == {"own key": reason}
    assert (options["signatures"], options["nonces"]) == (None, None)


def test_on_hosts_marks_those_that_showed_it_and_are_there():
    revoked = [replace(SIGNER, status=Result.REVOKED), replace(ENTRY, host="web2", status=Result.REVOKED)]
    state = RevocationState(tuple(revoked))
    assert list(state.on_hosts(["web1", "web2"], 0, "replaced")) == ["web1"]
    assert state.on_hosts(["web2"], 0, "replaced") == {}


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        (of_host(marked=[marking()]), ""),
        (of_host(marked=[marking(problem="the disk is full")]), "the disk is full"),
        (of_host(msg="the host cannot be reached: timed out"), "the host cannot be reached: timed out"),
        ({"web1": {}}, "the host gave no answer"),
    ],
)
def test_with_hosts_mark_that_fails_is_reported_and_not_tried_again(host, problem):
    state = RevocationState((replace(SIGNER, status=Result.REVOKED),)).with_hosts(host)
    assert state.marks == (Mark("web1", "shop", "4a1f", problem),)
    assert state.on_hosts(["web1"], 0, "replaced") == {}
    line = f"certificate shop (serial 4a1f) is revoked, and cannot be marked on its host: {problem}. Run again"
    assert state.failures({"web1": LIVE}, ["shop"]) == ({"web1": line} if problem else {})


@pytest.mark.parametrize(
    ("items", "problems", "line"),
    [
        ((), (), ""),
        ((replace(ENTRY, status=Result.REVOKED, way=Way.ACCOUNT),), (), "revoked: 1 by the account; not revoked: 0"),
        (
            (
                replace(ENTRY, status=Result.REVOKED, way=Way.ACCOUNT),
                replace(ENTRY, status=Result.ALREADY_REVOKED, way=Way.ACCOUNT),
                replace(ENTRY, status=Result.FAILED),
            ),
            (contracts.revocation(problem="it was issued for web3"), contracts.revocation(name="", problem="line 7")),
            "revoked: 1 by the account, 1 before; not revoked: 2",
        ),
        ((replace(ENTRY, status=Result.FAILED),), (), "revoked: none; not revoked: 1"),
    ],
)
def test_summary_counts_results(items, problems, line):
    assert RevocationState(items, problems).summary() == line


def test_summary_names_hosts_that_did_not_get_this_far():
    state = RevocationState((replace(ENTRY, status=Result.REVOKED, way=Way.ACCOUNT),), lost=("web2", "web3"))
    line = "revoked: 1 by the account; not revoked: 0; web2, web3 did not get this far"
    assert passed_on(state).summary() == line
    assert RevocationState(lost=("web2",)).summary() == "revoked: none; not revoked: 0; web2 did not get this far"


def test_from_result_without_state_is_none():
    assert RevocationState.from_result({}) is None
    assert RevocationState.from_result({"problem": "no record", "not_revoked": {}}) is None
