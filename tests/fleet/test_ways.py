# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to take the role, and what plays do to it: variables of all kinds, conditions, loops, handlers."""

from __future__ import annotations

import re

import pytest

from tests.fleet.plays import SHOP, Plays


def test_role_condition_false_for_first_host_serves_others(plays: Plays) -> None:
    role = {"role": "certfleet.tls.acme", "when": "inventory_hostname != 'web1'"}
    mark = plays.fleet.lab.pebble.mark()
    run = plays.run({"roles": [role]}, acme_certificates=[SHOP])
    assert run.code == 0
    assert [host for host in plays.fleet.lab.hosts if plays.fleet.has(host)] == ["web2", "web3"]
    assert len(plays.fleet.lab.pebble.issued(mark)) == 2


def test_play_variables_that_differ_fail_all_hosts(plays: Plays) -> None:
    directory = plays.fleet.variables["acme_directory"]
    differing = "{{ '" + directory + "' if inventory_hostname == 'web1' else 'https://other.lab.test:14000/dir' }}"
    run = plays.run({"vars": {"acme_directory": differing}, "roles": ["certfleet.tls.acme"]})
    assert run.code == 2
    for host in plays.fleet.lab.hosts:
        assert "acme_directory differs between web1 and web2" in run.message(host)
        assert not plays.fleet.has(host)


@pytest.mark.hard
def test_role_included_in_loop_issues_all(plays: Plays) -> None:
    site = {**SHOP, "name": "{{ site }}", "identifiers": ["{{ site }}.{{ inventory_hostname }}.lab.test"]}
    task = {
        "ansible.builtin.include_role": {"name": "certfleet.tls.acme"},
        "loop": "{{ sites }}",
        "loop_control": {"loop_var": "site"},
        "vars": {"acme_certificates": [site]},
    }
    play = {"vars": {"sites": ["shop", "blog"]}, "tasks": [task]}
    mark = plays.fleet.lab.pebble.mark()
    run = plays.run(play)
    assert run.code == 0
    assert len(plays.fleet.lab.pebble.issued(mark)) == 6
    run = plays.run(play)
    assert run.code == 0
    assert "not listed" not in run.text
    assert run.planned == []
    assert len(plays.fleet.lab.pebble.issued(mark)) == 6


@pytest.mark.hard
def test_handler_missing_fails_its_host_alone(plays: Plays) -> None:
    reload = "{{ [{'notify': 'Reload web'}] if inventory_hostname == 'web2' else ['nginx'] }}"
    run = plays.run({"roles": ["certfleet.tls.acme"]}, acme_certificates=[{**SHOP, "reload": reload}])
    assert run.code == 2
    assert [host for host in plays.fleet.lab.hosts if plays.fleet.has(host)] == ["web1", "web3"]
    assert "'Reload web'" in run.message("web2")


def test_variable_misspelled_fails_with_suggestion(plays: Plays) -> None:
    run = plays.run({"vars": {"acme_certificate": [SHOP]}, "roles": ["certfleet.tls.acme"]}, acme_certificates=None)
    assert run.code == 2
    for host in plays.fleet.lab.hosts:
        line = f"acme_certificates is not defined for {host} (did you mean 'acme_certificate'?)."
        assert run.message(host).startswith(line)


@pytest.mark.hard
def test_become_as_variable_issues(plays: Plays) -> None:
    run = plays.run({"vars": {"ansible_become": True}, "roles": ["certfleet.tls.acme"]}, acme_certificates=[SHOP])
    assert run.code == 0
    assert [host for host in plays.fleet.lab.hosts if plays.fleet.has(host)] == plays.fleet.lab.hosts


@pytest.mark.hard
def test_renewal_that_will_fail_warns_before(plays: Plays) -> None:
    play = {"roles": ["certfleet.tls.acme"]}
    assert plays.run(play, acme_certificates=[SHOP]).code == 0
    mark = plays.fleet.lab.pebble.mark()
    moved = "/var/www/{{ 'old' if inventory_hostname == 'web1' else 'html' }}"
    run = plays.run(play, acme_certificates=[{**SHOP, "webroot": moved}])
    assert (run.code, run.planned, plays.fleet.signed_requests(mark)) == (0, [], [])
    (plan,) = (each.result for each in plays.recorded("ok") if each.task.endswith(" : Plan"))
    assert plan
    (warning,) = (text for text in plan["warnings"] if "will fail" in text)
    assert re.match("certificate shop of web1: the renewal due 20[-0-9]{8} will fail: webroot /var/www/old ", warning)
    assert " ".join(warning.split()) in " ".join(run.text.split())
