# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo fails where what it shows is not so."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from tests.demo import __main__ as demo
from tests.fleet.fleet import Run

RECAP = "web1 : ok=3 changed={} unreachable=0 failed=0\nweb2 : ok=3 changed=0 unreachable=0 failed=0\n"
FIRST, NOTHING = Run(0, RECAP.format(2)), Run(0, RECAP.format(0))


@pytest.mark.parametrize(
    ("runs", "verified", "status"),
    [
        ([FIRST, NOTHING], True, 0),
        ([FIRST, FIRST], True, 1),
        ([FIRST, Run(2, "")], True, 1),
        ([Run(2, "")], True, 1),
        ([FIRST, NOTHING], False, 1),
    ],
    ids=["as it should be", "the second run changes", "the second run fails", "the first run fails", "not verified"],
)
def test_show_exit_status(monkeypatch, runs, verified, status):
    runs = iter(runs)
    monkeypatch.setattr(demo, "play", lambda lab: next(runs))
    monkeypatch.setattr(demo, "describe", lambda lab, host: verified)
    assert demo.show(MagicMock(hosts=["web1", "web2"], fqdn=str)) == status
