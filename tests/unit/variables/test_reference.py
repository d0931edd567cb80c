# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference of variables and modules has what the sources have."""

from __future__ import annotations

from tests.docs import reference


def test_reference_page_is_fresh():
    page = reference.PAGE.read_text()
    assert reference.updated(page) == page, f"{reference.PAGE.name} is stale: make docs"
