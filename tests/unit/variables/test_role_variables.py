# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that role_variables.py agrees with the files of the role."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.plugin_docs import read_docstring
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
#: Lookups, filters and modules have such names as well.
NAME = re.compile(r"(?<![\w.])acme_[a-z0-9_]+")

#: The entry points of the specs, by the tasks file that they are for.
DOCUMENTED_AS = {"main": "certificates", "replace": "replacement", "revoke": "revocation"}
#: The variables that docs/dns-providers.md promises to tasks files, and those of Ansible with which they run.
OF_TASKS_FILES = {
    "acme_dns_deadline",
    "acme_dns_no_log",
    "acme_dns_options",
    "acme_dns_record",
    "acme_dns_records",
    "acme_dns_state",
} | {
    "ansible_become",
    "ansible_connection",
    "ansible_python_interpreter",
    "ansible_remote_tmp",
}
#: Used by adopt alone, but hosts have them in every entry point.
ADOPTION = ("acme_adopt_files", "acme_adopt_folders")


def test_variables_same_as_in_argument_specs():
    assert set(role_variables.BATCH) | set(role_variables.OF_THE_HOST) == set(OPTIONS) == set(role_variables.VARIABLES)


@pytest.mark.parametrize("name", role_variables.VARIABLES)
def test_variables_documented_as_validated(name):
    variable = role_variables.VARIABLES[name]
    option = OPTIONS[name]
    assert option["type"] == variable.kind
    assert tuple(option.get("choices", ())) == variable.choices
    assert option.get("default") == (variable.default if variable.default != "" or "default" in option else None)
    assert (option.get("no_log") is True) is variable.secret
    entry_point = DOCUMENTED_AS[variable.entry_point or "main"]
    assert name in SPECS["adoption" if name in ADOPTION else entry_point]["options"]


@pytest.mark.parametrize("name", role_variables.VARIABLES)
def test_defaults_same_as_in_role(name):
    if name == "acme_certificates":
        assert name not in DEFAULTS, "a default would hide that it is not defined"
    else:
        assert DEFAULTS[name] == role_variables.VARIABLES[name].default


def test_argument_specs_each_option_once():
    assert [
        name
        for name, times in Counter(name for spec in SPECS.values() for name in spec["options"]).items()
        if times > 1
    ] == []


def test_argument_specs_no_name_of_a_tasks_file():
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


def test_certificates_documented_as_validated():
    _compare(OPTIONS["acme_certificates"]["options"], CERTIFICATE_SPEC, "acme_certificates")


def test_secret_options_with_no_log_all_listed():
    secret = {name for name, option in OPTIONS.items() if option.get("no_log") is True}
    assert secret <= set(role_variables.SECRET)


def test_variables_each_in_one_list():
    listed = (*role_variables.BATCH, *role_variables.OF_THE_HOST, *role_variables.INTERNAL)
    assert [name for name, times in Counter(listed).items() if times > 1] == []


def test_internal_same_as_tasks_set():
    ours = {name for task in _tasks() for name in _set_by(task) if name.startswith(("acme_", "_acme_"))}
    assert ours - set(OPTIONS) == set(role_variables.INTERNAL)


def test_tasks_set_names_that_begin_with_acme_underscored():
    """Other names may be variables of users."""
    names = {name for task in _tasks() for name in _set_by(task)}
    assert {name for name in names if not name.startswith("_acme_")} == OF_TASKS_FILES


def test_tasks_give_modules_documented_arguments_or_underscored_ones():
    given = {(key, name) for task in _tasks() for key in task for name in _arguments(key, task)}
    assert len(given) > 10
    own = {name for _module, name in given if name.startswith("_acme_")}
    assert own == {"_acme_unwritten"}
    assert sorted((key, name) for key, name in given if name not in {*own, "batch", *_documented(key)}) == []


def test_tasks_batch_options_read_from_plan():
    """After the plan, no task takes an option of the batch from the variables of the first host."""
    for path in (ROLE / "tasks").rglob("*.yml"):
        text = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        values = re.findall(r"\{\{(.*?)\}\}", text, re.DOTALL) + re.findall(r"when: .*", text)
        used = {name for value in values for name in NAME.findall(value)}
        # No result may have the secrets in acme_dns, and the step before dns_write_by_tasks.yml has compared them.
        # earlier_batches.yml runs before the plan.
        allowed = {"dns_write_by_tasks.yml": {"acme_dns"}, "earlier_batches.yml": {"acme_check_revocation"}}
        # dns_write_by_tasks.yml gives this to the tasks of providers, from the plan.
        given = {"acme_dns_no_log"}
        allowed = given if path.parent.name == "dns" else allowed.get(path.name, set())
        assert used & set(role_variables.BATCH) <= allowed, path.name


def test_tasks_timeout_of_play_overridden():
    """A step on the controller that times out would fail all hosts, and leave challenges behind."""
    steps = re.findall(r"^( *)certfleet\.tls\.\w+:\n((?:\1.+\n)+)", TASKS, re.MULTILINE)
    assert len(steps) > 10
    assert [keywords for indent, keywords in steps if f"\n{indent}timeout: " not in f"\n{keywords}"] == []


# Ansible sets these after the facts, or for the task alone.
WIN_OVER_FACTS = {"ansible_check_mode", "ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all"} | {
    "ansible_playbook_python",
    "ansible_version",
    "hostvars",
    "item",
    "ansible_failed_result",
}


@pytest.mark.parametrize("path", [*ROLE.glob("tasks/**/*.yml"), *ROLE.glob("vars/*.yml")], ids=lambda path: path.stem)
def test_templates_no_name_open_to_facts(path):
    """In a task that runs once, such a fact of one host would apply to all hosts."""
    text = "\n".join(line.split(" #")[0] for line in path.read_text().splitlines())
    expressions = re.findall(r"\{\{(.*?)\}\}", text, re.DOTALL) + re.findall(r"(?:when|until): (?!>)(.+)", text)
    names = {name for expression in expressions for name in _free(expression)}
    roles_own = {name for name in names if name.startswith("_acme_")}  # role variables win over facts
    assert names - roles_own - role_variables.ALL - facts.SPECIAL - WIN_OVER_FACTS == set()


def test_special_has_all_globals_of_jinja():
    assert set(Templar(DataLoader()).environment.globals) <= facts.SPECIAL


def _free(expression):
    """Return the names of variables in an expression. Jinja alone does not know Ansible's filters and tests."""
    known = re.sub(r"\bis (not )?[\w.]+", r"is \1defined", re.sub(r"\|\s*[\w.]+", "| default", expression))
    return meta.find_undeclared_variables(Environment(autoescape=True).parse("{{ " + known + " }}"))


def _tasks():
    """Yield all tasks and blocks of the role."""
    stack = [task for path in (ROLE / "tasks").rglob("*.yml") for task in yaml.safe_load(path.read_text())]
    while stack:
        task = stack.pop()
        stack += (item for part in ("block", "rescue", "always") for item in task.get(part, ()))
        yield task


def _set_by(task):
    """Yield the names of variables that a task sets for itself or for later ones."""
    for key in ("include_tasks", "import_tasks", "include_role", "import_role"):
        given = task.get(f"ansible.builtin.{key}")
        yield from given.get("apply", {}).get("vars", ()) if isinstance(given, dict) else ()
    yield from task.get("vars", ())
    yield from task.get("ansible.builtin.set_fact", ())
    loop = task.get("loop_control", {})
    yield from (name for name in (task.get("register"), loop.get("loop_var"), loop.get("index_var")) if name)


def _arguments(key, task):
    return (task[key] or ()) if key.startswith("certfleet.tls.") else ()


def _documented(key):
    """Return the options of a module, those of its fragments, too."""
    plugins = ROLE.parents[1] / "plugins"
    doc = read_docstring(str(plugins / "modules" / f"{key.rpartition('.')[2]}.py"))["doc"]
    parts = [doc]
    for name in doc["extends_documentation_fragment"]:
        _namespace, _collection, fragment, *more = name.split(".")
        module = import_module(f"ansible_collections.certfleet.tls.plugins.doc_fragments.{fragment}")
        parts.append(yaml.safe_load(getattr(module.ModuleDocFragment, more[0].upper() if more else "DOCUMENTATION")))
    return {option for part in parts for option in part.get("options", ())}
