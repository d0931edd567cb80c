# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest and the newest ansible-core that a controller may have."""

from __future__ import annotations

from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "build"
VENVS = {"oldest": BUILD / "venv-oldest-controller", "newest": BUILD / "venv-newest-controller"}
MISSING = {
    "oldest": "build/venv-oldest-controller is missing: make build/venv-oldest-controller/stamp",
    "newest": "this machine has no Python 3.12 or later for the newest ansible-core, or it is not set up: "
    "make build/venv-newest-controller/stamp",
}


def program(core: str, name: str = "ansible-playbook") -> Path:
    """Return a program of the "oldest" or "newest" ansible-core, which is there if is_there() says so."""
    return VENVS[core] / "bin" / name


def is_there(core: str) -> bool:
    return program(core).exists()


# For pytest.mark.parametrize: a core that is missing is skipped, with the reason.
PARAMETERS = [
    pytest.param(core, marks=pytest.mark.skipif(not is_there(core), reason=reason)) for core, reason in MISSING.items()
]
