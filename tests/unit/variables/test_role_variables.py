# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of the role's variables, in Python, has what the role's own files have."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from jinja2 import Environment, meta

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import CERTIFICATE_SPEC
from ansible_collections.certfleet.tls.plugins.plugin_utils._play import facts
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import role_variables

ROLE = Path(__file__).parents[3] / "roles" / "acme"
SPECS = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]
OPTIONS = {name: option for spec in SPECS.values() for name, option in spec["options"].items()}
DEFAULTS = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
TASKS = "".join(path.read_text() for path in (ROLE / "tasks").rglob("*.yml"))
#: Lookups, filters and modules have such names, too.
NAME = re.compile(r"(?<![\w.])acme_[a-z0-9_]+")


#: The entry points of the specs, by the tasks file that they are for.
DOCUMENTED_AS = {"main": "certificates", "replace": "replacement", "revoke": "revocation"}
#: Of adopt alone, but hosts have them in every entry point.
ADOPTION = ("acme_adopt_files", "acme_adopt_folders")


def test_options_are_those_of_the_argument_specs():
    assert set(role_variables.BATCH) | set(role_variables.OF_THE_HOST) == set(OPTIONS) == set(role_variables.VARIABLES)


@pytest.mark.parametrize("name", role_variables.VARIABLES)
def test_variables_are_documented_as_they_are_validated(name):
    variable = role_variables.VARIABLES[name]
    option = OPTIONS[name]
    assert option["type"] == variable.kind
    assert tuple(option.get("choices", ())) == variable.choices
    assert option.get("default") == (variable.default if variable.default != "" or "default" in option else None)
    assert (option.get("no_log") is True) is variable.secret
    entry_point = DOCUMENTED_AS[variable.entry_point or "main"]
    assert name in SPECS["adoption" if name in ADOPTION else entry_point]["options"]


@pytest.mark.parametrize("name", role_variables.VARIABLES)
def test_defaults_are_those_of_the_role(name):
    if name == "acme_certificates":
        assert name not in DEFAULTS, "it would hide that nobody has defined it"
    else:
        assert DEFAULTS[name] == role_variables.VARIABLES[name].default


def test_each_option_is_documented_once():
    assert [
        name
        for name, times in Counter(name for spec in SPECS.values() for name in spec["options"]).items()
        if times > 1
    ] == []


def test_no_entry_point_of_the_specs_is_a_tasks_file():
    """ansible-core would validate it, in a fork for each host."""
    assert not set(SPECS) & {path.stem for path in (ROLE / "tasks").glob("*.yml")}
    assert not set(SPECS) & {"main", "fleet"}


def _compare(documented, spec, place):
    assert set(documented) == set(spec), place
    for name, option in spec.items():
        found = documented[name]
        for field in ("type", "elements", "required", "default", "choices"):
            none = [] if option["type"] == "list" and field == "default" else None
            assert (found.get(field) or none) == (option.get(field) or none), f"{place}.{name}: {field}"
        assert (found.get("no_log") is True) == (option.get("no_log") is True), f"{place}.{name}"
        if "options" in option:
            _compare(found["options"], option["options"], f"{place}.{name}")


def test_certificates_are_documented_as_they_are_validated():
    _compare(OPTIONS["acme_certificates"]["options"], CERTIFICATE_SPEC, "acme_certificates")


def test_secret_options_are_among_the_secret_ones():
    secret = {name for name, option in OPTIONS.items() if option.get("no_log") is True}
    assert secret <= set(role_variables.SECRET)


def test_each_variable_is_of_one_kind():
    listed = (*role_variables.SECRET, *role_variables.OPEN, *role_variables.OF_THE_HOST, *role_variables.INTERNAL)
    assert [name for name, times in Counter(listed).items() if times > 1] == []


def test_internal_variables_are_all_that_tasks_set():
    set_by_tasks = set(re.findall(r"register: (\w+)", TASKS))
    set_by_tasks |= set(re.findall(r"loop_var: (\w+)", TASKS))
    set_by_tasks |= {name for block in re.findall(r"set_fact:\n((?: {4,}.*\n)+)", TASKS) for name in _keys(block)}
    set_by_tasks |= {name for block in re.findall(r" vars:\n((?: +.*\n)+)", TASKS) for name in _keys(block)}
    ours = {name for name in set_by_tasks if name.startswith(("acme_", "_acme_"))}
    assert ours - set(OPTIONS) == set(role_variables.INTERNAL)


def test_batch_options_are_taken_from_the_plan():
    """Once the plan is made, no task takes an option of the batch from the variables of the host that is first."""
    for path in (ROLE / "tasks").rglob("*.yml"):
        text = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        values = re.findall(r"\{\{(.*?)\}\}", text, re.DOTALL) + re.findall(r"when: .*", text)
        used = {name for value in values for name in NAME.findall(value)}
        # dns_write_by_tasks.yml gives tasks files the plan's, and the options that the step before it has compared:
        # no result may have them. Who has a shared certificate is looked for before there is a plan.
        allowed = {"dns_write_by_tasks.yml": {"acme_dns"}, "earlier_batches.yml": {"acme_check_revocation"}}
        allowed = {"acme_dns_no_log"} if path.parent.name == "dns" else allowed.get(path.name, set())
        assert used & set(role_variables.BATCH) <= allowed, path.name


def test_no_timeout_of_a_play_ends_a_step():
    """Of a step on the controller it would be the failure of all hosts, and nothing would clean up."""
    steps = re.findall(r"^( *)certfleet\.tls\.\w+:\n((?:\1.+\n)+)", TASKS, re.MULTILINE)
    assert len(steps) > 10
    assert [keywords for indent, keywords in steps if f"\n{indent}timeout: " not in f"\n{keywords}"] == []


# Ansible gives them after the facts, and tasks of loops and rescues theirs.
WIN_OVER_FACTS = {"ansible_check_mode", "ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all"} | {
    "ansible_playbook_python",
    "ansible_version",
    "hostvars",
    "item",
    "ansible_failed_result",
}


@pytest.mark.parametrize("path", [*ROLE.glob("tasks/**/*.yml"), *ROLE.glob("vars/*.yml")], ids=lambda path: path.stem)
def test_no_template_has_a_name_that_a_fact_may_take(path):
    """In a task that runs once, such a fact of one host would count for all."""
    text = "\n".join(line.split(" #")[0] for line in path.read_text().splitlines())
    expressions = re.findall(r"\{\{(.*?)\}\}", text, re.DOTALL) + re.findall(r"(?:when|until): (?!>)(.+)", text)
    names = {name for expression in expressions for name in _free(expression)}
    roles_own = {name for name in names if name.startswith("_acme_")}  # role variables win over facts
    assert names - roles_own - role_variables.ALL - facts.SPECIAL - WIN_OVER_FACTS == set()


def test_jinja_s_globals_are_known():
    assert set(Templar(DataLoader()).environment.globals) <= facts.SPECIAL


def _free(expression):
    """The names of variables in an expression. Jinja itself does not know Ansible's filters and tests."""
    known = re.sub(r"\bis (not )?[\w.]+", r"is \1defined", re.sub(r"\|\s*[\w.]+", "| default", expression))
    return meta.find_undeclared_variables(Environment(autoescape=True).parse("{{ " + known + " }}"))


def _keys(block):
    return re.findall(r"^ +(acme_\w+):", block, re.MULTILINE)
