# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the playbooks that replace or revoke contact no host of the inventory if no hosts are given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PLAYBOOKS = ("revoke", "compromise", "replace")
# A module on a host would use this connection, which fails with another message.
INVENTORY = "[web]\nweb1 ansible_connection=none_such\nweb2 ansible_connection=none_such\n"


def run(folder, playbook, *arguments):
    inventory = folder / "inventory.ini"
    inventory.write_text(INVENTORY)
    program = Path(sys.executable).with_name("ansible-playbook")
    collections = CHECKOUT / "build" / "collections_dev"
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [program, "-i", str(inventory), f"certfleet.tls.{playbook}", *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("playbook", PLAYBOOKS)
@pytest.mark.parametrize("arguments", [(), ("-l", "", "-e", "acme_hosts=")], ids=["none", "empty"])
def test_playbook_no_hosts_given_refused(tmp_path, playbook, arguments):
    code, text = run(tmp_path, playbook, *arguments, "-e", "acme_revoke=shop")
    assert code != 0
    assert "Traceback" not in text
    assert "[web1]" not in text
    result = json.JSONDecoder().raw_decode(text, text.index("=> {") + 3)[0]
    assert result["msg"] == (
        "no hosts are given, and this playbook has no default: name them by --limit web1 or by -e acme_hosts=web1, or "
        "run with --limit all"
    )


@pytest.mark.parametrize("playbook", PLAYBOOKS)
@pytest.mark.parametrize(
    ("arguments", "hosts"),
    [
        (("-l", "web1"), ["web1"]),
        (("-l", "all"), ["web1", "web2"]),
        (("-e", "acme_hosts=web2"), ["web2"]),
        (("-e", "acme_hosts=web", "-l", "web1"), ["web1"]),
    ],
    ids=["limit", "all", "acme_hosts", "both"],
)
def test_playbook_hosts_given_has_these(tmp_path, playbook, arguments, hosts):
    code, text = run(tmp_path, playbook, *arguments, "--list-hosts")
    assert code == 0
    listed = {line.strip() for line in text.splitlines()} & {"web1", "web2", "localhost"}
    assert sorted(listed) == hosts
