# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's tasks files for DNS providers, with the modules that they use; Route 53 has a file of its own."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from tests.integration.cloud import PROGRAMS, TASKS, record, run_tasks
from tests.lab import Lab
from tests.lab.authorities import DYN_KEY

PROVIDERS = sorted(path.stem for path in TASKS.glob("*.yml"))
KEYWORDS = {"name", "environment", "loop", "loop_control", "no_log", "register", "until", "retries", "delay"}
NAME, OTHER = "_acme-challenge.one.dyn.lab.test", "_acme-challenge.two.dyn.lab.test"


def used(provider):
    """Module and arguments of each task of a provider."""
    for task in yaml.safe_load((TASKS / f"{provider}.yml").read_text()):
        ((module, arguments),) = [(key, value) for key, value in task.items() if key not in KEYWORDS]
        yield module, arguments


@pytest.fixture(scope="module")
def documented():
    """Return the options of all the modules, by the modules' names."""
    modules = sorted({module for provider in PROVIDERS for module, _arguments in used(provider)})
    command = [PROGRAMS / "ansible-doc", "--json", "--type", "module", *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name: found["doc"]["options"] for name, found in json.loads(done.stdout).items()}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_tasks_arguments_are_options_of_their_module(documented, provider):
    for module, arguments in used(provider):
        options = documented[module]
        aliases = {alias: name for name, option in options.items() for alias in option.get("aliases", [])}
        given = {aliases.get(name, name): value for name, value in arguments.items()}
        assert given.keys() <= options.keys()
        assert {name for name, option in options.items() if option.get("required")} <= given.keys()
        for name, value in given.items():
            if options[name].get("choices") and isinstance(value, str) and "{{" not in value:
                assert value in options[name]["choices"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Lab(tmp_path_factory.mktemp("lab"), hosts=1, dns_zones=True) as lab:
        yield lab


def test_nsupdate_sets_and_removes_values(lab, tmp_path):
    def change(state, name, *values):
        before = {value for found, value in lab.authorities.txt() if found == name}
        entry = record(name, "dyn.lab.test", set(values), before, state)
        done = run_tasks(lab, tmp_path, "nsupdate", state, [entry], options)
        assert done.returncode == 0, done.stdout

    options = {"server": lab.authorities.address(), "key_name": DYN_KEY.name, "key_secret": DYN_KEY.secret}
    lab.authorities.add(NAME, "TXT", "somebody's")
    lab.authorities.add(OTHER, "TXT", "somebody's")
    others = {(NAME, "somebody's"), (OTHER, "somebody's")}
    change("present", NAME, "one", "two")
    assert lab.authorities.txt() == {*others, (NAME, "one"), (NAME, "two")}
    change("absent", NAME, "one")
    assert lab.authorities.txt() == {*others, (NAME, "two")}
    change("absent", NAME, "two", "somebody's")
    assert lab.authorities.txt() == {(OTHER, "somebody's")}
