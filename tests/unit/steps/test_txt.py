# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wiring of the step by DNS."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import txt
from tests.unit import contracts

NAME, VALUE = "_acme-challenge.shop.example", "digest"
READY = {"web1": {"_acme_request": {"ready": ["shop"]}}}
RECORD = contracts.txt()


def challenge(kind="dns-01", status="pending", value=VALUE):
    return contracts.by_dns(kind, status=Status(status), record_value=value)


def ordered(*challenges, host="web1"):
    return {"hosts": {host: [contracts.ordered(host=host, challenges=challenges).to_result()]}}


def records(*items):
    """Return the result of a step that had these records to do."""
    return {"records": [item.to_result() for item in items]}


@pytest.mark.parametrize(
    ("kind", "status", "purposes"),
    [
        ("dns-01", "pending", {"set", "await", "remove"}),
        ("dns-account-01", "pending", {"set", "await", "remove"}),
        ("dns-01", "processing", {"set", "await", "remove"}),
        ("dns-01", "valid", {"remove"}),  # an earlier run's, answered already
        ("dns-01", "stale", {"remove"}),
        ("dns-persist-01", "pending", {"await"}),
        ("dns-persist-01", "valid", set()),
        ("http-01", "pending", set()),
    ],
)
def test_txt_records_by_challenge_type_and_status(kind, status, purposes):
    orders = ordered(challenge(kind, status))
    found = {purpose for purpose in ("set", "await", "remove") if txt.txt_records(orders, READY, purpose)}
    assert found == purposes


def test_txt_records_persistent_one_needs_option():
    orders = ordered(challenge("dns-persist-01"))
    assert txt.txt_records(orders, READY, "set", write_persistent=True) == [RECORD]
    assert txt.txt_records(orders, READY, "remove", write_persistent=True) == []


@pytest.mark.parametrize(
    "host", [{}, {"_acme_request": {"unreachable": True}}, {"_acme_request": {"ready": ["other"]}}]
)
def test_txt_records_without_journal_are_removed_only(host):
    orders = ordered(challenge())
    assert txt.txt_records(orders, {"web1": host}, "set") == []
    assert len(txt.txt_records(orders, {"web1": host}, "remove")) == 1


def test_txt_records_shared_one_is_set_once():
    orders = ordered(challenge(), challenge(value="other"), challenge())
    assert [item.value for item in txt.txt_records(orders, READY, "set")] == [VALUE, "other"]


def test_txt_records_without_orders_is_empty():
    assert txt.txt_records({"msg": "the CA is down"}, {}, "set") == []
    assert txt.txt_problems({"msg": "the CA is down"}, {}) == {}


def test_txt_problems_first_step_counts_for_each_certificate():
    orders = {"hosts": {**ordered(challenge())["hosts"], **ordered(challenge(value="other"), host="web2")["hosts"]}}
    failed = records(contracts.txt(problem="refused"), contracts.txt(value="other"))
    waited = records(contracts.txt(problem="ns1 lacks it"))
    assert txt.txt_problems(orders, failed, {}, waited) == {"web1": {"shop": f"TXT record {NAME}: refused"}}
    assert txt.txt_problems(orders, {"skipped": True}, {}, waited) == {
        "web1": {"shop": f"TXT record {NAME}: ns1 lacks it"}
    }


def test_txt_problems_failed_step_is_for_all_not_valid():
    orders = {"hosts": {**ordered(challenge())["hosts"], **ordered(challenge(status="valid"), host="web2")["hosts"]}}
    assert txt.txt_problems(orders, {"msg": "no dnspython"}, {}, {"skipped": True}) == {
        "web1": {"shop": "no dnspython"}
    }
    assert txt.txt_records(orders, {**READY, "web2": {}}, "await", given_up=[{"msg": "no dnspython"}]) == []


def test_txt_records_not_set_are_not_awaited():
    orders = ordered(challenge(), challenge(value="other"))
    written = records(contracts.txt(problem="refused"))
    assert txt.txt_records(orders, READY, "await", given_up=[written, {}]) == [contracts.txt(value="other")]


WHO = "route53, entry example.com of acme_dns"
TASK = {"provider": "route53", "entry": "example.com", "records": [{"name": "a.target"}, {"name": "b.target"}]}
RECORDS = [contracts.txt(name=name, target=f"{name}.target").to_result() for name in "abc"]


@pytest.mark.parametrize(
    ("failed", "problems"),
    [
        ({"msg": "no credentials"}, {"a": f"{WHO}: no credentials", "b": f"{WHO}: no credentials"}),
        ({}, {"a": f"{WHO}: its tasks failed", "b": f"{WHO}: its tasks failed"}),
        (
            {
                "msg": "One or more items failed",
                "results": [
                    {"failed": True, "msg": "no such zone", "ansible_loop_var": "r", "r": {"name": "a.target"}},
                    {"failed": False, "item": {"name": "b.target"}},
                ],
            },
            {"a": f"{WHO}: no such zone"},
        ),
        (
            {
                "msg": "One or more items failed",
                "results": [
                    {"failed": True, "msg": "quota", "item": [{"name": "a.target"}, "value"]},  # of subelements()
                    {"failed": False, "item": [{"name": "b.target"}, "value"]},
                ],
            },
            {"a": f"{WHO}: quota"},
        ),
        (
            {"msg": "broken", "results": [{"failed": True, "item": []}]},
            {"a": f"{WHO}: broken", "b": f"{WHO}: broken"},
        ),
        (
            {"msg": "broken", "results": [{"failed": True, "item": "x"}]},
            {"a": f"{WHO}: broken", "b": f"{WHO}: broken"},
        ),
    ],
)
def test_txt_unwritten_failed_tasks_name_their_records(failed, problems):
    assert {item.name: item.problem for item in txt.txt_unwritten(failed, TASK, RECORDS)} == problems


def test_txt_unwritten_own_tasks_file_is_named_by_its_variable():
    own = {**TASK, "provider": "", "entry": ""}
    problems = {item.problem for item in txt.txt_unwritten({"msg": "locked"}, own, RECORDS)}
    assert problems == {"acme_dns_tasks: locked"}


def test_txt_unwritten_message_of_task_with_credentials_is_hidden():
    unwritten = txt.txt_unwritten({"msg": "token s3cret refused"}, TASK, RECORDS, show_messages=False)
    assert {item.problem for item in unwritten} == {f"{WHO}: its tasks failed; acme_dns_no_log: false shows why"}
