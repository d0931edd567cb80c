# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the playbooks with handlers, in batches, and with failures; no certificate is due in any run."""

from __future__ import annotations

import pytest
import yaml

from tests.lab import cores, runs

# The one that differs most from the tests' own; that one and the newest only in the longer tests.
CORES = [
    cores.parameter(core="oldest"),
    cores.parameter(core="", hard=True),
    cores.parameter(core="newest", hard=True),
]
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
DEPLOYING = ("compromise", "replace", "site")
HANDLERS = [{"name": "Reload web", "debug": {"msg": "web was reloaded"}}]
PLAYBOOKS = runs.CHECKOUT / "playbooks"


def write(folder, **hosts):
    """Write an inventory of three hosts that are this machine, with variables for some of them."""
    named = {name: hosts.get(name, {}) for name in ("web1", "web2", "web3")}
    given = {**LOCAL, "acme_home": str(folder / "acme"), "acme_certificates": []}
    runs.write(folder, {"inventory": {"all": {"hosts": named, "vars": given}}, "own/handlers.yml": HANDLERS})


@pytest.mark.parametrize("name", DEPLOYING)
def test_playbooks_that_deploy_have_handlers_and_last_play(name):
    first, *_others, last = yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text())
    assert [task["ansible.builtin.import_tasks"] for task in first["handlers"]] == ["handlers/main.yml"]
    assert last["ansible.builtin.import_playbook"] == "failures.yml"


@pytest.mark.parametrize("core", CORES)
def test_handlers_of_playbooks_loaded_from_file(tmp_path, core):
    write(tmp_path)
    task = {"debug": {"msg": "changed"}, "changed_when": True, "notify": "Reload web"}
    handlers = [{"import_tasks": str(PLAYBOOKS / "handlers" / "main.yml")}]
    play = {"hosts": "web1", "gather_facts": False, "tasks": [task], "handlers": handlers}
    runs.write(tmp_path, {"plays/play.yml": [play]})
    done = runs.run(tmp_path, core, "plays/play.yml", "-e", "acme_handlers=own/handlers.yml")
    assert "web was reloaded" in done.text
    without = runs.run(tmp_path, core, "plays/play.yml", "-e", "acme_handlers=")
    assert "The requested handler 'Reload web' was not found" in without.text
    missing = runs.run(tmp_path, core, "plays/play.yml", "-e", "acme_handlers=handlers.yml")
    assert f"Could not find or access '{tmp_path / 'handlers.yml'}'" in missing.text


@pytest.mark.parametrize(
    ("arguments", "batches"),
    [
        ((), 1),
        (("-e", "acme_serial="), 1),
        (("-e", "acme_serial=2"), 2),
        (("-e", '{"acme_serial": [1, "100%"]}', "-e", "acme_handlers=own/handlers.yml"), 2),
    ],
)
@pytest.mark.parametrize("core", CORES)
def test_site_acme_serial_runs_in_batches(tmp_path, core, arguments, batches):
    write(tmp_path)
    done = runs.run(tmp_path, core, "certfleet.tls.site", *arguments)
    assert done.code == 0, done.text
    assert done.text.count("PLAY [Keep the certificates valid]") == batches
    assert "WARNING" not in done.text


FAILURES = ["certificate 'shop': the order is invalid", "certificate 'mail': not reloaded"]


@pytest.mark.parametrize("core", CORES)
def test_site_host_with_failures_fails_after_all_batches(tmp_path, core):
    write(tmp_path, web1={"_acme_deployed": {"unserved": FAILURES}})
    done = runs.run(tmp_path, core, "certfleet.tls.site", "-e", "acme_serial=1")
    assert done.code == 2
    assert done.failures("web1") == ["; ".join(FAILURES)]
    assert [done.counted(host)["failed"] for host in ("web1", "web2", "web3")] == [1, 0, 0]
    assert done.counted("web3")["ok"] > 0


@pytest.mark.parametrize("core", CORES)
def test_failures_hosts_with_failures_not_contacted(tmp_path, core):
    gone = {"ansible_connection": "ssh", "ansible_ssh_executable": "/bin/false"}
    write(tmp_path, web2={"_acme_found": {"unserved": FAILURES}, **gone}, web3={"_acme_found": {"unserved": []}})
    before = {"hosts": "all", "gather_facts": False, "tasks": []}
    runs.write(tmp_path, {"play.yml": [before, {"import_playbook": "certfleet.tls.failures"}]})
    done = runs.run(tmp_path, core, "play.yml")
    assert done.code == 2, done.text
    assert done.failures("web2") == ["; ".join(FAILURES)]
    assert done.text.count("TASK [") == 1
    assert "web1" not in done.text
    assert "web3" not in done.text


@pytest.mark.parametrize("core", CORES)
def test_failures_no_failures_runs_no_task(tmp_path, core):
    write(tmp_path)
    done = runs.run(tmp_path, core, "certfleet.tls.failures")
    assert done.code == 0
    assert "TASK [" not in done.text
    assert "WARNING" not in done.text
