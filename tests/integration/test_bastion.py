# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of the controller: with delegate_to another host they work there, and else on the controller."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.integration.orders import NEW

PYTHON = str(Path(sys.prefix).resolve() / "bin" / "python")  # hosts see the machine, but for its /tmp
KEY = "/root/bastion/account-key.pem"
CA = "/root/ca.pem"
SECRET = "c2VzYW1l"  # base64, as TSIG keys are


pytestmark = pytest.mark.skipif(
    Path(PYTHON).is_relative_to("/tmp"),
    reason="a bastion needs the tests' Python, and hosts of the lab have a /tmp of their own",
)


def run(lab, tmp_path, *tasks):
    """Run a play over the lab's host with the Python of the tests there, which has the libraries."""
    play = {
        "hosts": "web1",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": PYTHON},
        "tasks": list(tasks),
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    command = ["ansible-playbook", "-vvv", str(tmp_path / "play.yml")]
    done = lab.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    return done.returncode, done.stdout


def test_delegated_task_runs_on_bastion(lab, host, tmp_path):
    lab.path("web1", CA).write_text(lab.pebble.ca_path.read_text())
    host.shell(f"grep -q ca.{lab.domain} /etc/hosts || echo {lab.controller} ca.{lab.domain} >> /etc/hosts")
    options = {"acme_directory": lab.pebble.directory_url, "ca_path": CA, "account_key_src": KEY}
    there = {"delegate_to": "web1"}
    code, text = run(
        lab,
        tmp_path,
        {"certfleet.tls.acme_account": {**options, **NEW}, **there, "register": "made"},
        {"certfleet.tls.acme_account_info": options, **there, "register": "found"},
        {"ansible.builtin.assert": {"that": ["made is changed", "found.account.uri == made.account_uri"]}},
    )
    assert code == 0, text
    assert host.path(KEY).is_file()


def test_task_not_delegated_runs_on_controller(lab, host, tmp_path):
    key = tmp_path / "account-key.pem"
    ca = {"acme_directory": lab.pebble.directory_url, "ca_path": str(lab.pebble.ca_path)}
    code, text = run(lab, tmp_path, {"certfleet.tls.acme_account": {**ca, "account_key_src": str(key), **NEW}})
    assert code == 0, text
    assert key.is_file()
    assert not host.path(str(key)).is_file()


def test_delegated_task_credentials_are_in_no_result_and_no_log(lab, host, tmp_path):
    zone = {"provider": "rfc2136", "server": "127.0.0.1", "tsig_name": "acme", "tsig_secret": SECRET}
    records = [{"name": f"_acme-challenge.{lab.domain}", "value": "x"}]
    options = {"records": records, "zones": {lab.domain: zone}, "resolver": ["127.0.0.1:9"], "timeout": 1}
    # A module sends what it logs to /dev/log.
    listen = "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('/dev/log')"
    hear = f"{listen}; f = open('/root/log', 'ab', 0)\nwhile True: f.write(s.recv(65536))"
    host.shell(f'rm -f /dev/log /root/log; setsid {PYTHON} -c "{hear}" >/dev/null 2>&1 & sleep 1')
    assert host.path("/root/log").exists()
    code, text = run(lab, tmp_path, {"certfleet.tls.dns_txt_record": options, "delegate_to": "web1"})
    assert code != 0
    assert "not all TXT records could be set" in text
    assert SECRET not in text
    assert SECRET not in host.read("/root/log")
