# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation names the providers, and the libraries, that the sources have."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers.by_name import CLASSES
from tests.docs import providers

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
