# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts never configure the role, and the options of the batch are the same for all hosts: plays of three hosts."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.calls import COLLECTIONS

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
    """The role over three hosts that are this machine, with no certificate: nothing is asked of any CA."""

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
    """A module that answers with facts, as setup does on a host that chooses its facts itself."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "library"
        self._library.mkdir()

    def facts(self, host: str, **values: Any) -> dict[str, Any]:
        """A task that gives a host facts, which are not the playbook's own word as those of set_fact are."""
        answer = json.dumps(json.dumps({"changed": False, "ansible_facts": values}))
        (self._library / "plant.py").write_text(f"#!/usr/bin/python3\n# WANT_JSON\nprint({answer})\n")
        return {"plant": {}, "when": f"ansible_host == '{host}'"}


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


def fact(host: str, cacheable: bool = True, **values: Any) -> dict[str, Any]:
    """A task that gives a host facts; with *cacheable* they are what setup's facts are."""
    return {
        "ansible.builtin.set_fact": {**values, "cacheable": cacheable},
        "when": f"inventory_hostname == '{host}'",
    }


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("host", HOSTS)
def test_role_host_with_a_fact_for_its_variable_is_left_out_alone(play, host, check):
    done = play.run(fact(host, acme_dns={"example.com": {"provider": "exec"}}, _acme_request={}), check=check)
    assert [each for each in HOSTS if done.failed(each)] == [host], done.text
    assert f"host {host} is left out: its facts have the names of variables" in done.text
    assert "_acme_request, acme_dns, and facts win over the inventory" in done.text
    assert "set_fact with 'cacheable: true' makes facts, too" in done.text
    assert "example.com" not in done.text


def test_role_set_fact_is_the_playbook_s_own_word(play):
    done = play.run({"ansible.builtin.set_fact": {"acme_order_timeout": 60}})
    assert done.code == 0, done.text


def test_role_facts_that_are_no_variables_are_ignored(play):
    play.settings["ANSIBLE_INJECT_FACT_VARS"] = "false"
    done = play.run(fact("web1", cacheable=True, other=1), {"ansible.builtin.setup": {"gather_subset": ["!all"]}})
    assert done.code == 0, done.text


def test_role_gathered_facts_are_fine(play):
    done = play.run({"ansible.builtin.setup": {}})
    assert done.code == 0, done.text
    assert "facts of host" not in done.text


@pytest.mark.parametrize(
    ("options", "warned", "failed"),
    [
        ({}, True, []),
        ({"acme_shadowing_facts": "fail"}, True, ["web2"]),
        ({"acme_shadowing_facts": "fail", "acme_shadowing_facts_allowed": ["site"]}, False, []),
        ({"acme_shadowing_facts": "fail", "acme_shadowing_facts_allowed": "packages,site"}, False, []),
    ],
    ids=["warn", "fail", "allowed", "allowed by a text"],
)
def test_role_fact_for_a_variable_of_the_inventory(play, options, warned, failed):
    play.inventory["site"] = "shop.example"
    done = play.run(fact("web2", site="bank.example", unrelated=1), **options)
    line = "facts of host web2 have taken the place of variables of the inventory: site"
    assert (line in done.text) is warned, done.text
    assert [host for host in HOSTS if done.failed(host)] == failed


def test_role_fact_for_a_variable_of_a_group_vars_file(play):
    (play.folder / "group_vars").mkdir()
    (play.folder / "group_vars" / "web.yml").write_text("site: shop.example\n")
    done = play.run(fact("web3", site="bank.example"))
    assert "facts of host web3 have taken the place of variables of the inventory: site" in done.text


@pytest.mark.parametrize(
    ("host", "name", "value"),
    [("web1", "inventory_hostname", "web2"), ("web2", "omit", "planted"), ("web3", "lookup", "planted")],
)
def test_role_fact_for_a_name_of_ansible_itself_is_refused(play, planted, host, name, value):
    """With inventory_hostname a host is another one; with lookup and omit it has a say in tasks for all."""
    done = play.run(planted.facts(host, **{name: value}))
    assert [each for each in HOSTS if done.failed(each)] == [host], done.text
    assert f"of Ansible itself, {name}, and facts win over the inventory" in done.text


@pytest.mark.parametrize("templated", ["{{ site }}", "{{ extra | default('') }}"])
def test_role_fact_that_an_option_is_templated_from_fails_its_host_alone(play, planted, templated):
    play.inventory |= {"site": "1d", "acme_run_interval": templated}
    done = play.run(planted.facts("web1", site="1h", extra="1h"))
    assert [each for each in HOSTS if done.failed(each)] == ["web1"], done.text
    assert "acme_run_interval is another with its facts than without them" in done.text


@pytest.mark.parametrize("certificates", ["{{ extra | default([]) }}", "{{ [] if site == 'shop' else [site] }}"])
def test_role_host_chooses_none_of_its_certificates_by_facts(play, planted, certificates):
    play.inventory |= {"site": "shop", "acme_certificates": certificates}
    club = {"name": "club", "identifiers": ["club.example"], "http_01_listen": "80", "shared": True}
    done = play.run(planted.facts("web2", extra=[club], site=club))
    assert [each for each in HOSTS if done.failed(each)] == ["web2"], done.text
    assert "acme_certificates is another with its facts than without them" in done.text


@pytest.mark.parametrize("environment", ["{{ proxies }}", [{"https_proxy": "{{ proxies.https_proxy }}"}]])
def test_role_host_chooses_no_environment_of_the_controller_by_facts(play, planted, environment):
    play.inventory["proxies"] = {"https_proxy": "http://proxy.example:3128"}
    play.keywords["environment"] = environment
    done = play.run(planted.facts("web1", proxies={"https_proxy": "http://192.0.2.7", "HOME": "/tmp"}))
    assert [each for each in HOSTS if done.failed(each)] == ["web1"], done.text
    assert "environment is another with its facts than without them" in done.text


def test_role_environment_without_a_fact_in_it_is_fine(play, planted):
    play.inventory["proxies"] = {"https_proxy": "http://proxy.example:3128"}
    play.keywords["environment"] = "{{ proxies }}"
    done = play.run(planted.facts("web1", other="unrelated"))
    assert done.code == 0, done.text


def test_role_fact_that_is_written_as_one_is_fine(play, planted):
    play.inventory["acme_home"] = "/tmp/{{ ansible_facts.place | default('nowhere') }}"
    done = play.run(planted.facts("web2", place="here", other="unrelated"))
    assert done.code == 0, done.text


def test_role_fact_does_not_hide_behind_another(play, planted):
    """In ansible_facts, ansible_site and site are one; as variables they are two."""
    play.inventory["site"] = "shop.example"
    done = play.run(planted.facts("web2", site="bank.example", ansible_site="x"))
    assert "facts of host web2 have taken the place of variables of the inventory: site" in done.text


def test_role_option_that_differs_is_refused_with_hosts_and_values(play):
    differing = "{{ 'https://one.example/' if inventory_hostname == 'web1' else 'https://other.example/' }}"
    done = play.run(acme_ca_path=differing)
    assert done.code != 0
    assert "acme_ca_path differs between web1 ('https://one.example/') and web2 ('https://other.example/')" in done.text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("acme_account_key_passphrase", "sesame{{ inventory_hostname }}"),
        ("acme_eab", {"kid": "k", "key": "sesame{{ inventory_hostname }}"}),
        ("acme_dns", {"example.com": {**RFC2136, "tsig_secret": "sesame{{ inventory_hostname }}AA"}}),
        ("acme_directory", [{"directory": "letsencrypt", "account_key_passphrase": "sesame{{ inventory_hostname }}"}]),
    ],
)
def test_role_secret_that_differs_is_refused_without_values(play, variable, value):
    done = play.run(**{variable: value})
    assert f"{variable} differs between web1 and web2: the hosts of one play" in done.text
    assert "sesame" not in done.text


def test_role_secret_that_is_another_at_each_look_up_is_refused(play):
    done = play.run(acme_eab={"kid": "k", "key": f"{{{{ lookup('ansible.builtin.password', {PASSWORD}) }}}}"})
    assert done.code != 0
    assert "acme_eab differs between web1 and web2" in done.text


def test_role_host_that_is_left_out_does_not_count_in_the_comparison(play):
    done = play.run(fact("web1", acme_order_timeout=1))
    assert [host for host in HOSTS if done.failed(host)] == ["web1"]
    assert "differs" not in done.text
