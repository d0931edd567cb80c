# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wiring between the role's steps."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils import flow, txt

WANTED = {
    "identifiers": ["a.example"],
    "challenge": "http-01",
    "key_type": "ec256",
    "profile": None,
    "not_before": None,
    "not_after": "+30d",
    "webroot": "/srv/www",
    "http_01_listen": None,
    "tls_alpn_01_listen": "443",
}
DIRECTORY = "https://ca/directory"
PENDING = {"key_type": "ec256", "profile": None, "directory": DIRECTORY, "order_uri": "o", "account_uri": "a"}
ORDER = {
    "host": "web1",
    "name": "shop",
    "status": "pending",
    "problem": "",
    "identifiers": ["a.example"],
    "order_uri": "https://ca/order/1",
    "finalize_uri": "https://ca/finalize/1",
    "certificate_uri": "",
    "authorizations": ["https://ca/authz/1"],
    "account_uri": "https://ca/account/1",
    "directory": DIRECTORY,
    "can_wait": False,
    "challenges": [
        {
            "type": "http-01",
            "identifier": "a.example",
            "url": "https://ca/chall/1",
            "status": "pending",
            "token": "t1",
            "key_authorization": "t1.thumb",
            "record_name": "",
            "record_value": "",
        }
    ],
}


def facts(name="shop", pending=None, **variables):
    found = {"certificates": [{"name": name, "wanted": {"name": name, **WANTED}, "live": None, "pending": pending}]}
    return {"acme_found": found, **variables}


def planned(action, name="shop", **more):
    item = {"name": name, "action": action, "reason": "", "message": "", "can_wait": False, "replaces_cert_id": None}
    return {**item, **more}


def test_found_adds_the_host_and_skips_hosts_without_a_result():
    hostvars = {"web1": facts(), "web2": {}, "web3": {"acme_found": {"unreachable": True}}}
    assert [(item["host"], item["name"]) for item in flow.found(["web1", "web2", "web3"], hostvars)] == [
        ("web1", "shop")
    ]


def test_orders_take_what_is_issued_with_the_journals_order():
    hosts = {"web1": [planned("issue", can_wait=True)], "web2": [planned("repair")]}
    plan = {"directory": DIRECTORY, "directories": [DIRECTORY], "due": ["web1", "web2"], "hosts": hosts}
    hostvars = {"web1": facts(pending=PENDING), "web2": facts()}
    assert flow.orders(plan, hostvars) == [
        {
            "host": "web1",
            "name": "shop",
            "identifiers": ["a.example"],
            "challenge": "http-01",
            "profile": None,
            "not_before": None,
            "not_after": "+30d",
            "replaces_cert_id": None,
            "replaces_directory": None,
            "replaces_account": None,
            "can_wait": True,
            "order_uri": "o",
            "account_uri": "a",
            "directory": DIRECTORY,
        }
    ]


def test_an_order_at_another_of_the_cas_is_resumed_there_and_a_ca_is_told_of_its_own_certificates_only():
    other = "https://other/directory"
    plan = {"directories": [DIRECTORY, other], "due": ["web1"], "hosts": {"web1": [planned("issue")]}}
    hostvars = {"web1": facts(pending={**PENDING, "directory": other})}
    hostvars["web1"]["acme_found"]["certificates"][0]["live"] = {"directory": DIRECTORY, "account_uri": "b"}
    (order,) = flow.orders(plan, hostvars)
    assert (order["order_uri"], order["directory"]) == ("o", other)
    assert (order["replaces_directory"], order["replaces_account"]) == (DIRECTORY, "b")


@pytest.mark.parametrize(
    ("pending", "order_uri"),
    [
        (PENDING, "o"),
        ({**PENDING, "profile": ""}, "o"),
        ({**PENDING, "order_uri": None}, None),
        ({**PENDING, "key_type": "rsa2048"}, None),
        ({**PENDING, "profile": "shortlived"}, None),
        ({**PENDING, "directory": "https://other/directory"}, None),
        ({**PENDING, "issued": None}, "o"),
        ({**PENDING, "issued": {"serial": "01"}}, None),
        (None, None),
    ],
)
def test_an_order_is_resumed_only_where_it_is_for_what_is_wanted(pending, order_uri):
    plan = {"directory": DIRECTORY, "directories": [DIRECTORY], "due": ["web1"], "hosts": {"web1": [planned("issue")]}}
    (order,) = flow.orders(plan, {"web1": facts(pending=pending)})
    assert order["order_uri"] == order_uri


@pytest.mark.parametrize(
    ("status", "stands"), [("pending", True), ("valid", True), ("failed", False), ("deferred", False)]
)
def test_only_an_order_that_stands_gets_a_key_and_is_journaled(status, stands):
    ordered = {"hosts": {"web1": [{**ORDER, "status": status}]}}
    certificates = [{"name": "shop"}, {"name": "other"}]
    assert flow.wanted(certificates, ordered, "web1") == ([{"name": "shop"}] if stands else [])
    journal = {key: ORDER[key] for key in ("name", "order_uri", "account_uri", "directory")}
    plan = {"hosts": {"web1": [planned("issue")]}}
    assert flow.journal(ordered, "web1", plan) == ([{**journal, "new_key": False}] if stands else [])
    assert flow.journal(ordered, "web2", plan) == []
    plan = {"hosts": {"web1": [planned("issue", selected=True)]}}
    assert flow.journal(ordered, "web1", plan) == ([{**journal, "new_key": True}] if stands else [])


@pytest.mark.parametrize(
    ("before", "created", "order_uri"),
    [
        ("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", "o"),
        ("2026-06-01T00:00:00Z", "2026-05-31T23:59:59Z", None),
        ("2026-06-01T00:00:00Z", None, None),
        # By serial numbers alone it is not known when the key was made.
        ("", "2026-06-01T00:00:00Z", None),
    ],
)
def test_what_is_to_be_replaced_does_not_go_on_with_an_old_key(before, created, order_uri):
    hosts = {"web1": [planned("issue", selected=True)]}
    plan = {"directories": [DIRECTORY], "due": ["web1"], "hosts": hosts, "replacing": {"before": before}}
    (order,) = flow.orders(plan, {"web1": facts(pending={**PENDING, "created": created})})
    assert order["order_uri"] == order_uri


def test_challenges_of_one_host_and_of_all():
    ordered = {"hosts": {"web1": [ORDER], "web2": [{**ORDER, "host": "web2"}]}}
    hostvars = {"web1": facts(), "web2": facts()}
    challenge = {
        "name": "shop",
        "type": "http-01",
        "identifier": "a.example",
        "token": "t1",
        "key_authorization": "t1.thumb",
        "webroot": "/srv/www",
    }
    assert flow.challenges(ordered, hostvars, "web1") == [challenge]
    assert flow.challenges(ordered, hostvars) == [challenge, challenge]
    assert flow.challenges({"msg": "the CA is down"}, hostvars, "web1") == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({}, {"webroot": "/srv/www"}),
        ({"identifiers": [{"value": "A.example", "webroot": "/srv/a"}]}, {"webroot": "/srv/a"}),
        ({"http_01_listen": "80"}, {"webroot": "/srv/www"}),
        ({"webroot": None, "http_01_listen": "[::1]:80"}, {"listen": "[::1]:80"}),
    ],
)
def test_where_a_host_answers_http_01(change, where):
    hostvars = {"web1": facts()}
    hostvars["web1"]["acme_found"]["certificates"][0]["wanted"].update(change)
    (challenge,) = flow.challenges({"hosts": {"web1": [ORDER]}}, hostvars, "web1")
    assert {key: challenge[key] for key in ("webroot", "listen") if key in challenge} == where


def with_challenges(*changes):
    return {"hosts": {"web1": [{**ORDER, "challenges": [{**ORDER["challenges"][0], **change} for change in changes]}]}}


def test_tls_alpn_01_is_answered_at_a_port_and_dns_by_no_host():
    ordered = with_challenges({"type": "tls-alpn-01"}, {"type": "dns-01"}, {"type": "dns-persist-01"})
    (challenge,) = flow.challenges(ordered, {"web1": facts()}, "web1")
    assert (challenge["type"], challenge["listen"]) == ("tls-alpn-01", "443")


def test_a_stale_challenge_is_only_removed():
    ordered = with_challenges({"token": "new"}, {"token": "old", "status": "stale"})
    hostvars = {"web1": facts()}
    assert [item["token"] for item in flow.challenges(ordered, hostvars, "web1")] == ["new"]
    assert [item["token"] for item in flow.challenges(ordered, hostvars, "web1", stale=True)] == ["new", "old"]


REQUESTED = {"requests": [{"name": "shop", "csr_content": "CSR"}], "ready": ["shop"]}


@pytest.mark.parametrize(
    ("requested", "goes_on"),
    [
        (REQUESTED, True),
        ({**REQUESTED, "ready": []}, False),
        ({**REQUESTED, "requests": []}, False),
        ({"unreachable": True}, False),
        ({}, False),
    ],
)
def test_only_an_order_whose_host_is_ready_is_finalized(requested, goes_on):
    result = flow.finalizable({"hosts": {"web1": [ORDER]}}, {"web1": facts(acme_request=requested)})
    assert [item["csr_content"] for item in result] == (["CSR"] if goes_on else [])
    assert all("problem" not in item for item in result)


def test_an_order_whose_records_are_not_in_place_is_not_finalized_and_its_host_is_told_why():
    ordered, problems = {"hosts": {"web1": [ORDER]}}, {"web1": {"shop": "ns1 lacks the record"}}
    hostvars = {"web1": facts(acme_request=REQUESTED)}
    assert flow.finalizable(ordered, hostvars, problems) == []
    assert len(flow.finalizable(ordered, hostvars, {"web2": problems["web1"]})) == 1
    plan = {"hosts": {"web1": [planned("issue")]}}
    (outcome,) = flow.outcomes(plan, ordered, REQUESTED, {"hosts": {}}, "web1", problems)
    assert (outcome["status"], outcome["problem"], outcome["resumable"]) == ("failed", "ns1 lacks the record", True)


def test_a_failed_certificate_is_told_which_other_host_did_not_serve_its_challenge():
    plan, ordered = {"hosts": {"web1": [planned("issue")]}}, {"hosts": {"web1": [ORDER]}}
    failed = {"hosts": {"web1": [{**VALID, "status": "failed", "problem": "unauthorized"}]}}
    shared = {
        "results": [
            {"item": "web2", "failures": {"t1": "webroot /srv does not exist", "t2": "x"}},
            {"item": "web3", "failures": {}},
            {"item": "web4", "unreachable": True},
        ]
    }
    (outcome,) = flow.outcomes(plan, ordered, REQUESTED, failed, "web1", {}, shared)
    assert outcome["problem"] == "unauthorized; web2 does not serve it: webroot /srv does not exist"
    (outcome,) = flow.outcomes(plan, ordered, REQUESTED, {"hosts": {"web1": [VALID]}}, "web1", {}, shared)
    assert outcome["problem"] == ""
    (outcome,) = flow.outcomes(plan, ordered, REQUESTED, failed, "web1", {}, {"skipped": True})
    assert outcome["problem"] == "unauthorized"


@pytest.mark.parametrize(
    "said",
    [{"ready": 5}, {"ready": [{}, "shop"], "requests": [5, {"name": []}]}, {"ready": "shop", "requests": {"name": 1}}],
)
def test_a_host_that_says_nonsense_stops_no_other(said):
    ordered = {"hosts": {"web1": [ORDER], "web2": [{**ORDER, "host": "web2"}]}}
    hostvars = {"web1": facts(acme_request=said), "web2": facts(acme_request=REQUESTED)}
    assert [item["host"] for item in flow.finalizable(ordered, hostvars)] == ["web2"]
    txt.txt_records(ordered, hostvars, "set")


@pytest.mark.parametrize("pending", [5, [], {"order_uri": 1}, {"order_uri": "o"}])
def test_a_journal_that_is_none_is_passed_over(pending):
    plan = {"directories": [DIRECTORY], "due": ["web1"], "hosts": {"web1": [planned("issue")]}}
    (order,) = flow.orders(plan, {"web1": facts(pending=pending)})
    assert order["order_uri"] is None


VALID = {"host": "web1", "name": "shop", "status": "valid", "problem": "", "certificate": "PEM"}


@pytest.mark.parametrize(
    ("plan", "ordered", "requested", "finalized", "status", "problem"),
    [
        pytest.param(planned("repair", message="m"), {}, {}, {}, "repair", "", id="repair"),
        pytest.param(planned("switch", message="m"), {}, {}, {}, "switch", "", id="switch"),
        pytest.param(planned("keep"), {}, {}, {}, "keep", "", id="keep"),
        pytest.param(planned("refuse", message="bad name"), {}, {}, {}, "failed", "bad name", id="refused by the plan"),
        pytest.param(
            planned("issue"),
            {"hosts": {"web1": [ORDER]}},
            REQUESTED,
            {"hosts": {"web1": [VALID]}},
            "valid",
            "",
            id="valid",
        ),
        pytest.param(
            planned("issue"), {"msg": "no josepy"}, {}, {}, "failed", "no josepy", id="ordering failed for all"
        ),
        pytest.param(
            planned("issue"),
            {"hosts": {"web1": [{**ORDER, "status": "failed", "problem": "rejected"}]}},
            {},
            {},
            "failed",
            "rejected",
            id="order rejected",
        ),
        pytest.param(
            planned("issue"),
            {"hosts": {"web1": [{**ORDER, "status": "deferred", "problem": "limit"}]}},
            {},
            {},
            "deferred",
            "limit",
            id="order deferred",
        ),
        pytest.param(
            planned("issue"),
            {"hosts": {"web1": [ORDER]}},
            {"msg": "all of them", "failures": {"shop": "disk full"}},
            {},
            "failed",
            "disk full",
            id="no request",
        ),
        pytest.param(
            planned("issue"),
            {"hosts": {"web1": [ORDER]}},
            REQUESTED,
            {"msg": "the CA is down"},
            "failed",
            "the CA is down",
            id="finalizing failed for all",
        ),
    ],
)
def test_outcomes(plan, ordered, requested, finalized, status, problem):
    (outcome,) = flow.outcomes({"hosts": {"web1": [plan]}}, ordered, requested, finalized, "web1")
    assert (outcome["name"], outcome["status"], outcome.get("problem", "")) == ("shop", status, problem)
    if status == "failed" and plan["action"] == "issue" and "rejected" not in problem:
        assert outcome["resumable"]


def test_outcomes_in_check_mode():
    ordered = {"hosts": {"web1": [ORDER]}}
    outcomes = flow.outcomes({"hosts": {"web1": [planned("issue")]}}, ordered, {}, {"hosts": {}}, "web1", check=True)
    assert outcomes == [{"name": "shop", "status": "keep"}]


def test_what_is_not_listed_is_collected_by_host_and_its_removal_told():
    hostvars = {"web1": {"acme_found": {"unlisted": ["old"]}}, "web2": {"acme_found": {"unlisted": []}}, "web3": {}}
    assert flow.unlisted(["web1", "web2", "web3"], hostvars) == {"web1": ["old"]}
    plan = {"hosts": {"web1": [planned("remove", "old")]}}
    assert flow.outcomes(plan, {}, {}, {}, "web1") == [{"name": "old", "status": "remove"}]


def test_the_formats_are_not_told_before_they_are_written():
    ordered = {"hosts": {"web1": [ORDER]}}
    (wanted,) = flow.wanted([{"name": "shop", "webroot": "/srv", "formats": [{"passphrase": "x"}]}], ordered, "web1")
    assert wanted == {"name": "shop", "webroot": "/srv"}
