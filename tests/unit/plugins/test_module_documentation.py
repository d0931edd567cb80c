# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules are short, and their documentation has all options of a CA."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.doc_fragments._acme import ModuleDocFragment
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import ca_options, cas

FILES = sorted((Path(__file__).parents[3] / "plugins/modules").glob("[a-z]*.py"))
MODULES = [path.stem for path in FILES]


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
    modules = {
        **ca_options.DIRECTORY_SPEC,
        **ca_options.ACCOUNT_KEY_SPEC,
        **ca_options.NEW_ACCOUNT_SPEC,
        **ca_options.CHAIN_SPEC,
    }
    for name, option in cas.CA_SPEC.items():
        if name not in cas.OF_ELEMENTS:
            assert modules[name]["type"] == option["type"], name
