# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's tasks files for DNS providers, run with the collections that they need."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.integration.calls import CHECKOUT
from tests.lab import Lab

PROGRAMS = CHECKOUT / "build" / "venv-cloud" / "bin"  # made by: make test-integration
TASKS = CHECKOUT / "roles" / "acme" / "tasks" / "dns"

PLAYBOOK = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - include_tasks:
        file: "{{ tasks_file }}"
        apply:
          vars:
            ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


def record(name: str, zone: str, values: set[str], before: set[str], state: str) -> dict[str, Any]:
    """Return an entry of acme_dns_records, as dns_txt_record makes it: values to add to those before, or to remove."""
    after = before | values if state == "present" else before - values
    return {
        "name": name,
        "record": name.removesuffix(f".{zone}"),
        "zone": zone,
        "changes": sorted(values),
        "present": sorted(after),
        "before": sorted(before),
    }


def run_tasks(
    lab: Lab, folder: Path, provider: str, state: str, records: list[dict[str, Any]], options: dict[str, Any]
) -> subprocess.CompletedProcess[str]:
    """Run a provider's tasks file on the lab's controller; folder is for the playbook and its variables."""
    (folder / "playbook.yml").write_text(PLAYBOOK)
    variables = {
        "tasks_file": str(TASKS / f"{provider}.yml"),
        "acme_dns_records": records,
        "acme_dns_state": state,
        "acme_dns_options": options,
        "acme_dns_no_log": False,
    }
    (folder / "variables.json").write_text(json.dumps(variables))
    command = [PROGRAMS / "ansible-playbook", folder / "playbook.yml", "-e", f"@{folder / 'variables.json'}"]
    done: subprocess.CompletedProcess[str] = lab.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )
    print(done.stdout)
    return done
