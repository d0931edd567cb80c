# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the first step before any change, and the plan that is made of its results."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.certfleet.tls.plugins.plugin_utils._play import inclusions, keywords
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import controller_action, first_step
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import batch
from tests.unit import contracts
from tests.unit.steps import answers, steps

SHOP = {"name": "shop", "identifiers": ["shop.example"], "webroot": "/srv/www"}
FOUND = answers.FOUND.to_result()


def look(parent=None, play=None, unlisted=(), **variables):
    """Return the result of certificate_info as the first step."""
    action = steps.action_of("certificate_info", batch=True)
    action._task._parent = parent
    action._task.get_play.return_value = play or steps.Play()

    def answer(module_args, **_options):
        found = [{**FOUND, "name": entry["name"]} for entry in module_args["certificates"]]
        return {"changed": False, "unlisted": list(unlisted), "history": [], "txt_records": [], "certificates": found}

    action._execute_module = MagicMock(side_effect=answer)
    result = action.run(task_vars=steps.task_vars(**{"acme_certificates": [SHOP], **variables}))
    return result, action._execute_module


def test_validate_wrong_options_fail_before_host_is_asked():
    result, asked = look(acme_keep_versions=0, acme_certificates=[{**SHOP, "key_typ": "rsa2048"}])
    assert result["failed"]
    assert "host web3: acme_keep_versions" in result["msg"]
    assert "certificate shop: unknown" in result["msg"]
    assert "key_typ" in result["msg"]
    assert "did you mean" in result["msg"].lower()
    asked.assert_not_called()


@pytest.mark.parametrize(("choice", "noted"), [("fail", False), ("warn", True), ("never", False)])
def test_validate_wrong_options_with_warn_are_noted(choice, noted):
    result, _asked = look(acme_keep_versions=0, acme_fail=choice)
    assert bool(result.get("failed")) is not noted
    assert "acme_keep_versions" in result["unserved"][0]
    assert (result["unserved"][0] in result.get("warnings", ())) is noted
    assert "batch" not in result, "such a host has no part in the plan"


@pytest.mark.parametrize("choice", ["fail", "warn"])
def test_validate_unreachable_host_with_warn_is_noted(choice):
    action = steps.action_of("certificate_info", batch=True)
    action._execute_module = MagicMock(side_effect=AnsibleConnectionFailure("no route"))
    variables = steps.task_vars(acme_certificates=[SHOP], acme_fail=choice)
    if choice == "fail":
        with pytest.raises(AnsibleConnectionFailure):
            action.run(task_vars=variables)
    else:
        result = action.run(task_vars=variables)
        assert "failed" not in result
        assert result["unserved"] == ["the host cannot be reached: no route"]


@pytest.mark.parametrize("module", ["certificate", "certificate_request"])
def test_step_host_that_vanishes_with_warn_is_noted(module):
    for choice, noted in (("fail", False), ("warn", True)):
        action = steps.action_of(module, batch=True)
        run = SimpleNamespace(host="web1", first=lambda _host, choice=choice: {"options": {"acme_fail": choice}})
        assert action.is_noted(run) is noted


def test_validate_fact_named_acme_fail_fails_host():
    result, _asked = look(facts={"acme_fail": "warn"}, acme_fail="warn")
    assert result["failed"]


def test_validate_unsuitable_strategy_is_refused(monkeypatch):
    monkeypatch.setattr(keywords, "problem_of_strategy", lambda _play: "not under free")
    result, asked = look()
    assert (result["failed"], result["msg"]) == (True, "not under free")
    asked.assert_not_called()


@pytest.mark.parametrize("entry_point", ["revoke", "account_deactivate"])
def test_first_step_certificate_without_name_stops_certificate_steps_only(tmp_path, entry_point):
    key = tmp_path / "account-key.pem"
    key.write_text("")
    given = {"acme_account_key_src": str(key), "acme_certificates": [{"identifiers": ["shop.example"]}, SHOP]}
    if entry_point == "revoke":
        given["acme_revoke"] = ["shop"]
    action = steps.action_of("acme_batch")
    action._task._role._from_files = {"tasks": entry_point}
    result = action.run(task_vars=steps.task_vars(**given))
    assert result["options"]["acme_home"] == steps.DEFAULTS["acme_home"]
    assert "refused" not in result


def test_validate_template_error_names_variable():
    from ansible.errors import AnsibleError

    def template(value):
        if "{{ nothing }}" in str(value):
            raise AnsibleError("'nothing' is undefined")
        return value

    action = steps.action_of("certificate_info", batch=True)
    action._templar.template = template
    result = action.run(task_vars=steps.task_vars(acme_certificates="{{ nothing }}"))
    assert result["failed"]
    assert result["msg"] == "host web3: acme_certificates cannot be used: 'nothing' is undefined"
    result = action.run(
        task_vars=steps.task_vars(acme_certificates=[SHOP, {"name": "mail", "webroot": "{{ nothing }}"}])
    )
    assert result["msg"] == "host web3: certificate mail: acme_certificates cannot be used: 'nothing' is undefined"


def test_validate_unknown_handler_makes_certificate_invalid(monkeypatch):
    monkeypatch.setattr(first_step.handlers, "known", lambda _play: {"Reload web"})
    result, _asked = look(acme_certificates=[{**SHOP, "reload": [{"notify": "Reload wep"}]}])
    (shop,) = result["certificates"]
    assert "'Reload wep'" in shop["invalid"][0]
    assert "(did you mean 'Reload web'?)" in shop["invalid"][0]
    result, _asked = look(acme_certificates=[{**SHOP, "reload": [{"notify": "Reload web"}, "nginx"]}])
    assert result["certificates"][0]["invalid"] == []


def test_validate_module_defaults_are_ignored():
    """A play may have them for its own tasks; with them the role would read no certificate, and succeed."""
    action = steps.action_of("certificate_info", batch=True, home="/srv/acme", list="sites")
    action._task.get_play.return_value = steps.Play()
    said = {"changed": False, "unlisted": [], "history": [], "txt_records": [], "certificates": [FOUND]}
    action._execute_module = MagicMock(return_value=said)
    result = action.run(task_vars=steps.task_vars(acme_certificates=[SHOP]))
    assert "batch" in result
    assert action._execute_module.call_args.kwargs["module_args"]["home"] == "/etc/acme"


@pytest.mark.parametrize(("first", "told"), [({"unserved": ["line"]}, False), ({}, True)])
def test_plan_without_first_step_fails(first, told):
    action = steps.action_of("acme_plan", batch=True)
    registered = {"web1": {"_acme_found": steps.of_this_run(**first)}}
    result = action.run(task_vars=steps.task_vars("web1", registered))
    assert ("problem" in result) is told
    assert result["due"] == (["web1"] if told else [])


def test_validate_misspelled_variable_warns():
    result, _asked = look(acme_keep_version=5)
    assert any("acme_keep_version is not a variable" in warning for warning in result["warnings"])


def test_plan_no_host_lists_certificates_has_problem():
    action = steps.action_of("acme_plan", batch=True)
    seen = {**steps.first_step(), "lists_certificates": False}
    registered = {host: {"_acme_found": seen} for host in ("web1", "web2")}
    result = action.run(task_vars=steps.task_vars("web1", registered))
    assert result["problem"].startswith("acme_certificates is not defined for web1, web2. ")
    assert result["due"] == ["web1", "web2"], "the problem is for these"
    assert not result.get("failed"), "hosts without a part in the plan would fail, too"


def test_environment_common_to_all_hosts_is_used(monkeypatch):
    def seen(**environment):
        digests = {name: batch.digest(value) for name, value in environment.items()}
        return {"_acme_found": {**steps.first_step(), "environment": digests}}

    action = steps.action_of("acme_plan", batch=True)
    mine = {"http_proxy": "http://a", "NO_PROXY": "b", "SITE": "C", "PYTHONPATH": "/x"}
    action._compute_environment_string = lambda found: found.update(mine)
    registered = {
        "web1": seen(http_proxy="http://a", NO_PROXY="b", SITE="C"),
        "web2": seen(http_proxy="http://c", NO_PROXY="b"),
    }
    used = {}
    monkeypatch.setattr(
        controller_action, "in_child", lambda _module, _request, given: used.update(given) or {"changed": False}
    )
    result = action.run(task_vars=steps.task_vars("web1", registered))
    assert result["environment"] == ["NO_PROXY"]
    assert {name: used.get(name) for name in mine} == {
        "NO_PROXY": "b",
        "http_proxy": None,
        "SITE": None,
        "PYTHONPATH": None,
    }
    (warning,) = result["warnings"]
    assert warning.startswith("environment: http_proxy, SITE is not the same for all hosts of the play")
    later = steps.action_of("dns_propagation", batch=True)
    later._run = Run(later._task, later._templar, steps.task_vars("web1", {"web1": {"_acme_plan": result}}))
    assert later.agreed_environment() == ["NO_PROXY"]


def test_plan_different_options_of_hosts_has_problem(monkeypatch):
    action = steps.action_of("acme_plan", batch=True)
    registered = {
        "web1": {"_acme_found": steps.first_step(acme_order_timeout=300)},
        "web2": {"_acme_found": steps.first_step(acme_order_timeout=100)},
    }
    monkeypatch.setattr(action, "_value_on", lambda _run, host, _name: {"web1": 300, "web2": 100}[host])
    result = action.run(task_vars=steps.task_vars("web1", registered))
    assert result["problem"].startswith("acme_order_timeout differs between web1 (300) and web2 (100)")


@pytest.mark.parametrize("entry_point", ["main", "fleet", "replace", "revoke"])
def test_plan_host_with_left_record_is_due_where_certificates_are_ordered(entry_point):
    action = steps.action_of("acme_plan", batch=True)
    action._task._role._from_files = {"tasks": entry_point}
    action.work = MagicMock(return_value={"changed": False, "due": [], "hosts": {}, "lines": []})
    found = {**steps.first_step(entry_point), "txt_records": [contracts.noted().to_result()]}
    registered = {"web1": {"_acme_found": found}, "web2": {"_acme_found": steps.first_step(entry_point)}}
    result = action.run(task_vars=steps.task_vars("web1", registered))
    assert result["due"] == ([] if entry_point == "revoke" else ["web1"]), result


def test_plan_is_made_of_results_and_freezes_options():
    action = steps.action_of("acme_plan", batch=True)
    action.work = MagicMock(return_value={"changed": False, "due": [], "hosts": {}})
    found = {**steps.first_step(acme_remove_unlisted=True), "certificates": [FOUND], "unlisted": ["old"]}
    registered = {"web1": {"_acme_found": found}, "web2": {"_acme_found": steps.first_step()}}
    result = action.run(task_vars=steps.task_vars("web1", registered))
    (arguments, _variables) = action.work.call_args.args
    assert [item["host"] for item in arguments["certificates"]] == ["web1"]
    assert (arguments["unlisted"], arguments["remove_unlisted"]) == ({"web1": ["old"]}, ["web1"])
    assert result["options"]["acme_order_timeout"] == 300
    assert set(result["digests"]) == set(steps.role_variables.SECRET)


FAILED = steps.of_this_run(failed=True, msg="no Python")
NOTED = steps.of_this_run(msg="acme_list: wrong", unserved=["acme_list: wrong"])


def test_plan_leaves_out_host_that_failed():
    """It is still in the batch where the failure was ignored, rescued or noted."""
    action = steps.action_of("acme_plan", batch=True)
    action.work = MagicMock(return_value={"changed": False, "due": ["web3"], "hosts": {}})
    late = {**steps.first_step(), "failed": True}
    first = {"web1": FAILED, "web2": NOTED, "web3": steps.first_step(), "web4": late}
    registered = {host: {"_acme_found": result} for host, result in first.items()}
    assert action.run(task_vars=steps.task_vars("web1", registered))["due"] == ["web3"]
    action.work.assert_called_once()


def test_plan_all_hosts_failed_nothing_is_due():
    action = steps.action_of("acme_plan", batch=True)
    registered = {"web1": {"_acme_found": FAILED}, "web2": {"_acme_found": NOTED}}
    result = action.run(task_vars=steps.task_vars("web1", registered))
    assert (result["due"], result["lines"], "problem" in result) == ([], [], False)


def test_plan_no_first_step_has_problem():
    result = steps.action_of("acme_plan", batch=True).run(task_vars=steps.task_vars("web1", {"web1": {}, "web2": {}}))
    assert "--start-at-task" in result["problem"]
    assert result["due"] == ["web1", "web2"]


@pytest.mark.parametrize("listed", [False, True])
def test_plan_other_batch_lists_certificates(listed, monkeypatch):
    action = steps.action_of("acme_plan", batch=True)
    action.work = MagicMock(return_value={"changed": False, "due": [], "hosts": {}})
    registered = {"web1": {"_acme_found": {**steps.first_step(), "lists_certificates": False}}}
    variables = steps.task_vars("web1", registered)
    variables["ansible_play_hosts_all"] = ["web1", "web2"]
    seen = {"acme_certificates": []} if listed else {}
    monkeypatch.setattr(
        "ansible_collections.certfleet.tls.plugins.plugin_utils._play.facts.variables_of", lambda *_: seen
    )
    result = action.run(task_vars=variables)
    assert ("problem" not in result) is listed


ROLE = "/collections/certfleet/tls/roles/acme"


def role(static=True, tasks_of_it=(), **from_files):
    return SimpleNamespace(static=static, _from_files=from_files, get_task_blocks=lambda: [*tasks_of_it])


def include(loop=None, name="certfleet.tls.acme", alias="name", collections=None, **arguments):
    """Return a task that includes the role."""
    task = inclusions.IncludeRole()
    task.args = {alias: name, **arguments}
    task.loop = loop
    task.collections = collections
    task.statically_loaded = False
    return task


TWICE = include()


@pytest.mark.parametrize(
    ("roles", "tasks", "several"),
    [
        ([role()], [], False),
        ([role(tasks="fleet")], [], False),
        ([role(), role()], [], True),
        ([role(), role(tasks="revoke")], [], False),
        ([role(static=False)], [include()], False),
        ([role()], [include()], True),
        ([], [include(), include()], True),
        ([], [include(tasks_from="replace"), include(tasks_from="revoke")], False),
        ([], [include(), include(name="another")], False),
        ([], [include(loop="{{ sites }}")], True),
        ([], [include(alias="role"), include()], True),
        ([], [include(name="acme", collections=["certfleet.tls"]), include()], True),
        ([], [include(name="acme"), include()], False),
        ([], [include(name="{{ roles_to_take }}"), include()], True),
        ([role(tasks="fleet.yml"), role()], [], True),
        ([], [include(tasks_from="fleet.yml"), include()], True),
        ([], [TWICE, TWICE], False),
    ],
)
def test_are_several_counts_roles_and_tasks(roles, tasks, several):
    task = MagicMock(_parent=None)
    task._role.get_role_path.return_value = ROLE
    assert inclusions.are_several(steps.Play(role_cache={ROLE: roles}, tasks=tasks), task) is several


def test_are_several_counts_inclusions_in_roles():
    task = MagicMock(_parent=None)
    task._role.get_role_path.return_value = ROLE
    cache = {f"/roles/{name}": [role(tasks_of_it=[include()])] for name in ("shop", "blog")}
    assert inclusions.are_several(steps.Play(role_cache=cache), task)
    del cache["/roles/blog"]
    assert not inclusions.are_several(steps.Play(role_cache=cache), task)


@pytest.mark.parametrize(
    ("outer", "several"),
    [
        (include(), False),
        (include(name="another"), True),
        (inclusions.TaskInclude(), True),
    ],
)
def test_are_several_dynamic_inclusion_counts(outer, several):
    task = MagicMock(_parent=SimpleNamespace(_parent=outer))
    outer._parent = None
    outer.statically_loaded = False
    assert inclusions.are_several(steps.Play(), task) is several
    outer.statically_loaded = True
    assert not inclusions.are_several(steps.Play(), task)


def test_are_several_ignores_files_of_role():
    outer = inclusions.TaskInclude()
    task = MagicMock(_parent=outer)
    outer._role = task._role
    assert not inclusions.are_several(steps.Play(), task)


def test_are_several_loop_counts():
    task = MagicMock(_parent=SimpleNamespace(_parent=include(loop="{{ sites }}")))
    task._parent._parent._parent = None
    assert inclusions.are_several(steps.Play(), task)


def test_validate_several_inclusions_report_nothing_unlisted():
    play = steps.Play(tasks=[include(), include()])
    result, _asked = look(play=play, unlisted=["blog"], acme_remove_unlisted=True)
    assert result["unlisted"] == []
    assert any("nothing is removed (acme_remove_unlisted)" in warning for warning in result["warnings"])
    result, _asked = look(play=play, unlisted=["blog"], acme_list="sites")
    assert result["unlisted"] == [], "a name from the inventory is for both inclusions"
    parent = SimpleNamespace(vars={"acme_list": "sites"}, loop=None, run_once=False, _parent=None)
    result, _asked = look(parent, play, unlisted=["blog"], acme_list="sites")
    assert result["unlisted"] == ["blog"], "the list has its own name"


@pytest.mark.parametrize(
    ("params", "role_vars", "around", "loop", "named"),
    [
        ({"acme_list": "sites"}, {}, {}, None, True),
        ({}, {"acme_list": "sites"}, {}, None, True),
        ({}, {}, {"acme_list": "sites"}, None, True),
        ({}, {}, {"acme_list": "{{ item }}"}, ["a", "b"], True),
        ({}, {}, {"acme_list": "sites"}, ["a", "b"], False),
        ({"acme_home": "/x"}, {}, {"acme_home": "/x"}, None, False),
    ],
    ids=["a parameter", "vars of the role", "vars of the include", "of a loop", "the same in a loop", "none"],
)
def test_names_list_variable_of_inclusion(params, role_vars, around, loop, named):
    include = SimpleNamespace(vars=around, loop=loop, _parent=None)
    role = SimpleNamespace(get_role_params=lambda: params, vars=role_vars)
    assert inclusions.names_list(SimpleNamespace(_role=role, _parent=include)) is named


@pytest.mark.parametrize(("fail", "refused"), [("warn", True), ("fail", False)])
def test_plan_condition_on_fleet_with_warn_is_refused(fail, refused):
    action = steps.action_of("acme_plan", batch=True)
    action.work = MagicMock(return_value={"changed": False, "due": [], "hosts": {}})
    registered = {
        "web1": {"_acme_found": steps.first_step(acme_fail=fail)},
        "web3": {"_acme_found": {"skipped": True, "changed": False}},
    }
    result = action.run(task_vars=steps.task_vars("web1", registered))
    assert ("a condition on 'tasks_from: fleet' has skipped web3" in result.get("problem", "")) is refused


RIGHT = {**SHOP, "name": "mail"}


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"identifiers": []}, "identifiers: no identifiers are given."),
        ({"identifiers": [], "mode": "x"}, "identifiers: no identifiers are given. mode"),
        ({"name": "a" * 101}, None),
        ({"name": None}, None),
    ],
    ids=["a fault", "two", "a name that is not shown whole", "no name"],
)
def test_first_step_faulty_certificate_does_not_affect_others(bad, told):
    variables = steps.task_vars(acme_certificates=[{**SHOP, **bad}, RIGHT])
    action = steps.action_of("certificate_info", batch=True)
    run = Run(action._task, action._templar, variables)
    if told is None:
        with pytest.raises(first_step.MisconfiguredError):
            first_step.validate(run, action._templar, action._task)
    else:
        (fault,) = first_step.validate(run, action._templar, action._task).faults.values()
        assert fault.startswith(told)


@pytest.mark.parametrize(
    "bad",
    [
        {"identifiers": []},
        {"key_type": "ec265"},
        {"key_typ": "ec256"},
        {"challenge": "http01"},
        {"shared": "perhaps"},
        {"probe": [{"port": "https"}]},
        {"name": 2024, "mode": "x"},
    ],
    ids=str,
)
def test_validate_asks_host_about_valid_certificates_only(bad):
    result, asked = look(acme_certificates=[{**SHOP, "name": "bad", **bad}, SHOP], unlisted=["bad", "2024", "old"])
    name = str({"name": "bad", **bad}["name"])
    sent = asked.call_args.kwargs["module_args"]["certificates"]
    assert [entry["name"] for entry in sent] == ["shop", name]
    assert sent[1] == {"name": name, "identifiers": ["refused.invalid"]}
    shop, refused = result["certificates"]
    assert (shop["name"], shop["invalid"]) == ("shop", [])
    assert (refused["name"], refused["wanted"], refused["live"]) == (name, None, FOUND["live"])
    (fault,) = refused["invalid"]
    assert fault
    assert refused["name"] not in result["unlisted"]
    assert "old" in result["unlisted"]


@pytest.mark.parametrize(("name", "refused"), [("Nobody", True), ("Reload web", False), ("Reload web ", False)])
@pytest.mark.parametrize("others", [[], [{**RIGHT, "mode": "x"}]], ids=["alone", "beside a fault"])
def test_validate_unknown_handler_refuses_its_certificate_only(monkeypatch, name, refused, others):
    monkeypatch.setattr(first_step.handlers, "known", lambda _play: {"Reload web"})
    result, _asked = look(acme_certificates=[{**SHOP, "reload": [{"notify": name}]}, *others])
    assert bool(result["certificates"][0]["invalid"]) is refused


def test_validate_shared_certificates_of_earlier_inclusion_are_kept():
    earlier, _asked = look(acme_certificates=[{**SHOP, "shared": True}], acme_list="sites")
    earlier["inclusion"] = "another-one"
    action = steps.action_of("certificate_info", batch=True)
    action._execute_module = MagicMock(
        return_value={"changed": False, "unlisted": [], "history": [], "txt_records": [], "certificates": []}
    )
    variables = steps.task_vars("web3", {"web3": {"_acme_found": earlier}}, acme_certificates=[], acme_list="mail")
    (before,) = action.run(task_vars=variables)["shared_before"]
    assert (before["options"]["acme_list"], [item["name"] for item in before["certificates"]]) == ("sites", ["shop"])


def test_validate_fault_of_no_single_certificate_fails_host():
    result, asked = look(acme_certificates=[{**SHOP, "identifiers": []}, RIGHT], acme_keep_versions=0)
    assert result["failed"]
    asked.assert_not_called()
