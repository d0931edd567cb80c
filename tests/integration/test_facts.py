# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that facts never configure the role, and that the hosts of a batch have the same options."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.calls import COLLECTIONS
from tests.parameters import hard_after, hard_but

HOSTS = ("web1", "web2", "web3")
RFC2136 = {"provider": "rfc2136", "server": "192.0.2.1", "tsig_name": "acme"}
PASSWORD = "'/dev/null', chars=['ascii_letters', 'digits']"
ROLE = {"ansible.builtin.include_role": {"name": "certfleet.tls.acme"}}


@dataclass(frozen=True)
class Run:
    code: int
    text: str

    def failed(self, host: str) -> bool:
        return f"fatal: [{host}]" in self.text


class Play:
    """A play of the role for three hosts that are this machine, without certificates: no CA gets a request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: dict[str, Any] = {"acme_home": str(folder / "acme")}
        self.inventory: dict[str, Any] = {"acme_certificates": []}
        self.keywords: dict[str, Any] = {}
        self.settings: dict[str, str] = {}

    def run(self, *before: dict[str, Any], check: bool = False, **variables: Any) -> Run:
        """Run the tasks *before*, then the role; *variables* are the play's, as are self.keywords."""
        own = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        inventory = {"web": {"hosts": {key: {} for key in HOSTS}, "vars": {**own, **self.inventory}}}
        play = {
            "hosts": "web",
            "gather_facts": False,
            "vars": {**self.variables, **variables},
            "tasks": [*before, ROLE],
            **self.keywords,
        }
        for name, content in (("hosts.yml", inventory), ("play.yml", [play])):
            (self.folder / name).write_text(json.dumps(content))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        environment |= {"ANSIBLE_COLLECTIONS_PATH": COLLECTIONS, "ANSIBLE_HOME": str(self.folder), **self.settings}
        command = ["ansible-playbook", "-i", "hosts.yml", "play.yml", *(["--check"] if check else [])]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return Run(done.returncode, " ".join((done.stdout + done.stderr).split()))


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


class Planted:
    """A module that returns facts, as setup on a host that chooses its facts itself."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "library"
        self._library.mkdir()

    def facts(self, host: str, **values: Any) -> dict[str, Any]:
        """Return a task in which a host returns facts; those of set_fact come from the playbook."""
        answer = json.dumps(json.dumps({"changed": False, "ansible_facts": values}))
        (self._library / "plant.py").write_text(f"#!/usr/bin/python3\n# WANT_JSON\nprint({answer})\n")
        return {"plant": {}, "when": f"ansible_host == '{host}'"}


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


def fact(host: str, cacheable: bool = True, **values: Any) -> dict[str, Any]:
    """Return a task that sets facts of a host; *cacheable* ones are like those of setup."""
    return {
        "ansible.builtin.set_fact": {**values, "cacheable": cacheable},
        "when": f"inventory_hostname == '{host}'",
    }


@pytest.mark.parametrize("check", [False, pytest.param(True, marks=pytest.mark.hard)])
@pytest.mark.parametrize("host", hard_but(["web2"], HOSTS))
def test_role_fact_named_like_its_variable_host_left_out(play, host, check):
    done = play.run(fact(host, acme_dns={"example.com": {"provider": "exec"}}, _acme_request={}), check=check)
    assert [each for each in HOSTS if done.failed(each)] == [host], done.text
    assert f"host {host} is left out: its facts have the names of variables" in done.text
    assert "_acme_request, acme_dns, and facts take precedence over the inventory" in done.text
    assert "set_fact with 'cacheable: true' makes facts, too" in done.text
    assert "example.com" not in done.text


def test_role_set_fact_not_cacheable_accepted(play):
    done = play.run({"ansible.builtin.set_fact": {"acme_order_timeout": 60}})
    assert done.code == 0, done.text


def test_role_facts_not_injected_ignored(play):
    play.settings["ANSIBLE_INJECT_FACT_VARS"] = "false"
    done = play.run(fact("web1", cacheable=True, other=1), {"ansible.builtin.setup": {"gather_subset": ["!all"]}})
    assert done.code == 0, done.text


@pytest.mark.hard
def test_role_gathered_facts_accepted(play):
    done = play.run({"ansible.builtin.setup": {}})
    assert done.code == 0, done.text
    assert "its facts replace" not in done.text


@pytest.mark.parametrize(
    ("options", "warned", "failed"),
    hard_after(
        2,
        [
            ({}, True, []),
            ({"acme_shadowing_facts": "fail"}, True, ["web2"]),
            ({"acme_shadowing_facts": "fail", "acme_shadowing_facts_allowed": ["site"]}, False, []),
            ({"acme_shadowing_facts": "fail", "acme_shadowing_facts_allowed": "packages,site"}, False, []),
        ],
    ),
    ids=["warn", "fail", "allowed", "allowed by a string"],
)
def test_role_fact_replaces_inventory_variable_warned_or_refused(play, options, warned, failed):
    play.inventory["site"] = "shop.example"
    done = play.run(fact("web2", site="bank.example", unrelated=1), **options)
    line = "host web2: its facts replace variables of the inventory: site"
    assert (line in done.text) is warned, done.text
    assert [host for host in HOSTS if done.failed(host)] == failed


def test_role_fact_replaces_group_vars_warned(play):
    (play.folder / "group_vars").mkdir()
    (play.folder / "group_vars" / "web.yml").write_text("site: shop.example\n")
    done = play.run(fact("web3", site="bank.example"))
    assert "host web3: its facts replace variables of the inventory: site" in done.text


@pytest.mark.parametrize(
    ("host", "name", "value"),
    hard_after(1, [("web1", "inventory_hostname", "web2"), ("web2", "omit", "planted"), ("web3", "lookup", "planted")]),
)
def test_role_fact_named_like_ansible_s_variable_host_left_out(play, planted, host, name, value):
    """With inventory_hostname a host poses as another one; with lookup and omit it changes tasks for all hosts."""
    done = play.run(planted.facts(host, **{name: value}))
    assert [each for each in HOSTS if done.failed(each)] == [host], done.text
    assert f"of Ansible, {name}, and facts take precedence over the inventory" in done.text


@pytest.mark.parametrize("templated", hard_after(1, ["{{ site }}", "{{ extra | default('') }}"]))
def test_role_fact_changes_option_host_left_out(play, planted, templated):
    play.inventory |= {"site": "1d", "acme_run_interval": templated}
    done = play.run(planted.facts("web1", site="1h", extra="1h"))
    assert [each for each in HOSTS if done.failed(each)] == ["web1"], done.text
    assert "its facts change acme_run_interval" in done.text


@pytest.mark.parametrize(
    "certificates", hard_after(1, ["{{ extra | default([]) }}", "{{ [] if site == 'shop' else [site] }}"])
)
def test_role_fact_changes_certificates_host_left_out(play, planted, certificates):
    play.inventory |= {"site": "shop", "acme_certificates": certificates}
    club = {"name": "club", "identifiers": ["club.example"], "http_01_listen": "80", "shared": True}
    done = play.run(planted.facts("web2", extra=[club], site=club))
    assert [each for each in HOSTS if done.failed(each)] == ["web2"], done.text
    assert "its facts change acme_certificates" in done.text


@pytest.mark.parametrize(
    "environment", hard_after(1, ["{{ proxies }}", [{"https_proxy": "{{ proxies.https_proxy }}"}]])
)
def test_role_fact_changes_environment_host_left_out(play, planted, environment):
    play.inventory["proxies"] = {"https_proxy": "http://proxy.example:3128"}
    play.keywords["environment"] = environment
    done = play.run(planted.facts("web1", proxies={"https_proxy": "http://192.0.2.7", "HOME": "/tmp"}))
    assert [each for each in HOSTS if done.failed(each)] == ["web1"], done.text
    assert "its facts change environment" in done.text


def test_role_environment_without_facts_accepted(play, planted):
    play.inventory["proxies"] = {"https_proxy": "http://proxy.example:3128"}
    play.keywords["environment"] = "{{ proxies }}"
    done = play.run(planted.facts("web1", other="unrelated"))
    assert done.code == 0, done.text


def test_role_fact_used_by_ansible_facts_accepted(play, planted):
    play.inventory["acme_home"] = "/tmp/{{ ansible_facts.place | default('nowhere') }}"
    done = play.run(planted.facts("web2", place="here", other="unrelated"))
    assert done.code == 0, done.text


def test_role_fact_with_same_name_in_ansible_facts_warned(play, planted):
    """In ansible_facts, ansible_site and site are one fact; as variables they are two."""
    play.inventory["site"] = "shop.example"
    done = play.run(planted.facts("web2", site="bank.example", ansible_site="x"))
    assert "host web2: its facts replace variables of the inventory: site" in done.text


def test_role_option_differs_between_hosts_values_named(play):
    differing = "{{ 'https://one.example/' if inventory_hostname == 'web1' else 'https://other.example/' }}"
    done = play.run(acme_ca_path=differing)
    assert done.code != 0
    assert "acme_ca_path differs between web1 ('https://one.example/') and web2 ('https://other.example/')" in done.text


@pytest.mark.parametrize(
    ("variable", "value"),
    hard_after(
        1,
        [
            ("acme_dns", {"example.com": {**RFC2136, "tsig_secret": "sesame{{ inventory_hostname }}AA"}}),
            ("acme_account_key_passphrase", "sesame{{ inventory_hostname }}"),
            ("acme_eab", {"kid": "k", "key": "sesame{{ inventory_hostname }}"}),
            (
                "acme_directory",
                [{"directory": "letsencrypt", "account_key_passphrase": "sesame{{ inventory_hostname }}"}],
            ),
        ],
    ),
)
def test_role_secret_differs_between_hosts_values_hidden(play, variable, value):
    done = play.run(**{variable: value})
    assert f"{variable} differs between web1 and web2: the hosts of one play" in done.text
    assert "sesame" not in done.text


@pytest.mark.hard
def test_role_secret_differs_at_each_lookup_refused(play):
    done = play.run(acme_eab={"kid": "k", "key": f"{{{{ lookup('ansible.builtin.password', {PASSWORD}) }}}}"})
    assert done.code != 0
    assert "acme_eab differs between web1 and web2" in done.text


@pytest.mark.hard
def test_role_host_left_out_options_not_compared(play):
    done = play.run(fact("web1", acme_order_timeout=1))
    assert [host for host in HOSTS if done.failed(host)] == ["web1"]
    assert "differs" not in done.text
