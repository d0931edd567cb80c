# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps for TXT records: the locations that setting them found go to the wait and to the removal."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import dns_tasks
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import batch
from tests.unit import contracts
from tests.unit.steps import steps

NAME, VALUE = "_acme-challenge.shop.example", "digest"
LOCATION = {"target": "shop.auth.example", "zone": "auth.example", "aliases": [NAME]}
ZONES = {
    "auth.example": {
        "provider": "rfc2136",
        "server": "192.0.2.1",
        "tsig_secret": "c2VjcmV0",
        "wait": "none",
        "delay": 9,
    }
}


def options(module, written, **arguments):
    """Return the options of *module* for one record, after a step that returned *written*."""
    action = steps.action_of(module, **arguments)
    order = contracts.ordered(host="web1", challenges=[contracts.by_dns()]).to_result()
    plan = steps.plan()
    plan["digests"]["acme_dns"] = batch.digest(ZONES)
    registered = {
        "_acme_found": steps.first_step(),
        "_acme_plan": plan,
        "_acme_ordered": steps.of_this_run(hosts={"web1": [order]}),
        "_acme_request": steps.of_this_run(ready=["shop"]),
        "_acme_dns_written": written,
    }
    variables = steps.task_vars("web1", {"web1": registered}, acme_dns=ZONES)
    return action.arguments_of(Run(action._task, action._templar, variables), action._task.args)


def written(**location):
    record = {"name": NAME, "value": VALUE, "status": "changed", "problem": "", **location}
    return steps.of_this_run(state="present", records=[record])


@pytest.mark.parametrize(
    ("module", "arguments"), [("dns_propagation", {}), ("dns_txt_record", {"state": "absent"})], ids=["wait", "removal"]
)
@pytest.mark.parametrize(
    ("result", "location"),
    [
        (written(**LOCATION), LOCATION),
        (written(target="", zone="", aliases=[]), {}),  # it was not found
        (steps.of_this_run(msg="no dnspython"), {}),
        ({**written(**LOCATION), "inclusion": "another"}, {}),
    ],
    ids=["found", "not found", "failed", "of another inclusion"],
)
def test_arguments_of_later_steps_have_the_location_that_setting_found(module, arguments, result, location):
    if "msg" in result and module == "dns_propagation":
        assert options(module, result, **arguments)["records"] == []  # there is nothing to wait for
    else:
        assert options(module, result, **arguments)["records"] == [{"name": NAME, "value": VALUE, **location}]


def test_arguments_of_setting_have_no_location_of_an_earlier_step():
    assert options("dns_txt_record", written(**LOCATION), state="present")["records"] == [
        {"name": NAME, "value": VALUE}
    ]


@pytest.mark.parametrize("answering", [["192.0.2.2", "192.0.2.1:5353"], []])
@pytest.mark.parametrize(
    ("module", "arguments"), [("dns_propagation", {}), ("dns_txt_record", {"state": "absent"})], ids=["wait", "removal"]
)
def test_arguments_of_later_steps_have_the_resolvers_that_answered(module, arguments, answering):
    """Else each step would find out again which one is dead."""
    assert options(module, {**written(), "answering": answering}, **arguments)["resolver"] == answering


def test_arguments_of_wait_have_no_options_of_providers():
    given = options("dns_propagation", written(**LOCATION))
    assert given["zones"] == {"auth.example": {"provider": "rfc2136", "wait": "none", "delay": 9}}
    assert (given["wait"], given["delay"]) == ("authoritative", 0)
    assert options("dns_txt_record", {}, state="present")["wait"] == "authoritative"


NOTED = contracts.noted(name="_acme-challenge.old.example")


def left_run(module, registered=None, **arguments):
    """Return an action of *module* with its run, in which web1 has a record that an earlier run left."""
    action = steps.action_of(module, **arguments)
    plan = steps.plan(due=["web1"], left={"web1": [NOTED.to_result()]})
    plan["digests"]["acme_dns"] = batch.digest(ZONES)
    results = {"_acme_found": steps.first_step(), "_acme_plan": plan, "_acme_ordered": steps.of_this_run(hosts={})}
    variables = steps.task_vars("web1", {"web1": {**results, **(registered or {})}}, acme_dns=ZONES)
    return action, Run(action._task, action._templar, variables)


@pytest.mark.parametrize(("state", "names"), [("present", []), ("absent", [NOTED.name])])
def test_arguments_of_removal_have_left_records(state, names):
    action, run = left_run("dns_txt_record", state=state)
    given = action.arguments_of(run, action._task.args)
    assert [record["name"] for record in given["records"]] == names
    assert given["keep_others"] == names


def test_arguments_of_removal_own_records_are_removed_in_any_way():
    order = contracts.ordered(host="web1", challenges=[contracts.by_dns(record_name=NOTED.name)]).to_result()
    action, run = left_run(
        "dns_txt_record", {"_acme_ordered": steps.of_this_run(hosts={"web1": [order]})}, state="absent"
    )
    given = action.arguments_of(run, action._task.args)
    assert {record["name"] for record in given["records"]} == {NOTED.name}
    assert given["keep_others"] == []


@pytest.mark.parametrize(("check_mode", "is_due"), [(False, True), (True, False)])
def test_conclude_of_orders_without_any_has_left_records_removed(check_mode, is_due):
    action, run = left_run("acme_order")
    run.check_mode = check_mode
    result = action.conclude(run, {"changed": False, "hosts": {}})
    assert (result["dns"], result["dns_removal"]) == (False, is_due)


def test_conclude_of_removal_warns_of_left_record():
    action, run = left_run("dns_txt_record", state="absent")
    failed = contracts.txt(name=NOTED.name, value=NOTED.value, status="failed", problem="refused")
    result = action.conclude(run, {"failed": True, "msg": "not all", "records": [failed.to_result()]})
    (warning,) = result["warnings"]
    assert warning.startswith(f"TXT record {NOTED.name} is not removed: refused; ")


@pytest.mark.parametrize(("problem", "removed"), [("", True), ("refused", False)])
def test_arguments_of_last_step_say_what_became_of_left_records(problem, removed):
    record = contracts.txt(name=NOTED.name, value=NOTED.value, problem=problem).to_result()
    written = {"_acme_dns_written": steps.of_this_run(state="absent", records=[record])}
    action, run = left_run("certificate", written)
    (outcome,) = action.arguments_of(run, {})["txt_records"]
    assert (outcome["name"], outcome["removed"]) == (NOTED.name, removed)


def test_arguments_of_requests_have_records_to_note():
    order = contracts.ordered(host="web1", challenges=[contracts.by_dns()]).to_result()
    found = {**steps.first_step(), "certificates": [contracts.found().to_result()]}
    registered = {"_acme_found": found, "_acme_ordered": steps.of_this_run(hosts={"web1": [order]})}
    action, run = left_run("certificate_request", registered)
    given = action.arguments_of(run, {})
    assert [(record["certificate"], record["name"]) for record in given["txt_records"]] == [("shop", NAME)]
    assert given["controller_time"].endswith("Z")


@pytest.mark.parametrize("provider", ["route53", "rfc2136"])
def test_arguments_of_removal_extra_variables_that_break_tasks_are_refused(monkeypatch, provider):
    monkeypatch.setattr(dns_tasks.plays, "running", lambda _task: None)
    monkeypatch.setattr(dns_tasks.localhost, "extra_variables", lambda _play, _template: {"ansible_connection": "ssh"})
    zones = {"auth.example": {"provider": provider}, NAME: {"cname": "shop.auth.example"}}
    action, run = left_run("dns_txt_record", state="absent")
    run.variables = {**run.variables, "acme_dns": zones, "ansible_playbook_python": "/usr/bin/python3"}
    run.plan["digests"]["acme_dns"] = batch.digest(zones)
    if provider == "rfc2136":
        assert action.arguments_of(run, action._task.args)["zones"] == zones
    else:
        with pytest.raises(AnsibleActionFail, match="ansible_connection is 'ssh' in the extra variables"):
            action.arguments_of(run, action._task.args)
