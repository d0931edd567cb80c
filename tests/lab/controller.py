# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings for ssh and Ansible, with which the controller reaches a lab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lab import Lab

DEV = Path(__file__).parents[2] / "build" / "collections_dev"  # made by: make venv

SSH_CONFIG = """\
Host *
    User root
    IdentityFile "{ssh}/id"
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile "{ssh}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 5
"""

# Nothing of the person's own settings, and no callbacks: the output is what it always is.
ANSIBLE_CFG = """\
[defaults]
home = {state}/ansible
inventory = {state}/inventory.ini
collections_path = {collections}
forks = {forks}
remote_user = root
host_key_checking = True
retry_files_enabled = False
localhost_warning = False
[ssh_connection]
pipelining = True
ssh_args = -F "{state}/ssh_config" -o ControlMaster=auto -o ControlPersist=60s
control_path_dir = {control}
"""


def write(lab: Lab) -> None:
    """Write ssh_config, inventory.ini, ansible.cfg and vars.json into the lab's state directory."""
    options = lab.options
    (lab.state / "ssh_config").write_text(SSH_CONFIG.format(ssh=lab.state / "ssh"))
    (lab.state / "ansible.cfg").write_text(
        ANSIBLE_CFG.format(
            state=lab.state,
            collections=options.collections_path or DEV,
            forks=options.forks or min(20, len(lab.hosts)),
            control=lab.control,
        )
    )
    hosts = "".join(f"{host} ansible_host={lab.address(host)}\n" for host in lab.hosts)
    (lab.state / "inventory.ini").write_text(
        f"[web]\n{hosts}\n[web:vars]\nansible_python_interpreter=/usr/bin/python3\n"
    )
    variables = {
        "acme_directory": lab.pebble.directory_url,
        "acme_ca_path": str(lab.pebble.ca_path),
        "lab_domain": lab.domain,
        "lab_controller": lab.controller,
        "lab_eab": lab.pebble.eab,
    }
    if options.dns_zones:
        variables["acme_dns"] = lab.authorities.providers()
    (lab.state / "vars.json").write_text(json.dumps(variables, indent=2) + "\n")
