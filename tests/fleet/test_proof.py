# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployment with proof, as a fleet sees it: one host whose web server does not take what is new, and handlers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.fleet import Fleet, Run

BROKEN = "/etc/nginx/conf.d/zz-broken.conf"
PLAYBOOK = """\
- hosts: web
  gather_facts: false
  roles: [certfleet.tls.acme]
  tasks:
    - ansible.builtin.fail:
      when: inventory_hostname in failing | default([])
  handlers:
    - name: Read it again
      ansible.builtin.shell: test ! -e /srv/broken && readlink /etc/acme/live/shop >> /srv/notified
      changed_when: true
"""


def serial(fleet: Fleet, version: str) -> str:
    """Return the serial number of a version on web2 from its manifest."""
    path = fleet.lab.path("web2", f"/etc/acme/versions/shop/{version}/version.json")
    return str(json.loads(path.read_text())["serial"])


@pytest.mark.hard
def test_proof_broken_web_server_rolls_back_until_repaired(small: Fleet) -> None:
    web = [Fleet.certificate("shop", probe=[{"timeout": 20}])]
    first = small.site(acme_certificates=[Fleet.certificate("shop")])
    assert first.code == 0
    small.enable_tls()
    before = small.serials()
    small.lab.path("web2", BROKEN).write_text("no_such_directive on;\n")

    renewed = small.site(acme_certificates=web, acme_force_renewal=True)
    assert renewed.hosts_with("failed") == ["web2"]
    message = renewed.message("web2")
    assert "the configuration of nginx is invalid" in message
    old, new = serial(small, "0001"), serial(small, "0002")
    assert f"version 0002 (serial {new}) is rolled back, version 0001 (serial {old}) is live again" in message
    assert int(old, 16) == before["web2"]
    after = small.serials()
    assert {host: after[host] == before[host] for host in after} == {"web1": False, "web2": True, "web3": False}
    for host in small.lab.hosts:
        small.check_served(host)

    # While nginx is broken no run sends a request to the CA, and the host fails.
    for check in ([], ["--check"]):
        mark = small.lab.pebble.mark()
        again = small.site(*check, acme_certificates=web)
        assert again.planned == ["web2: certificate shop: switch (switch outstanding)"]
        assert again.hosts_with("failed") == ([] if check else ["web2"])
        assert small.signed_requests(mark) == []
        assert small.serials() == after

    small.lab.path("web2", BROKEN).unlink()
    mark = small.lab.pebble.mark()
    mended = small.site(acme_certificates=web)
    assert (mended.code, mended.hosts_with("changed")) == (0, ["web2"])
    assert small.signed_requests(mark) == []
    assert small.live("web2").serial_number == int(new, 16)
    small.check_served("web2")
    last = small.site(acme_certificates=web)
    assert (last.planned, last.hosts_with("changed")) == ([], [])


@pytest.mark.hard
def test_proof_web_server_that_keeps_old_certificate_fails(small: Fleet) -> None:
    """It serves copies, which its reload does not renew."""
    assert small.site().code == 0
    before = small.serials()
    for host in small.lab.hosts:
        small.lab.exec(host, ["sh", "-c", "rm -rf /srv/kept && cp -rL /etc/acme/live/shop /srv/kept"], check=True)
        small.lab.enable_tls(host, "/srv/kept")
    run = small.site(
        acme_certificates=[Fleet.certificate("shop", probe=[{"timeout": 2, "address": "{{ inventory_hostname }}"}])],
        acme_force_renewal=True,
    )
    assert run.hosts_with("failed") == small.lab.hosts
    for host in small.lab.hosts:
        message = run.message(host)
        assert f"{host}:443 ({small.lab.fqdn(host)}) serves serial" in message
        assert "(tried for 2 seconds); version 0002 (serial" in message
    assert small.serials() == before


def notified(fleet: Fleet) -> dict[str, int]:
    """Return the number of runs of each host's handler, without hosts where it has not run."""
    paths = {host: fleet.lab.path(host, "/srv/notified") for host in fleet.lab.hosts}
    return {host: len(path.read_text().splitlines()) for host, path in paths.items() if path.exists()}


@pytest.fixture
def handled(small: Fleet) -> Iterator[Fleet]:
    """Yield three hosts without a trace of a handler, before and after."""

    def clean() -> None:
        for host in small.lab.hosts:
            small.lab.exec(host, ["rm", "-f", "/srv/notified", "/srv/broken"], check=True)

    clean()
    yield small
    clean()


def test_handlers_run_once_where_something_is_new(handled: Fleet, tmp_path: Path) -> None:
    """Handlers run right after the deployment: a failure after the role does not keep them from running."""
    playbook = tmp_path / "site.yml"
    playbook.write_text(PLAYBOOK)
    certificates = [Fleet.certificate(name, reload=[{"notify": "Read it again"}]) for name in ("shop", "mail")]
    for failed in (["web1"], []):
        variables = {"acme_certificates": certificates, "failing": failed}
        run = handled.run(handled.command(playbook=str(playbook), **variables))
        assert run.hosts_with("failed") == failed
        assert notified(handled) == dict.fromkeys(handled.lab.hosts, 1)
    assert (run.planned, run.hosts_with("changed")) == ([], [])


@pytest.mark.hard
def test_handlers_failed_one_is_notified_by_next_run(handled: Fleet, tmp_path: Path) -> None:
    playbook = tmp_path / "site.yml"
    playbook.write_text(PLAYBOOK)
    certificates = [
        Fleet.certificate("shop", reload=[{"notify": "Read it again"}]),
        Fleet.certificate("mail"),
    ]
    handled.lab.path("web2", "/srv/broken").touch()

    def run(*arguments: str) -> Run:
        return handled.run(handled.command(*arguments, playbook=str(playbook), acme_certificates=certificates))

    assert run().hosts_with("failed") == ["web2"]
    assert notified(handled) == {"web1": 1, "web3": 1}

    handled.lab.path("web2", "/srv/broken").unlink()
    outstanding = ["web2: certificate shop: repair (reload outstanding)"]
    assert run("--check").planned == outstanding
    mark = handled.lab.pebble.mark()
    again = run()
    assert (again.planned, again.code, again.hosts_with("changed")) == (outstanding, 0, ["web2"])
    assert handled.signed_requests(mark) == []
    assert notified(handled) == {"web1": 1, "web2": 1, "web3": 1}
    last = run()
    assert (last.planned, last.hosts_with("changed")) == ([], [])


HANDLERS = """\
- hosts: web
  become: true
  gather_facts: false
  vars:
    product: shop
  roles:
    - teller
    - certfleet.tls.acme
  handlers:
    - name: Never named
      ansible.builtin.lineinfile: {path: /srv/notified, line: topic, create: true, mode: "0644"}
      listen: tell the cluster
    - name: Restart {{ product }}
      ansible.builtin.lineinfile: {path: /srv/notified, line: template, create: true, mode: "0644"}
    - name: Shut down
      ansible.builtin.lineinfile: {path: /srv/notified, line: unnamed, create: true, mode: "0644"}
"""
OF_A_ROLE = """\
- name: Tell
  ansible.builtin.lineinfile: {path: /srv/notified, line: role, create: true, mode: "0644"}
"""


@pytest.mark.hard
def test_handlers_by_topic_by_template_and_of_role_are_notified(handled: Fleet, tmp_path: Path) -> None:
    playbook = tmp_path / "site.yml"
    playbook.write_text(HANDLERS)
    (tmp_path / "roles/teller/handlers").mkdir(parents=True)
    (tmp_path / "roles/teller/handlers/main.yml").write_text(OF_A_ROLE)
    names = ["tell the cluster", "Restart {{ product }}", "teller : Tell"]
    certificate = Fleet.certificate("shop", reload=[{"notify": name} for name in names])
    run = handled.run(handled.command(playbook=str(playbook), acme_certificates=[certificate]))
    assert run.code == 0, run.text
    for host in handled.lab.hosts:
        lines = handled.lab.path(host, "/srv/notified").read_text().splitlines()
        assert sorted(lines) == ["role", "template", "topic"], host
