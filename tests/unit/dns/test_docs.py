# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of providers is as the sources have it."""

from __future__ import annotations

from tests.docs import providers


def test_providers_page_is_fresh():
    page = providers.PAGE.read_text()
    assert providers.updated(page) == page, "docs/dns-providers.md is stale: make docs"
