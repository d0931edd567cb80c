# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation names the providers, and the libraries, that the sources have."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._dns import provider_options, task_files
from ansible_collections.certfleet.tls.plugins.module_utils._dns.assignment import Entries
from ansible_collections.certfleet.tls.plugins.module_utils._dns.pace import Pauses
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers.by_name import CLASSES
from tests.docs import providers
from tests.unit.dns.provider_cases import NAME, OTHER, RIGHT, A, B, limits
from tests.unit.dns.scripted_providers import ZONE, Api

CHECKOUT = Path(__file__).parents[3]


def test_providers_page_is_fresh():
    page = providers.PAGE.read_text()
    assert providers.updated(page) == page, "docs/dns-providers.md is stale: make docs"


def test_the_page_names_each_kind_of_this_collection():
    kinds = providers.PAGE.read_text().partition("**Kinds of this collection**")[2].partition("- **")[0]
    assert [name for name in CLASSES if name != "lexicon" and f"`{name}`" not in kinds] == []


def test_dns_txt_record_documents_the_library_of_each_provider():
    module = (CHECKOUT / "plugins/modules/dns_txt_record.py").read_text()
    requirements = module.partition("requirements:")[2].partition("options:")[0]
    libraries = {library for provider in CLASSES.values() for library in provider.libraries}
    assert [library for library in sorted(libraries) if library not in requirements] == []


def blocks(section, language):
    """Return the code of a section of the page."""
    text = providers.PAGE.read_text().partition(f"\n{section}\n")[2]
    return re.findall(rf"```{language}\n(.*?)```", re.split(r"\n##+ ", text)[0], re.DOTALL)


class MyDnsApi(Api):
    """The API of the example, for ZONE."""

    def __init__(self):
        super().__init__()
        self.records = set()

    def answer(self, method, path, headers, document):
        if headers.get("Authorization") != f"Bearer {RIGHT}":
            return 401, "no"
        record = document["name"], document["value"]
        if path != f"/zones/{ZONE}/txt" or record[0] == OTHER:
            return 404, f"no {record[0]} for {RIGHT}"
        (self.records.add if method == "PUT" else self.records.discard)(record)
        return 200, {}


@pytest.fixture
def my_dns(monkeypatch):
    """The class of the example for a provider in Python."""
    options, module = blocks("### In Python", "python")
    found = {}
    exec(compile(options, "provider_options.py", "exec"), vars(provider_options), found)  # noqa: S102 - of the page
    for name, value in found.items():
        monkeypatch.setattr(provider_options, name, value, raising=False)
    made = ModuleType("mydns")
    made.__package__ = CLASSES["exec"].__module__.rpartition(".")[0]
    exec(compile(module, "mydns.py", "exec"), vars(made))  # noqa: S102 - of the page
    return made.MyDns


def test_example_of_a_provider_in_python_works(my_dns, time):
    api = MyDnsApi()
    options = {"url": api.url, "api_token": RIGHT, "ca_path": None}
    provider = my_dns(options, limits(pauses=Pauses(time.clock, 60)))
    api.refusals = [(429, {"Retry-After": "7"})]
    records = [TxtRecord(NAME, A), TxtRecord(OTHER, A), TxtRecord(NAME, B)]
    problems = provider.change(ZONE, records, True)
    assert problems == {records[1]: f"{api.url} answers HTTP 404 (no {OTHER} for ********)"}
    assert api.records == {(NAME, A), (NAME, B)}
    assert time.pauses == [7]
    assert provider.change(ZONE, records[:1], False) == {}
    assert api.records == {(NAME, B)}
    refused = my_dns({**options, "api_token": "wrong"}, limits()).change(ZONE, records, True)
    assert [problem.partition(":")[2].endswith("was not tried)") for problem in refused.values()] == [False, True, True]
    api.close()


def test_example_of_a_wildcard_for_two_zones_has_valid_entries():
    text, *_others = blocks("## A wildcard for two zones", "yaml")
    variables = yaml.safe_load(text)
    variables["acme_dns"]["example.com"]["tsig_secret"] = "c2VjcmV0"
    entries = Entries(variables["acme_dns"])
    assert entries.problems() == []
    names = {name.removeprefix("*.") for name in variables["acme_certificates"][0]["identifiers"]}
    assert {entries.rules.key(f"_acme-challenge.{name}") for name in names} == set(variables["acme_dns"])


def test_example_of_a_provider_with_an_ansible_module_is_valid(tmp_path):
    (text,) = blocks("### With an Ansible module", "yaml")
    (tmp_path / "mydns.yml").write_text(text)
    file = task_files.find("mydns", tmp_path)
    assert (file.module, file.replaces_sets) == ("my.collection.mydns_record_set", True)
    (task,) = yaml.safe_load(text)
    used = set(re.findall(r"acme_dns_options\.(\w+)", text))
    assert file.module in task
    assert used == {option.name for option in file.options}
