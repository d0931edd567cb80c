# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose root is hostile: its Python edits what Ansible's modules answer.

A plan is a list of rules; each is a mapping:

    module      the module's name without its collection, or "*" for all
    set         {path: value}: set these, and make the mappings on the way to them that are missing
    remove      [path, ...]: remove these
    answer      take this value in place of the answer
    text        print this text in place of the answer; "\\udcff" is the byte 0xff
    sleep       for so many seconds do nothing, then end without an answer

A path is a JSON Pointer (RFC 6901): "/requests/0/csr_content". A rule whose path leads nowhere is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .hostile_python import FOLDER

if TYPE_CHECKING:
    from .lab import Lab

PYTHON = "/usr/bin/python3"
STAND_IN = Path(__file__).with_name("hostile_python.py")


def make_hostile(lab: Lab, host: str, plan: Sequence[dict[str, Any]]) -> None:
    """Have a host answer by a plan until make_honest(); only this host sees it."""
    folder = lab.path(host, FOLDER)
    folder.mkdir(exist_ok=True)
    (folder / "edited").write_text("")
    (folder / "edited").chmod(0o666)  # whoever runs modules notes there what was edited
    (folder / "plan.json").write_text(json.dumps(plan))
    real = os.path.realpath(PYTHON)  # the host's is the machine's
    _put(lab, host, f"#!{real} -I\n{STAND_IN.read_text()}")


def make_honest(lab: Lab, host: str) -> None:
    """Give a host its real Python back. Harmless where it has it."""
    python = lab.path(host, PYTHON)
    if not python.is_symlink():
        aside = python.with_name("python3.new")
        aside.symlink_to(os.readlink(PYTHON))
        aside.replace(python)


def edited(lab: Lab, host: str) -> list[str]:
    """Return the modules whose answers a hostile host edited, in order."""
    path = lab.path(host, f"{FOLDER}/edited")
    return path.read_text().split() if path.exists() else []


def _put(lab: Lab, host: str, program: str) -> None:
    python = lab.path(host, PYTHON)
    aside = python.with_name("python3.new")
    aside.write_text(program)
    aside.chmod(0o755)
    aside.replace(python)
