# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts whose Python is too old: each ansible-core answers otherwise for them, and we say the same line."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.lab import cores

CHECKOUT = Path(__file__).parents[2]
# Says that it is Python 3.6, and fails as that does with our modules.
FAKE = """#!/bin/sh
[ "$1" = -c ] && echo 3.6 && exit
echo '  File "<stdin>", line 1' >&2
echo 'SyntaxError: future feature annotations is not defined' >&2
exit 1
"""
PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"certfleet.tls.certificate_info": {"home": "/nonexistent"}}],
    }
]


def interpreters(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the paths of Pythons, and their versions, by a name for their host: the fake one and what is here."""
    fake = folder / "fake-python3.6"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    found = {"fake": (str(fake), "3.6")}
    for version in ("2.7", "3.6", "3.7", "3.8"):
        finder = ["sh", str(CHECKOUT / "tests/setup/find-python.sh"), version]
        path = subprocess.run(finder, check=False, capture_output=True, text=True).stdout.strip()
        if path:
            found[f"python{version}"] = (path, version)
    return found


@pytest.mark.parametrize("core", [cores.parameter(core=core, hard=core != "") for core in ("", "oldest", "newest")])
def test_role_old_python_of_host_fails_in_one_line(core: str, tmp_path: Path) -> None:
    hosts = interpreters(tmp_path)
    inventory = {name: {"ansible_python_interpreter": path} for name, (path, _version) in hosts.items()}
    inventory["none"] = {"ansible_python_interpreter": "/usr/bin/python3.99"}
    inventory["new"] = {"ansible_python_interpreter": "/usr/bin/python3"}
    variables = {"ansible_connection": "local"}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": inventory, "vars": variables}}))
    (tmp_path / "play.json").write_text(json.dumps(PLAY))
    program = str(cores.program(core)) if core else "ansible-playbook"
    done = subprocess.run(
        [program, "-i", tmp_path / "hosts.json", tmp_path / "play.json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "HOME": str(tmp_path), "ANSIBLE_LOCALHOST_WARNING": "false"},
    )
    told = {
        host: json.loads(result)["msg"]
        for host, result in re.findall(r"^fatal: \[(\w.*)\]: FAILED! => (.*)$", done.stdout, re.M)
    }
    needed = (
        "and the modules of certfleet.tls need 3.9 or later. Set ansible_python_interpreter to a newer one, such as"
    )
    wanted = {
        name: f"host {name}: its Python at {path} is {version}, {needed} /usr/bin/python3.11"
        for name, (path, version) in hosts.items()
    }
    wanted["none"] = (
        "host none: there is no Python at /usr/bin/python3.99. Set ansible_python_interpreter to one that exists, "
        "such as /usr/bin/python3.11"
    )
    assert told == wanted, done.stdout + done.stderr
    assert "ok: [new]" in done.stdout
