# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that tasks of DNS providers run on the controller whatever the variables; extra variables are refused."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.lab import cores, runs
from tests.parameters import hard_after

# The one that differs most from the tests' own; that one and the newest only in the longer tests.
CORES = [
    cores.parameter(core="oldest"),
    cores.parameter(core="", hard=True),
    cores.parameter(core="newest", hard=True),
]
BY_TASKS = runs.CHECKOUT / "roles/acme/tasks/dns_write_by_tasks.yml"
HOSTILE = {
    "ansible_become": True,
    "ansible_become_method": "refusing",
    "ansible_become_user": "daemon",
    "ansible_connection": "ssh",
    "ansible_ssh_executable": "/bin/false",
    "ansible_host": "192.0.2.1",
    "ansible_python_interpreter": "/bin/false",
    "ansible_remote_tmp": "/proc/none",
}
BECOME = '''
DOCUMENTATION = """
name: refusing
short_description: of a test
description: of a test
author: none
options: {become_user: {description: none, default: root, vars: [{name: ansible_become_user}]}}
"""
from ansible.errors import AnsibleError
from ansible.plugins.become import BecomeBase

class BecomeModule(BecomeBase):
    name = "refusing"

    def build_become_command(self, cmd, shell):
        raise AnsibleError("become was used")
'''
PLUGIN = """
from ansible.plugins.action import ActionBase
from ansible_collections.certfleet.tls.plugins.plugin_utils._play import localhost, plays

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        given = localhost.extra_variables(plays.running(self._task), self._templar.template)
        lines = localhost.problems(given, task_vars["ansible_playbook_python"])
        return {**result, "msg": "refused: [" + " ".join(line.split()[0] for line in lines) + "]"}
"""


def include():
    """Return the role's include of the tasks of a DNS provider, for a file write.yml."""
    (outer,) = yaml.safe_load(BY_TASKS.read_text())
    task = next(task for task in outer["block"] if "ansible.builtin.include_tasks" in task)
    variables = {name: value for name, value in task["vars"].items() if name.startswith("ansible_")}
    apply = task["ansible.builtin.include_tasks"]["apply"]
    return {"include_tasks": {"file": "write.yml", "apply": apply}, "vars": variables, "run_once": True}


def run(folder, core, variables, *arguments, listed=False):
    """Run the include in a play where *variables* come from all sources except extra variables."""
    localhost = {"localhost": variables} if listed else {}
    facts = {"set_fact": {"x": 1, **variables}, "delegate_to": "localhost", "delegate_facts": True}
    play = {
        "hosts": "web1",
        "gather_facts": False,
        "vars": variables,
        "pre_tasks": [facts, {"include_role": {"name": "asking"}, "vars": variables}],
        "roles": [{"role": "asking", **variables}],
        "tasks": [{"import_role": {"name": "asking"}}],
    }
    python = "{{ found.ansible_facts.ansible_python.executable == ansible_playbook_python }}"
    runs.write(
        folder,
        {
            "inventory": {"all": {"hosts": {"web1": {}, **localhost}, "vars": variables}},
            "play.yml": [play],
            "roles/asking/tasks/main.yml": [{"ask": None}, include()],
            "roles/asking/tasks/write.yml": [
                {"setup": {"gather_subset": ["!all", "!min", "python"]}, "register": "found"},
                {"debug": {"msg": f"with the controller's Python: [{python}]"}},
            ],
            "action_plugins/ask.py": PLUGIN,
            "become_plugins/refusing.py": BECOME,
        },
    )
    settings = {"ANSIBLE_BECOME_PLUGINS": str(folder / "become_plugins")}
    return runs.run(folder, core, "play.yml", "-v", *arguments, **settings)


def reported(done, what):
    """Return all values that a run printed as 'what: [value]'."""
    return [part.split("]")[0] for part in done.text.split(f"{what}: [")[1:]]


@pytest.mark.parametrize(
    ("variables", "listed"), hard_after(1, [(HOSTILE, False), (HOSTILE, True), ({}, False), ({}, True)])
)
@pytest.mark.parametrize("core", CORES)
def test_tasks_of_provider_hostile_variables_run_on_controller(tmp_path, core, variables, listed):
    done = run(tmp_path, core, variables, listed=listed)
    assert done.code == 0, done.text
    assert reported(done, "refused") == ["", "", ""]
    assert reported(done, "with the controller's Python") == ["True", "True", "True"]


@pytest.mark.parametrize(
    ("name", "value"),
    hard_after(
        2,
        [
            ("ansible_become", True),
            ("ansible_connection", "ssh"),
            ("ansible_python_interpreter", "/bin/false"),
            ("ansible_remote_tmp", "/dev/null/none"),
        ],
    ),
)
@pytest.mark.parametrize("core", CORES)
def test_problems_extra_variables_that_break_tasks_refused(tmp_path, core, name, value):
    given = {name: value, "ansible_become_method": "refusing", "ansible_become_user": "daemon"}
    done = run(tmp_path, core, {}, "-e", json.dumps(given), "-e", "ansible_ssh_executable=/bin/false")
    assert reported(done, "refused") == [name]
    assert done.code != 0, done.text


@pytest.mark.parametrize("core", CORES)
def test_problems_harmless_extra_variables_accepted(tmp_path, core):
    given = {
        **HOSTILE,
        "ansible_become": False,
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "ansible_remote_tmp": str(tmp_path / "temporary"),
    }
    done = run(tmp_path, core, {}, "-e", json.dumps(given))
    assert reported(done, "refused") == ["", "", ""]
    assert done.code == 0, done.text
