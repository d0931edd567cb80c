# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small plays in a folder, run by one of the versions of ansible-core that a controller may have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import cores

CHECKOUT = Path(__file__).parents[2]
INVENTORY = 'web1 ansible_connection=local ansible_python_interpreter="{{ ansible_playbook_python }}"\n'


@dataclass(frozen=True)
class Run:
    code: int
    text: str

    def failures(self, host: str) -> list[str]:
        """Return the messages of the tasks that failed *host*; results are shown as JSON."""
        return [
            json.JSONDecoder().raw_decode(rest, rest.index("=> ") + 3)[0]["msg"]
            for rest in self.text.split(f"fatal: [{host}]: FAILED! ")[1:]
        ]

    def counted(self, host: str) -> dict[str, int]:
        """Return what the recap counts for *host*."""
        line = next(line for line in self.text.splitlines() if line.startswith(f"{host} ") and "ok=" in line)
        return {name: int(count) for name, count in (part.split("=") for part in line.split() if "=" in part)}


def write(folder: Path, files: Mapping[str, Any]) -> None:
    """Write *files* by their paths in *folder*; what is not a text is written as JSON, which is YAML as well."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def run(folder: Path, core: str, playbook: str, *arguments: str, **settings: str) -> Run:
    """Run *playbook*, its path in *folder* or its name, with the "oldest", the "newest" or the tests' own core ("").

    An inventory of one host, this machine, is made where *folder* has no file `inventory`.
    """
    inventory = folder / "inventory"
    if not inventory.exists():
        inventory.write_text(INVENTORY)
    program = cores.program(core) if core else Path(sys.executable).with_name("ansible-playbook")
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / "build" / "collections_dev"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_NOCOLOR": "1",
        **settings,
    }
    command = [program, "-i", inventory, playbook, *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return Run(done.returncode, done.stdout + done.stderr)
