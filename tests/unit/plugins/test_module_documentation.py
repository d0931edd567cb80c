# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the modules that send requests to CAs: each return value with all of its keys, each option."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.doc_fragments._acme import ModuleDocFragment
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import ca_options, cas

PACKAGE = "ansible_collections.certfleet.tls.plugins.modules"
FILES = sorted((Path(__file__).parents[3] / "plugins/modules").glob("acme_*.py"))
MODULES = [path.stem for path in FILES]
# Their keys are names of hosts, variables or profiles, or the CA chooses them.
OPEN = {"batch", "digests", "options", "profiles", "meta", "certificates"}
#: Result values with the names of hosts as keys.
BY_HOST = {"hosts"}


def _mappings(name, value, sample):
    """Yield the documented keys of a mapping, and those of its sample, at each depth."""
    contains = value.get("contains", {})
    if value["type"] == "dict" or value.get("elements") == "dict":
        items = sample if isinstance(sample, list) else [sample]
        if name in BY_HOST:
            items = [item for items in sample.values() for item in items]
        yield name, contains, {key for item in items if item for key in item}
        for key, part in contains.items():
            yield from _mappings(key, part, next((item[key] for item in items if item and key in item), None))


def _returned(module):
    returned = yaml.safe_load(import_module(f"{PACKAGE}.{module}").RETURN)
    return [found for name, value in returned.items() for found in _mappings(name, value, value["sample"])]


@pytest.mark.parametrize(
    ("name", "contains", "sample"),
    [pytest.param(*found, id=f"{module}-{found[0]}") for module in MODULES for found in _returned(module)],
)
def test_return_values_contain_all_keys(name, contains, sample):
    assert contains or name in OPEN
    assert not contains or sample <= set(contains)
    for value in contains.values():
        assert {"description", "returned", "type"} <= set(value)


@pytest.mark.parametrize("path", FILES, ids=MODULES)
def test_functions_of_modules_are_short(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if node.end_lineno - node.lineno > 25] == []
    assert {node.name for node in functions} <= {"run", "main"}


def _options(part):
    return yaml.safe_load(getattr(ModuleDocFragment, part))["options"]


def test_options_of_a_ca_are_documented():
    assert set(_options("DOCUMENTATION")["acme_directory"]["suboptions"]) == set(cas.CA_SPEC)
    assert set(_options("DOCUMENTATION")) == set(ca_options.DIRECTORY_SPEC)
    assert set(_options("ACCOUNT_KEY")) == set(ca_options.ACCOUNT_KEY_SPEC)
    assert set(_options("NEW_ACCOUNT")) == set(ca_options.NEW_ACCOUNT_SPEC)


def test_options_of_a_ca_have_the_names_and_types_of_the_modules():
    modules = {**ca_options.DIRECTORY_SPEC, **ca_options.ACCOUNT_KEY_SPEC, **ca_options.NEW_ACCOUNT_SPEC}
    for name, option in cas.CA_SPEC.items():
        if name != "directory":
            assert modules[name]["type"] == option["type"], name
