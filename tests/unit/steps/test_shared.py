# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of shared certificates through the role's steps."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, Status
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import outcomes, shared
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.outcomes import BatchResults
from tests.unit import contracts
from tests.unit.contracts import ACCOUNT, DIRECTORY, FRESH, PEM

OTHER_CA = "https://other.example/directory"
HOSTS = ["web1", "web2", "web3"]
#: Public keys, and sealed texts, of hosts.
KEYS = {"web2": "KEYofweb2===", "web3": "KEYofweb3==="}
SEALED = {"web2": "SEALED2=", "web3": "SEALED3="}


def share(serial=None, **more):
    """Return a share of the plan; with a serial number, of the giver's existing certificate."""
    known = {"serial": serial, "directory": OTHER_CA, "account_uri": f"{ACCOUNT}2"} if serial else {}
    return contracts.share(**{**known, **more})


def plan(*shares):
    hosts = {host: [] for host in HOSTS}
    for item in shares:
        if item.serial is None:
            hosts[item.giver].append(contracts.decided(name=item.name).to_result())
        for host in item.hosts:
            hosts[host].append(contracts.decided(Action.RECEIVE, name=item.name).to_result())
    return {"directory": DIRECTORY, "shares": [item.to_result() for item in shares], "hosts": hosts}


def variables(**hosts):
    """Return the variables of hosts: each has made a receiving key, but for the given ones."""
    requested = {host: {"_acme_request": {"receivers": {"shop": KEYS[host]}}} for host in ("web2", "web3")}
    return {"web1": {"_acme_request": {}}, **requested, **hosts}


GIVEN = contracts.given(name="shop", sealed=SEALED, refused={})


def answer(giver="web1", **more):
    return {"results": [{"item": {"giver": giver}, "shares": [GIVEN.to_result()], **more}]}


def with_answer(**more):
    """Return variables as a task with run_once registers them, for all hosts."""
    return {host: {**facts, "_acme_sealed": answer(**more)} for host, facts in variables().items()}


def finalized(order=None):
    return {"hosts": {"web1": [(order or contracts.final()).to_result()]}}


ORDERED = {"hosts": {"web1": [contracts.ordered(status=Status.READY, directory=OTHER_CA, challenges=[]).to_result()]}}
FAILED, DEFERRED = contracts.stopped("no"), contracts.stopped("slow down", Status.DEFERRED)


def results_of(the_plan, host, hostvars, final=None, check=False):
    final = finalized() if final is None else final
    results = BatchResults(the_plan, ORDERED, final, hostvars, is_check=check, now=FRESH)
    return [*outcomes.of_orders(results, host), *shared.outcomes(results, host)]


def test_receiving_hosts_without_certificate():
    the_plan = plan(share())
    assert [shared.receiving(the_plan, host) for host in HOSTS] == [[], ["shop"], ["shop"]]


def test_shares_of_hosts_with_receiving_key():
    expected = [{"giver": "web1", "shares": [{"name": "shop", "receivers": KEYS}]}]
    assert shared.shares(plan(share()), finalized(), variables()) == expected
    # One that vanished has no key.
    for gone in ({}, {"_acme_request": {"unreachable": True}}, {"_acme_request": {"receivers": {}}}):
        expected = [{"giver": "web1", "shares": [{"name": "shop", "receivers": {"web3": KEYS["web3"]}}]}]
        assert shared.shares(plan(share()), finalized(), variables(web2=gone)) == expected
        assert shared.shares(plan(share(hosts=["web2"])), finalized(), variables(web2=gone)) == []


def test_shares_one_request_for_each_giver():
    the_plan = plan(share("0a"), share("0b", name="mail"), share("0c", giver="web3", hosts=["web2"], name="other"))
    hostvars = variables(web2={"_acme_request": {"receivers": dict.fromkeys(("shop", "mail", "other"), "KEY=")}})
    asked = shared.shares(the_plan, {"hosts": {}}, hostvars)
    assert [(item["giver"], [entry["serial"] for entry in item["shares"]]) for item in asked] == [
        ("web1", ["0a", "0b"]),
        ("web3", ["0c"]),
    ]


@pytest.mark.parametrize("final", [finalized(FAILED), finalized(DEFERRED), {"hosts": {}}, {}])
def test_shares_failed_order_gives_no_key(final):
    assert shared.shares(plan(share()), final, variables()) == []


def test_results_issued_certificate_comes_with_sealed_key():
    final = finalized(contracts.final(certificate="ISSUED", chain="CHAIN"))
    for host, sealed in SEALED.items():
        assert results_of(plan(share()), host, with_answer(), final) == [
            contracts.received(
                certificate="ISSUED",
                chain="CHAIN",
                account_uri=ACCOUNT,
                directory=OTHER_CA,
                created=GIVEN.created,
                sealed_key=sealed,
            )
        ]
    assert results_of(plan(share()), "web1", with_answer()) == [contracts.final()]


@pytest.mark.parametrize("odd", [None, [], "x", 7, ["x"], {"shop": 7}, [{}], [{"name": "shop", "sealed": "x"}]])
def test_results_malformed_answer_of_giver_fails_its_certificates_only(odd):
    the_plan = plan(share())
    (stopped,) = results_of(the_plan, "web3", with_answer(shares=odd, failures=odd))
    assert stopped.status == Status.FAILED
    assert stopped.problem.startswith("web1 has the key and did not give it: ")
    for request in ({"receivers": odd}, {"receivers": {"shop": odd}}, {"failures": odd}):
        if request == {"receivers": {"shop": "x"}}:
            continue  # which may be a key, for all that is known here
        hostvars = {**with_answer(), "web3": {"_acme_request": request}}
        (asked,) = shared.shares(the_plan, finalized(), hostvars)
        assert asked["shares"][0]["receivers"] == {"web2": KEYS["web2"]}
        assert results_of(the_plan, "web3", hostvars)[0].status == Status.FAILED
        assert results_of(the_plan, "web2", hostvars)[0].status == Status.VALID


def test_results_existing_certificate_comes_with_sealed_key():
    (result,) = results_of(plan(share("0a")), "web3", with_answer(), {"hosts": {}})
    assert (result.status, result.certificate, result.sealed_key) == (Status.VALID, PEM, SEALED["web3"])
    assert (result.directory, result.account_uri) == (OTHER_CA, f"{ACCOUNT}2")


def test_results_certificate_of_record_precedes_that_of_giver():
    recorded = share("0a", certificate="RECORDED", chain="CHAIN", created="2026-10-01T00:00:00Z")
    (result,) = results_of(plan(recorded), "web3", with_answer(), {"hosts": {}})
    assert (result.certificate, result.chain, result.created) == ("RECORDED", "CHAIN", "2026-10-01T00:00:00Z")


def test_results_own_ones_are_kept():
    the_plan = plan(share("0a"))
    the_plan["hosts"]["web2"].append(contracts.decided(Action.REPAIR, name="own").to_result())
    results = results_of(the_plan, "web2", with_answer(), {"hosts": {}})
    assert [(item.name, item.action, item.status) for item in results] == [
        ("own", Action.REPAIR, None),
        ("shop", None, Status.VALID),
    ]


def test_results_check_mode_receives_nothing():
    for item in (share(), share("0a")):
        assert results_of(plan(item), "web2", variables(), {"hosts": {}}, check=True) == [
            contracts.not_ordered(Action.KEEP)
        ]


@pytest.mark.parametrize(
    ("item", "hostvars", "final", "status", "problem"),
    [
        (
            share(),
            with_answer(),
            finalized(FAILED),
            Status.FAILED,
            "web1 makes the key and orders: no",
        ),
        (
            share(),
            with_answer(),
            finalized(DEFERRED),
            Status.FAILED,  # the giver can wait, and web2 cannot
            "web1 makes the key and orders: slow down",
        ),
        (share(), variables(), {}, Status.FAILED, "web1 makes the key and orders: it could not be finalized"),
        (
            share(),
            variables(web1={"_acme_request": {"failures": {"shop": "the disk is full"}}}),
            {},
            Status.FAILED,
            "web1 makes the key and orders: the disk is full",
        ),
        (
            share("0a"),
            variables(web2={"_acme_request": {"msg": "no library"}}),
            {},
            Status.FAILED,
            "no library",
        ),
        (
            share("0a"),
            variables(web2={"_acme_request": {"failures": {"shop": "the disk is full"}}}),
            {},
            Status.FAILED,
            "the disk is full",
        ),
        (share("0a"), variables(), {}, Status.FAILED, "web1 has the key and did not give it: it gave no answer"),
        (
            share("0a"),
            with_answer(shares=[], failures={"shop": "no such serial"}),
            {},
            Status.FAILED,
            "web1 has the key and did not give it: no such serial",
        ),
        (
            share("0a"),
            with_answer(shares=None, msg="unreachable"),
            {},
            Status.FAILED,
            "web1 has the key and did not give it: unreachable",
        ),
    ],
)
def test_results_failure_has_problem(item, hostvars, final, status, problem):
    assert results_of(plan(item), "web2", hostvars, final) == [contracts.stopped(problem, status, host=None)]


@pytest.mark.parametrize("final", [finalized(FAILED), finalized(DEFERRED), {"hosts": {}}])
@pytest.mark.parametrize("serial", [None, "0a"])
def test_results_receiver_whose_live_certificate_is_good_is_deferred(serial, final):
    the_plan = plan(share(serial))
    the_plan["hosts"]["web2"] = [contracts.decided(Action.RECEIVE, can_wait=True).to_result()]
    has = contracts.found(host="web2").to_result()
    hostvars = variables(web2={"_acme_request": {}, "_acme_found": {"certificates": [has]}})
    (result,) = results_of(the_plan, "web2", hostvars, final)
    assert (result.status, result.resumable) == (Status.DEFERRED, True)
    assert result.advice.endswith("the host fails from 2026-11-15 12:00 UTC on")


def looked(*certificates):
    entries = [contracts.found({"shared": is_shared}, name=name, host=None) for name, is_shared in certificates]
    return {"_acme_found": {"certificates": [entry.to_result() for entry in entries], "options": options()}}


def options(list_name="default"):
    return {"acme_home": "/etc/acme", "acme_list": list_name, "acme_host_timeout": 900}


def test_earlier_batches_one_host_is_asked_for_each_certificate():
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


def test_earlier_batches_certificate_is_asked_for_by_its_list():
    sites = looked(("shop", True), ("own", False))["_acme_found"]
    sites["options"] = options("sites")
    mail = {**looked(("mail", False))["_acme_found"], "shared_before": shared.before(sites)}
    third = {"_acme_found": {**looked()["_acme_found"], "shared_before": shared.before(mail)}}
    found = shared.holders(["web1", "web2"], ["web2"], {"web1": third, "web2": looked(("shop", True))})
    (holder,) = found
    assert (holder["host"], holder["list"], holder["home"], holder["timeout"]) == ("web1", "sites", "/etc/acme", 900)
    assert [entry["name"] for entry in holder["certificates"]] == ["shop"]


def test_held_certificates_by_host_and_name():
    answers = [
        {"item": {"host": "b"}, "certificates": [{"name": "shop"}]},
        {"item": {"host": "c"}, "unreachable": True},
    ]
    assert shared.held({"results": answers}) == [{"name": "shop", "host": "b"}]
    assert shared.held({"results": []}) == shared.held({"skipped": True}) == []
