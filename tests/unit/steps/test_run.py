# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run as a step of the role sees it, and the defaults for what the step cannot know."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import elsewhere
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Results, Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import batch
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.role_variables import ENTRY_POINTS
from tests.unit import contracts
from tests.unit.steps import steps

OTHER = "another-one"
DIRECTORY = "https://ca/dir"


def run(registered=None, host="web1", module="acme_order", check_mode=False, **variables):
    action = steps.action_of(module, check_mode=check_mode)
    known = (
        {"web1": {"_acme_found": steps.first_step(), "_acme_plan": steps.plan()}} if registered is None else registered
    )
    given = {"acme_directory": DIRECTORY, **variables}
    return Run(action._task, action._templar, steps.task_vars(host, known, **given))


@pytest.mark.parametrize(
    ("tasks_file", "entry_point"),
    [
        (None, "main"),
        ("main", "main"),
        ("fleet.yml", "fleet"),
        ("./replace.yml", "replace"),
        ("../tasks/account_deactivate", "account_deactivate"),
        ("/somewhere/tasks/account_rollover.yaml", "account_rollover"),
        *((name, name) for name in ENTRY_POINTS),
    ],
)
def test_entry_point_path_names_the_file(tasks_file, entry_point):
    of_inclusion = run()
    of_inclusion._from_files = {} if tasks_file is None else {"tasks": tasks_file}
    assert of_inclusion.entry_point == entry_point


@pytest.mark.parametrize("tasks_file", ["freeze.yml", "revoke.yml.bak", "", "/"])
def test_entry_point_other_file_is_refused(tasks_file):
    of_inclusion = run()
    of_inclusion._from_files = {"tasks": tasks_file}
    with pytest.raises(AnsibleActionFail, match=r"is not an entry point of the role\. Use one of main, fleet"):
        _unused = of_inclusion.entry_point


def test_results_of_other_inclusion_are_ignored():
    ours, others = steps.first_step(), {**steps.first_step(), "inclusion": OTHER}
    looked = {"results": [{"skipped": True}, steps.of_this_run(certificates=[])], "changed": False}
    registered = {
        "web1": {
            "_acme_found": ours,
            "_acme_request": others,
            "_acme_held": looked,
            "_acme_sealed": {"skipped": True},
        },
        "web2": {"_acme_found": others},
        "web3": {"_acme_found": {"unreachable": True, "msg": "gone"}, "someone_s": ours},
    }
    found = run(registered)
    assert set(found.results["web1"]) == {"_acme_found", "_acme_held"}
    assert found.results["web3"] == {}
    assert found.hosts == ["web1"]
    assert [host for host in registered if Results(found.variables["hostvars"])[host]] == ["web1", "web2"]


def test_hosts_outside_of_batch_are_left_out():
    variables = {"ansible_play_batch": ["web2"]}
    registered = {host: {"_acme_found": steps.first_step()} for host in ("web1", "web2")}
    assert run(registered, host="web2", **variables).hosts == ["web2"]


WWW = {"name": "www", "identifiers": ["www.example"]}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (json.dumps([WWW]), ["www"]),
        ([json.dumps(WWW)], ["www"]),
        ([WWW], ["www"]),
        ([{**WWW, "name": 2024}], ["2024"]),
        ([{**WWW, "mode": "x"}, {**WWW, "name": "mail"}], ["mail"]),
        (None, []),
    ],
    ids=["a list as text", "entries as texts", "a list", "a name that is a number", "one with a fault", "none"],
)
def test_certificates_are_those_of_first_step(given, names):
    first = {**steps.first_step(), "refused": ["www"] if len(names) == 1 and names[0] == "mail" else []}
    known = {"web1": {"_acme_found": first, "_acme_plan": steps.plan()}}
    found = run(known, acme_certificates=given).certificates()
    assert [entry["name"] for entry in found] == names
    assert all(entry["identifiers"] == ["www.example"] and entry["key_type"] == "ec256" for entry in found)


@pytest.mark.parametrize("option", ["reload", "probe", "key_type", "mode", "formats"])
def test_certificates_have_no_nulls(option):
    (entry,) = run(acme_certificates=[{**WWW, option: None}]).certificates()
    assert None not in entry.values()


def test_hosts_of_entry_point_without_certificate_info():
    assert run({"web1": {"_acme_seen": steps.first_step("revoke")}}).hosts == ["web1"]


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({}, "the plan was not made"),
        ({"skipped": True}, "Take the role by roles:, import_role or include_role without 'tasks_from: fleet'"),
        ({**steps.plan(), "inclusion": OTHER}, "the plan was not made"),
        (steps.of_this_run(problem="acme_dns differs"), "acme_dns differs"),
    ],
    ids=["none", "skipped by a condition", "of another inclusion", "failed"],
)
def test_option_without_plan_fails(plan, told):
    with pytest.raises(AnsibleActionFail, match=told):
        run({"web1": {"_acme_found": steps.first_step(), "_acme_plan": plan}}).option("acme_contact")


def test_host_options_are_those_of_its_first_step():
    registered = {
        "web1": {"_acme_found": steps.first_step(), "_acme_plan": steps.plan()},
        "web2": {"_acme_found": steps.first_step(acme_home="/srv/acme", acme_host_timeout=60)},
    }
    found = run(registered, acme_home="/from/web1")
    assert found.option_of("web2", "acme_home") == "/srv/acme"
    assert elsewhere.place(found, "web2") == {"home": "/srv/acme", "timeout": 60}
    assert elsewhere.place(found, "lb1") == {"home": "/etc/acme", "timeout": 900}, (
        "not in the batch: as the task's host"
    )


def test_challenges_on_host_with_wrong_variables_are_where_the_tasks_host_has_its_own():
    """Such a host is still in the play where it has acme_fail: warn. It must not fail the step for all others."""
    plan = steps.plan()
    plan["options"]["acme_http_01_scope"] = "play"
    found = {**steps.first_step(), "certificates": [contracts.found(host=None).to_result()]}
    noted = steps.of_this_run(msg="host web2: acme_keep_versions: 0 is less than 1.", unserved=["host web2: ..."])
    registered = {"web1": {"_acme_found": found, "_acme_plan": plan}, "web2": {"_acme_found": noted}}
    asked = elsewhere.challenges(run(registered), ORDERED)
    assert [(item["host"], item["home"], item["timeout"]) for item in asked] == [
        ("web1", "/etc/acme", 900),
        ("web2", "/etc/acme", 900),
    ]


def test_secret_changed_since_plan_fails():
    binding = {"kid": "1", "key": "sesame"}
    plan = steps.plan()
    plan["digests"]["acme_eab"] = batch.digest(binding)
    registered = {"web1": {"_acme_found": steps.first_step(), "_acme_plan": plan}}
    assert run(registered, acme_eab=binding).secret("acme_eab") == binding
    with pytest.raises(AnsibleError, match="acme_eab has changed since the run began"):
        run(registered, acme_eab={**binding, "key": "open"}).secret("acme_eab")


def test_account_has_the_list_of_cas_and_the_common_options():
    cas = [{"directory": "letsencrypt", "contact": ["a@example.com"]}, {"directory": "zerossl", "eab": {"kid": "1"}}]
    plan = steps.plan(directory="https://le/dir")
    eab = {"kid": "1", "key": "x"}
    plan["digests"].update(acme_directory=batch.digest(cas), acme_eab=batch.digest(eab))
    plan["options"].update(acme_contact=["b@example.com"], acme_account_key_src="/k.pem", acme_terms_agreed=True)
    found = run({"web1": {"_acme_found": steps.first_step(), "_acme_plan": plan}}, acme_directory=cas, acme_eab=eab)
    options = found.account()
    assert options["acme_directory"] == cas
    assert (options["account_key_src"], options["contact"]) == ("/k.pem", ["b@example.com"])
    assert (options["terms_agreed"], options["eab"]) == (True, eab)
    assert not {"contact", "terms_agreed", "account_key_create", "eab"} & set(found.account(make=False))


@pytest.mark.parametrize(("variable", "expected"), [("", "from the environment"), ("own", "own")])
def test_account_key_from_environment_if_variable_is_empty(monkeypatch, variable, expected):
    monkeypatch.setenv("ACME_ACCOUNT_KEY_CONTENT", "from the environment")
    plan = steps.plan()
    plan["digests"]["acme_account_key_content"] = batch.digest(variable)
    registered = {"web1": {"_acme_found": steps.first_step(), "_acme_plan": plan}}
    assert run(registered, acme_account_key_content=variable).account()["account_key_content"] == expected


def test_account_without_empty_options():
    assert not {"account_uri", "ca_path", "eab"} & set(run().account())


def test_run_outside_of_role_fails():
    action = steps.action_of("acme_order", batch=True)
    action._task._role = None
    with pytest.raises(AnsibleActionFail, match="batch is for the tasks of the role"):
        action.run(task_vars=steps.task_vars())


ORDERED = {"hosts": {"web1": [contracts.ordered().to_result()]}}


@pytest.mark.parametrize(
    ("scope", "check_mode", "ordered", "expected", "seconds"),
    [
        ("play", False, ORDERED, ["web1", "web2"], 1260),
        ("play", False, {**ORDERED, "dns_delay": 3600}, ["web1", "web2"], 4860),
        ("host", False, ORDERED, [], 0),
        ("play", True, ORDERED, [], 0),
        ("play", False, {"problem": "no CA"}, [], 0),
    ],
    ids=["play", "delay of an entry", "host", "check mode", "nothing ordered"],
)
def test_challenges_on_other_hosts_with_scope_play_only(scope, check_mode, ordered, expected, seconds):
    found = {**steps.first_step(), "certificates": [contracts.found(host=None).to_result()]}
    plan = steps.plan()
    plan["options"]["acme_http_01_scope"] = scope
    registered = {"web1": {"_acme_found": found, "_acme_plan": plan}, "web2": {"_acme_found": steps.first_step()}}
    asked = elsewhere.challenges(run(registered, check_mode=check_mode), ordered)
    assert [item["host"] for item in asked] == expected
    for item in asked:
        assert [challenge["token"] for challenge in item["challenges"]] == [contracts.TOKEN]
        assert item["listen_timeout"] == seconds
