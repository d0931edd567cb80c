# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._play import keywords
from tests.unit.steps import revocations

choose = revocations.choose


@pytest.fixture(autouse=True)
def _any_strategy(monkeypatch):
    """Have the first step take each strategy for right: without ansible-playbook, plugins cannot be loaded by name."""
    monkeypatch.setattr(keywords, "problem_of_strategy", lambda _play: "")
