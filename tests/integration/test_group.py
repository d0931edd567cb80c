# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of CA and account, given once for all modules of the group acme."""

from __future__ import annotations

import subprocess

import yaml

from tests.integration.calls import CHECKOUT
from tests.integration.orders import NEW

# Other options that each module needs.
GROUP = {
    "acme_account": NEW,
    "acme_account_info": {},
    "acme_authorization": {},
    "acme_order": {"orders": []},
    "acme_order_finalize": {"orders": []},
    "acme_revoke": {"certificates": []},
}


def test_group_defaults_apply_to_its_modules_only(lab, tmp_path):
    directory = lab.pebble.directory_url
    others = {
        "acme_plan": {"acme_directory": directory, "certificates": []},
        "acme_directory_info": {"acme_directory": [directory], "ca_path": str(lab.pebble.ca_path)},
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {
            "group/certfleet.tls.acme": {
                "acme_directory": directory,
                "ca_path": str(lab.pebble.ca_path),
                "account_key_src": str(tmp_path / "account-key.pem"),
            }
        },
        "tasks": [{f"certfleet.tls.{module}": options} for module, options in {**GROUP, **others}.items()],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    command = ["ansible-playbook", str(tmp_path / "play.yml")]
    done = lab.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_group_modules_are_all_tested():
    runtime = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text())
    assert set(runtime["action_groups"]["acme"]) == set(GROUP)
