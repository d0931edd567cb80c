# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that each entry point validates all variables that its tasks and steps read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._fleet import selection
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import all_variables
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.role_variables import ENTRY_POINTS, VARIABLES, of
from tests.unit.variables.variables import KEY, variables

ROOT = Path(__file__).parents[3]
TASKS = ROOT / "roles/acme/tasks"
STEPS = ROOT / "plugins/plugin_utils/_steps"
ACTIONS = ROOT / "plugins/action"
#: Variables of one entry point in steps that others have as well: the step reads them in that entry point only.
GUARDED = {
    "acme_plan": {name for name in VARIABLES if name.startswith("acme_replace_")},
    "certificate_info": {"acme_revoke"},
}
#: Variables that are validated for other entry points only, and why an entry point reads them all the same.
NOT_VALIDATED = {
    # The inventory says whose a certificate is. A fault in it must not stop a revocation.
    "revoke": {"acme_certificates"},
    # The steps can read them, and have no tasks there that do.
    "account": {"acme_certificates"},
    "account_deactivate": {"acme_certificates"},
    "account_rollover": {"acme_certificates"},
}
OPTIONS_OF_REPLACE = selection.__name__
_MODULE = re.compile(r"^ *certfleet\.tls\.(\w+):", re.MULTILINE)


def files_of(entry_point: str) -> list[Path]:
    """Return the tasks files of an entry point, with those that it includes or imports."""
    files, waiting = [], [TASKS / f"{entry_point}.yml"]
    while waiting:
        path = waiting.pop()
        if path not in files:
            files.append(path)
            named = re.findall(r"\w+\.yml", _without_comments(path))
            waiting += [TASKS / name for name in named if (TASKS / name).is_file()]
    return files


def _without_comments(path: Path) -> str:
    return "\n".join(re.split(r"(?:^| )#", line)[0] for line in path.read_text().splitlines())


@cache
def read_by(path: Path) -> frozenset[str]:
    """Return the variables that a Python file names, whole or as an f-string such as f"acme_{name}"."""
    tree = ast.parse(path.read_text())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    if any(isinstance(node, ast.ImportFrom) and node.module == OPTIONS_OF_REPLACE for node in ast.walk(tree)):
        texts.update(selection.OPTIONS)
    prefixes = {
        node.values[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant)
    }
    joined = {prefix + text for prefix in prefixes if prefix.startswith("acme_") for text in texts}
    return frozenset((texts | joined) & set(VARIABLES))


def steps_of(path: Path) -> Iterator[Path]:
    """Yield the modules of _steps that an action plugin imports, and those that these import."""
    seen, waiting = set(), [path]
    while waiting:
        text = waiting.pop().read_text()
        names = re.findall(r"_steps\.(\w+) import", text) + re.findall(r"^ *from \.(\w+) import", text, re.MULTILINE)
        for listed in re.findall(r"(?:_steps|from \.) import ([\w, ]+)", text):
            names += listed.split(", ")
        for step in {STEPS / f"{name}.py" for name in names} - seen:
            if step.is_file():
                seen.add(step)
                waiting.append(step)
                yield step


def read_in(entry_point: str) -> dict[str, set[str]]:
    """Return the variables that an entry point reads, by the names of its tasks files and modules."""
    files = files_of(entry_point)
    vars_of_role = _without_comments(ROOT / "roles/acme/vars/main.yml")
    texts = {path.name: _without_comments(path) for path in files}
    found = {name: set(re.findall(r"\bacme_\w+", text)) & set(VARIABLES) for name, text in texts.items()}
    found["vars/main.yml"] = set(re.findall(r"\bacme_\w+", vars_of_role)) & set(VARIABLES)
    for module in {name for text in texts.values() for name in _MODULE.findall(text)}:
        action = ACTIONS / f"{module}.py"
        found[module] = set(read_by(action)).union(*map(read_by, steps_of(action)))
    return found


def test_read_in_finds_variables_of_tasks_and_steps():
    """A test of the functions above, without which the others could not fail."""
    revoke, main = read_in("revoke"), read_in("main")
    assert "acme_revoke_reason" in revoke["acme_revoke"]
    assert "acme_certificates" in revoke["acme_revoke"], "by ownership.py"
    assert {"acme_account_key_src", "acme_eab", "acme_new_account_key_content"} <= main["acme_order"]
    assert main["earlier_batches.yml"] == {"acme_check_revocation"}
    assert main["vars/main.yml"] == {"acme_host_timeout"}
    every = set().union(*(names for entry_point in ENTRY_POINTS for names in read_in(entry_point).values()))
    # The first steps read these by the table.
    assert set(VARIABLES) - every <= {"acme_account_key_create", "acme_shadowing_facts_allowed", "acme_shadowing_facts"}


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_entry_point_variables_read_are_known(entry_point):
    for place, names in read_in(entry_point).items():
        guarded = GUARDED.get(place, set()) if place != entry_point else set()
        assert names - set(of(entry_point)) - guarded == set(), place


class Recorder(dict):
    """Variables that record which of them are read."""

    def __init__(self, values):
        super().__init__(values)
        self.read = set()

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_validate_entry_point_reads_all_that_its_steps_read(entry_point):
    values = Recorder(variables(acme_account_key_content=KEY))
    all_variables.validate(values, "web1", entry_point)
    for place, names in read_in(entry_point).items():
        left = names - values.read - GUARDED.get(place, set()) - NOT_VALIDATED.get(entry_point, set())
        assert left == set(), place


#: A value that no variable of the type has.
WRONG = {"str": ["x"], "path": ["/x"], "bool": "maybe", "int": "many", "list": {"a": 1}, "dict": "x", "raw": 7}


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_validate_entry_point_wrong_value_of_each_variable_refused(entry_point):
    for name in set(of(entry_point)) - NOT_VALIDATED.get(entry_point, set()):
        lines = all_variables.validate(variables(**{name: WRONG[VARIABLES[name].kind]}), "web1", entry_point)
        assert any(re.match(rf"host web1: {name}\b", line) for line in lines), name


def test_entry_points_are_tasks_files_that_no_other_includes():
    texts = {path.stem: path.read_text() for path in TASKS.glob("*.yml")}
    included = {name for text in texts.values() for name in texts if re.search(rf"\b{name}\.yml", text)}
    assert set(ENTRY_POINTS) == set(texts) - included | {"fleet"}
