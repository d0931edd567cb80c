# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to take the role, with everything that used to break one of them, by the oldest and the newest core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fleet.plays import ROLE, SHOP, Plays
from tests.lab import cores

SITES = ["shop", "blog"]
SITE = {**SHOP, "name": "{{ site }}", "identifiers": ["{{ site }}.{{ inventory_hostname }}.lab.test"]}
HOSTS = ["web1", "web2", "web3"]

Keywords = dict[str, Any]


def roles(_plays: Plays, keywords: Keywords) -> dict[str, Any]:
    return {"roles": [{"role": ROLE, **keywords}]}


def import_role(_plays: Plays, keywords: Keywords) -> dict[str, Any]:
    return {"tasks": [{"ansible.builtin.import_role": {"name": ROLE}, **keywords}]}


def include_role(_plays: Plays, keywords: Keywords) -> dict[str, Any]:
    return {"tasks": [{"ansible.builtin.include_role": {"name": ROLE}, **keywords}]}


def dependency(plays: Plays, keywords: Keywords) -> dict[str, Any]:
    plays.write("roles/web/meta/main.yml", {"dependencies": [{"role": ROLE}]})
    plays.write("roles/web/tasks/main.yml", [{"ansible.builtin.debug": {"msg": "after the certificates"}}])
    return {"roles": [{"role": "web", **keywords}]}


def loop(_plays: Plays, keywords: Keywords) -> dict[str, Any]:
    task = {
        "ansible.builtin.include_role": {"name": ROLE},
        "loop": SITES,
        "loop_control": {"loop_var": "site"},
        "vars": {"acme_certificates": [SITE]},
    }
    return {"tasks": [{**task, **keywords}]}


WAYS: dict[str, Callable[[Plays, Keywords], dict[str, Any]]] = {
    each.__name__: each for each in (roles, import_role, include_role, dependency, loop)
}


def condition_false_on_the_first_host(plays: Plays, way: str, core: str) -> None:
    mark = plays.fleet.lab.pebble.mark()
    play = WAYS[way](plays, {"when": "inventory_hostname != 'web1'"})
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, way, ["web2", "web3"], mark)
    assert plays.untouched("web1")


def values_that_differ(plays: Plays, way: str, core: str) -> None:
    mark = plays.fleet.lab.pebble.mark()
    directory = plays.fleet.variables["acme_directory"]
    differing = "{{ '" + directory + "' if inventory_hostname == 'web1' else 'https://other.lab.test:14000/dir' }}"
    play = {**WAYS[way](plays, {}), "vars": {"acme_directory": differing}}
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 2
    assert run.hosts_with("failed") == HOSTS
    for host in HOSTS:
        assert run.message(host).startswith("acme_directory differs between web1 and web2: ")
        assert plays.untouched(host)
    assert plays.fleet.lab.pebble.requests(mark) == []


def become_as_a_variable(plays: Plays, way: str, core: str) -> None:
    mark = plays.fleet.lab.pebble.mark()
    # A controller on which nobody can become root.
    sudo = plays.folder / "bin" / "sudo"
    called = plays.folder / "sudo-called"
    plays.write("bin/sudo", f"#!/bin/sh\necho called >{called}\necho a password is required >&2\nexit 1\n")
    sudo.chmod(0o755)
    play = {**WAYS[way](plays, {}), "vars": {"ansible_become": True}}
    path = f"{sudo.parent}:{plays.fleet.environment({})['PATH']}"
    # Ansible would leave sudo out for a user who is root already, as in these tests.
    env = {"PATH": path, "ANSIBLE_BECOME_ALLOW_SAME_USER": "true"}
    run = plays.run(play, core=core, env=env, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, way, HOSTS, mark)
    assert not called.exists()


def localhost_listed(plays: Plays, way: str, core: str) -> None:
    """Without a local connection, and at an address that does not exist."""
    mark = plays.fleet.lab.pebble.mark()
    plays.write("more.ini", "localhost ansible_host=10.53.9.9 ansible_python_interpreter=/opt/no/python3\n")
    run = plays.run(WAYS[way](plays, {}), core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, way, HOSTS, mark)


def unwritable_temporary_folder_of_localhost(plays: Plays, way: str, core: str) -> None:
    mark = plays.fleet.lab.pebble.mark()
    plays.write("more.ini", "localhost ansible_connection=local ansible_remote_tmp=/proc/nowhere\n")
    run = plays.run(WAYS[way](plays, {}), core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, way, HOSTS, mark)


TROUBLES = {
    each.__name__: each
    for each in (
        condition_false_on_the_first_host,
        values_that_differ,
        become_as_a_variable,
        localhost_listed,
        unwritable_temporary_folder_of_localhost,
    )
}
QUICK = {("include_role", "become_as_a_variable", "oldest")}


def assert_served(plays: Plays, way: str, hosts: list[str], mark: int) -> None:
    """Assert that exactly *hosts* have their certificates, and that the CA had an order and gave one for each."""
    wanted = SITES if way == "loop" else ["shop"]
    for name in {*SITES, *wanted}:
        assert plays.served(name) == (hosts if name in wanted else [])
    count = len(hosts) * len(wanted)
    assert plays.orders(mark) == count
    assert len(plays.fleet.lab.pebble.issued(mark)) == count


@pytest.mark.parametrize(
    ("way", "trouble", "core"),
    [
        cores.parameter(way, trouble, core=core, hard=(way, trouble, core) not in QUICK, id=f"{way}-{trouble}-{core}")
        for way in WAYS
        for trouble in TROUBLES
        for core in ("oldest", "newest")
    ],
)
def test_way_with_trouble_gives_the_right_certificates(plays: Plays, way: str, trouble: str, core: str) -> None:
    TROUBLES[trouble](plays, way, core)
