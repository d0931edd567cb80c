# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest and the newest ansible-core that a controller may have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

BUILD = Path(__file__).parents[2] / "build"
VENVS = {"oldest": BUILD / "venv-oldest-controller", "newest": BUILD / "venv-newest-controller"}
MISSING = {
    "oldest": "build/venv-oldest-controller is missing: make build/venv-oldest-controller/stamp",
    "newest": "this machine has no Python 3.13 or later for the newest ansible-core, or it is not set up: "
    "make build/venv-newest-controller/stamp",
}


def program(core: str, name: str = "ansible-playbook") -> Path:
    """Return a program of the "oldest" or "newest" ansible-core, which is there if is_there() says so."""
    return VENVS[core] / "bin" / name


def is_there(core: str) -> bool:
    return program(core).exists()


def parameter(*values: Any, core: str, hard: bool = False, id: str | None = None) -> Any:  # noqa: A002 - pytest's name
    """Return values and a core for pytest.mark.parametrize; without the core the test is skipped, with the reason.

    The core "" is that of the tests themselves. hard: only make test-labs-hard has it.
    """
    missing = core != "" and not is_there(core)
    marks = [pytest.mark.skipif(missing, reason=MISSING.get(core, "")), *([pytest.mark.hard] if hard else [])]
    return pytest.param(*values, core, marks=marks, id=id)
