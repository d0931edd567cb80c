# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that every test that SECURITY.md names exists."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]
ROW = re.compile(r"^\| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


def test_security_page_tests_exist():
    rows = [cell for cell in ROW.findall((CHECKOUT / "SECURITY.md").read_text()) if cell not in ("test", "---")]
    assert rows
    for cell in rows:
        folder = None
        for path in re.findall(r"`([^`]+)`", cell):
            found = CHECKOUT / path if "/" in path else folder / path
            folder = found.parent
            assert found.is_file(), path
