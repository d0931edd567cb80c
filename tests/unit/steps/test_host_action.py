# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module of the role that runs on hosts has an action plugin that passes the fields of its contract only."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import HostAction
from tests.unit.steps import answers
from tests.unit.steps.host_actions import ACTIONS, PREFIX, action_of, run

CHECKOUT = Path(__file__).parents[3]


def tasks_of_role():
    """Return all tasks of the role, those in blocks, too."""
    found = []
    for path in sorted((CHECKOUT / "roles/acme/tasks").glob("*.yml")):
        stack = list(yaml.safe_load(path.read_text()))
        while stack:
            task = stack.pop()
            stack += task.get("block", []) + task.get("rescue", []) + task.get("always", [])
            found.append((path.name, task))
    return found


def test_role_modules_are_run_on_hosts_with_a_contract_or_on_the_controller():
    used = {key.removeprefix(PREFIX) for _file, task in tasks_of_role() for key in task if key.startswith(PREFIX)}
    actions = {module: import_module(f"{ACTIONS}.{module}").ActionModule for module in used - {"acme_batch"}}
    assert {module for module, action in actions.items() if issubclass(action, HostAction)} == set(answers.MODULES)
    others = {module for module in actions if module not in answers.MODULES}
    assert all(issubclass(actions[module], ControllerAction) for module in others)


def test_role_delegated_tasks_give_facts_to_the_delegate_alone():
    for file, task in tasks_of_role():
        applied = task.get("ansible.builtin.include_tasks") or {}
        for keywords in (task, applied.get("apply", {}) if isinstance(applied, dict) else {}):
            if "delegate_to" in keywords:
                assert keywords.get("delegate_facts") is True, (file, task["name"])


def test_role_tasks_on_hosts_have_a_time_limit():
    for file, task in tasks_of_role():
        if any(key.removeprefix(PREFIX) in answers.MODULES for key in task if key.startswith(PREFIX)):
            # A delegated task has the time limit of the other host.
            expected = "item.timeout" if "delegate_to" in task else "acme_host_timeout"
            assert expected in task.get("timeout", ""), (file, task["name"])


@pytest.mark.parametrize("module", answers.MODULES)
def test_run_honest_answer_is_let_through(module):
    result = run(module, answers.answer(module, ansible_facts={"acme_dns": {}}))
    assert not result.get("failed")
    assert set(answers.contract(module)) <= set(result)
    assert "ansible_facts" not in result


@pytest.mark.parametrize("module", answers.MODULES)
@pytest.mark.parametrize(("delegate_to", "host"), [(None, "web3"), ("web1", "web1")])
def test_run_broken_answer_fails_the_host_that_gave_it(module, delegate_to, host):
    result = run(module, {"changed": False}, delegate_to=delegate_to)
    assert result["failed"]
    assert result["msg"].startswith(f"host {host} returned malformed data for {module}: ")
    assert result["msg"].endswith(" is missing")


def test_run_certificate_result_has_its_ca():
    arguments = answers.arguments("certificate")
    why = {"directory": "https://b.example/dir", "not_first": "https://a.example/dir: down"}
    arguments["results"][0].update(why)
    (found,) = run("certificate", answers.answer("certificate"), arguments=arguments)["certificates"]
    assert (found["directory"], found["not_first"]) == ("https://b.example/dir", "https://a.example/dir: down")


@pytest.mark.parametrize(
    "error", [RecursionError("deep"), ValueError("\x1b[2J"), TypeError(), AttributeError("x"), KeyError("stdout")]
)
def test_run_answer_that_ansible_cannot_read_fails_the_host(error):
    result = run("certificate", error)
    kind = type(error).__name__
    assert result["msg"] == f"host web3 returned malformed data for certificate: the answer cannot be read ({kind})"


def test_run_host_out_of_reach_stays_unreachable():
    with pytest.raises(AnsibleConnectionFailure):
        run("certificate", AnsibleConnectionFailure("no route"))


def test_run_interpreter_found_by_the_controller_is_the_only_fact():
    action = action_of("certificate_request")
    action._discovered_interpreter_key, action._discovered_interpreter = "discovered_interpreter_python", "/usr/bin/py"
    action._execute_module = MagicMock(
        return_value=answers.answer("certificate_request", ansible_facts={"acme_home": "/srv"})
    )
    result = action.run(task_vars={"inventory_hostname": "web3"})
    assert result["ansible_facts"] == {"discovered_interpreter_python": "/usr/bin/py"}


def test_parse_control_characters_beside_the_answer_are_replaced(monkeypatch):
    seen = []
    monkeypatch.setattr(ActionBase, "_parse_returned_data", lambda _self, res, *_more: seen.append(res))
    printed = 'junk \x1b[2J \x9b \ud800 \u202e\r\n{"a": "\\u001b"}\r\n'
    action_of("certificate")._parse_returned_data({"stdout": printed, "stderr": "\0", "rc": 0}, "legacy")
    assert seen == [{"stdout": 'junk ?[2J ? ? ?\n{"a": "\\u001b"}\n', "stderr": "?", "rc": 0}]


@pytest.mark.parametrize("printed", ["python3", "/usr/bin/py\x1b[2J", "/usr/bin/py\n/usr/bin/other", "/" * 5000])
def test_run_interpreter_that_is_no_path_is_refused(printed):
    """The host itself prints it."""
    action = action_of("certificate_request")
    action._discovered_interpreter_key, action._discovered_interpreter = "discovered_interpreter_python", printed
    action._execute_module = MagicMock(return_value=answers.answer("certificate_request"))
    result = action.run(task_vars={"inventory_hostname": "web3"})
    assert result["failed"]
    assert result["msg"].startswith("host web3 returned malformed data for certificate_request: the path of its Python")
    assert "ansible_facts" not in result


def test_run_failure_is_passed_on():
    assert run("certificate", {"failed": True, "msg": "no Python"})["msg"] == "no Python"
