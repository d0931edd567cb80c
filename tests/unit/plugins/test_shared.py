# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of shared certificates through the role's steps."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils import flow, shared

DIRECTORY, OTHER_CA = "https://ca/directory", "https://other/directory"
HOSTS = ["web1", "web2", "web3"]
FINAL = {"name": "shop", "status": "valid", "certificate": "C", "chain": "I", "account_uri": "a", "problem": ""}


def share(serial=None, hosts=("web2", "web3"), owner="web1", name="shop"):
    known = {"directory": OTHER_CA, "account_uri": "b"} if serial else {"directory": None, "account_uri": None}
    return {"name": name, "owner": owner, "serial": serial, **known, "hosts": list(hosts)}


def plan(*shares):
    hosts = {host: [] for host in HOSTS}
    for item in shares:
        if item["serial"] is None:
            hosts[item["owner"]].append({"name": item["name"], "action": "issue"})
        for host in item["hosts"]:
            hosts[host].append({"name": item["name"], "action": "receive", "share": {"owner": item["owner"]}})
    return {"directory": DIRECTORY, "shares": list(shares), "hosts": hosts}


def variables(**hosts):
    """The variables of hosts: each has made a key to receive with, but for what is given."""
    requested = {host: {"acme_request": {"receivers": {"shop": f"key of {host}"}}} for host in ("web2", "web3")}
    return {"web1": {"acme_request": {}}, **requested, **hosts}


def answer(owner="web1", **more):
    sealed = {"web2": "sealed 2", "web3": "sealed 3"}
    shares = [{"name": "shop", "certificate": "C", "chain": "I", "sealed": sealed, "created": "then"}]
    return {"results": [{"item": {"owner": owner}, "shares": shares, **more}]}


def with_answer(**more):
    """As a task with run_once registers it, on all."""
    return {host: {**facts, "acme_sealed": answer(**more)} for host, facts in variables().items()}


def finalized(**more):
    return {"hosts": {"web1": [{**FINAL, **more}]}}


ORDERED = {"hosts": {"web1": [{"name": "shop", "status": "ready", "directory": OTHER_CA, "challenges": []}]}}


def told(the_plan, host, hostvars, final=None, ordered=None, check=False):
    final, ordered = finalized() if final is None else final, ordered or ORDERED
    requested = hostvars[host].get("acme_request") or {}
    results = flow.outcomes(the_plan, ordered, requested, final, host, check=check)
    return shared.received(results, the_plan, ordered, final, hostvars, host, check=check)


def test_who_receives():
    the_plan = plan(share())
    assert [shared.receiving(the_plan, host) for host in HOSTS] == [[], ["shop"], ["shop"]]


def test_it_is_asked_for_all_that_can_receive():
    keys = {"web2": "key of web2", "web3": "key of web3"}
    asked = [{"owner": "web1", "shares": [{"name": "shop", "serial": None, "receivers": keys}]}]
    assert shared.shares(plan(share()), finalized(), variables()) == asked
    # One that vanished has no key.
    for gone in ({}, {"acme_request": {"unreachable": True}}, {"acme_request": {"receivers": {}}}):
        asked = [{"owner": "web1", "shares": [{"name": "shop", "serial": None, "receivers": {"web3": "key of web3"}}]}]
        assert shared.shares(plan(share()), finalized(), variables(web2=gone)) == asked
        assert shared.shares(plan(share(hosts=["web2"])), finalized(), variables(web2=gone)) == []


def test_each_host_is_asked_once_for_all_that_it_has():
    the_plan = plan(share("0a"), share("0b", name="mail"), share("0c", owner="web3", hosts=["web2"], name="other"))
    hostvars = variables(web2={"acme_request": {"receivers": {"shop": "k", "mail": "k", "other": "k"}}})
    asked = shared.shares(the_plan, {"hosts": {}}, hostvars)
    assert [(item["owner"], [entry["serial"] for entry in item["shares"]]) for item in asked] == [
        ("web1", ["0a", "0b"]),
        ("web3", ["0c"]),
    ]


@pytest.mark.parametrize("final", [finalized(status="failed"), finalized(status="deferred"), {"hosts": {}}, {}])
def test_no_key_is_passed_for_what_did_not_come(final):
    assert shared.shares(plan(share()), final, variables()) == []


def test_what_was_issued_for_another_host_is_told_with_the_key():
    for host, sealed in (("web2", "sealed 2"), ("web3", "sealed 3")):
        assert told(plan(share()), host, with_answer()) == [
            {
                "name": "shop",
                "status": "valid",
                "certificate": "C",
                "chain": "I",
                "account_uri": "a",
                "directory": OTHER_CA,
                "created": "then",
                "sealed_key": sealed,
            }
        ]
    assert told(plan(share()), "web1", with_answer()) == [FINAL]


@pytest.mark.parametrize("odd", [None, [], "x", 7, ["x"], {"shop": 7}, [{}], [{"name": "shop", "sealed": "x"}]])
def test_an_odd_answer_of_one_host_is_told_and_stops_no_other(odd):
    the_plan = plan(share())
    (stopped,) = told(the_plan, "web3", with_answer(shares=odd, failures=odd))
    assert stopped["status"] == "failed"
    assert stopped["problem"].startswith("web1 has the key, and did not give it: ")
    for request in ({"receivers": odd}, {"receivers": {"shop": odd}}, {"failures": odd}):
        if request == {"receivers": {"shop": "x"}}:
            continue  # which may be a key, for all that is known here
        hostvars = {**with_answer(), "web3": {"acme_request": request}}
        (asked,) = shared.shares(the_plan, finalized(), hostvars)
        assert asked["shares"][0]["receivers"] == {"web2": "key of web2"}
        assert told(the_plan, "web3", hostvars)[0]["status"] == "failed"
        assert told(the_plan, "web2", hostvars)[0]["status"] == "valid"


def test_what_another_host_has_is_told_with_the_key():
    (result,) = told(plan(share("0a")), "web3", with_answer(), {"hosts": {}})
    assert (result["status"], result["certificate"], result["sealed_key"]) == ("valid", "C", "sealed 3")
    assert (result["directory"], result["account_uri"]) == (OTHER_CA, "b")


def test_own_results_are_kept():
    the_plan = plan(share("0a"))
    the_plan["hosts"]["web2"].append({"name": "own", "action": "repair"})
    results = told(the_plan, "web2", with_answer(), {"hosts": {}})
    assert [(item["name"], item["status"]) for item in results] == [("own", "repair"), ("shop", "valid")]


def test_in_check_mode_nothing_is_received():
    for item in (share(), share("0a")):
        assert told(plan(item), "web2", variables(), {"hosts": {}}, check=True) == [{"name": "shop", "status": "keep"}]


@pytest.mark.parametrize(
    ("item", "hostvars", "final", "status", "problem"),
    [
        (
            share(),
            with_answer(),
            finalized(status="failed", problem="no"),
            "failed",
            "web1 makes the key and orders: no",
        ),
        (
            share(),
            with_answer(),
            finalized(status="deferred", problem="slow down"),
            "deferred",
            "web1 makes the key and orders: slow down",
        ),
        (share(), variables(), {}, "failed", "web1 makes the key and orders: it could not be finalized"),
        (
            share(),
            variables(web1={"acme_request": {"failures": {"shop": "the disk is full"}}}),
            {},
            "failed",
            "web1 makes the key and orders: the disk is full",
        ),
        (
            share("0a"),
            variables(web2={"acme_request": {"msg": "no library"}}),
            {},
            "failed",
            "no library",
        ),
        (
            share("0a"),
            variables(web2={"acme_request": {"failures": {"shop": "the disk is full"}}}),
            {},
            "failed",
            "the disk is full",
        ),
        (share("0a"), variables(), {}, "failed", "web1 has the key, and did not give it: it gave no answer"),
        (
            share("0a"),
            with_answer(shares=[], failures={"shop": "no such serial"}),
            {},
            "failed",
            "web1 has the key, and did not give it: no such serial",
        ),
        (
            share("0a"),
            with_answer(shares=None, msg="unreachable"),
            {},
            "failed",
            "web1 has the key, and did not give it: unreachable",
        ),
    ],
)
def test_what_stops_it_is_told(item, hostvars, final, status, problem):
    assert told(plan(item), "web2", hostvars, final) == [
        {"name": "shop", "status": status, "problem": problem, "resumable": True}
    ]


def looked(*certificates):
    entries = [{"name": name, "wanted": {"name": name, "shared": share}} for name, share in certificates]
    return {"acme_found": {"certificates": entries}}


def test_one_host_of_the_batches_before_is_asked_for_each_certificate():
    both = looked(("shop", True), ("mail", True), ("own", False))
    hostvars = {
        "gone": {},
        "a": looked(("other", True), ("own", False)),
        "b": looked(("shop", True)),
        "c": both,
        "d": both,
        "e": both,
        "later": {},
    }
    found = shared.holders(list(hostvars), ["d", "e"], hostvars)
    assert [(item["host"], [entry["name"] for entry in item["certificates"]]) for item in found] == [
        ("b", ["shop"]),
        ("c", ["mail"]),
    ]
    assert shared.holders(list(hostvars), list(hostvars), hostvars) == []
    assert shared.holders(list(hostvars), ["later"], hostvars) == []


def test_what_they_have_is_known_by_their_names():
    answers = [
        {"item": {"host": "b"}, "certificates": [{"name": "shop"}]},
        {"item": {"host": "c"}, "unreachable": True},
    ]
    assert shared.held({"results": answers}) == [{"name": "shop", "host": "b"}]
    assert shared.held({"results": []}) == shared.held({"skipped": True}) == []
