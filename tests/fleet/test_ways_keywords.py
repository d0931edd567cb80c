# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role with keywords of plays, blocks and tasks, and options: the right hosts get certificates, or a reason."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.plays import ROLE, SHOP, Plays
from tests.lab import cores

HOSTS = ["web1", "web2", "web3"]
SITES = ["shop", "blog"]
FLEET = {"ansible.builtin.import_role": {"name": ROLE, "tasks_from": "fleet"}}
FAILURES = {"import_playbook": "certfleet.tls.failures"}
MISSING = "certificate shop: webroot /srv/nowhere does not exist. Create it, and have the web server serve it"
OLDEST_AND_NEWEST = [cores.parameter(core="oldest", hard=True), cores.parameter(core="newest", hard=True)]

hard = pytest.mark.hard


def bad(host: str) -> list[dict[str, Any]]:
    """Return certificates of which that of *host* alone cannot be issued."""
    return [{**SHOP, "webroot": f"/{{{{ 'srv/nowhere' if inventory_hostname == '{host}' else 'var/www/html' }}}}"}]


def importing(**keywords: Any) -> dict[str, Any]:
    return {"tasks": [{"ansible.builtin.import_role": {"name": ROLE}, **keywords}]}


def including(**keywords: Any) -> dict[str, Any]:
    return {"tasks": [{"ansible.builtin.include_role": {"name": ROLE}, **keywords}]}


def by_roles(**keywords: Any) -> dict[str, Any]:
    return {"roles": [{"role": ROLE, **keywords}]}


def say(text: str, **keywords: Any) -> dict[str, Any]:
    return {"ansible.builtin.debug": {"msg": text}, **keywords}


def assert_served(plays: Plays, hosts: list[str], mark: int, name: str = "shop") -> None:
    """Assert that exactly *hosts* have the certificate, and that the CA got an order and gave one for each."""
    assert plays.served(name) == hosts
    assert plays.orders(mark) == len(hosts)
    assert len(plays.fleet.lab.pebble.issued(mark)) == len(hosts)


def assert_nothing_done(plays: Plays, mark: int) -> None:
    assert [host for host in HOSTS if not plays.untouched(host)] == []
    assert plays.fleet.signed_requests(mark) == []


@pytest.fixture
def mark(plays: Plays) -> int:
    return plays.fleet.lab.pebble.mark()


# -- Tags


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_tags_acme_issues_for_all(plays: Plays, mark: int, core: str) -> None:
    run = plays.run(by_roles(), "--tags", "acme", core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, HOSTS, mark)


@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
def test_tags_acme_plan_ends_with_the_plan(plays: Plays, mark: int, core: str) -> None:
    run = plays.run(by_roles(), "--tags", "acme_plan", core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_nothing_done(plays, mark)
    assert run.planned == [f"{host}: certificate shop: issue (missing)" for host in HOSTS]
    assert run.hosts_with("changed") == []


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_tag_of_play_on_role_issues_for_all(plays: Plays, mark: int, core: str) -> None:
    play = {**by_roles(tags=["tls"]), "tasks": [say("without the tag")]}
    run = plays.run(play, "--tags", "tls", core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert "without the tag" not in run.text
    assert_served(plays, HOSTS, mark)


@hard
def test_tag_applied_to_included_role_issues_for_all(plays: Plays, mark: int) -> None:
    applied = {"name": ROLE, "apply": {"tags": ["tls"]}}
    play = {"tasks": [{"ansible.builtin.include_role": applied, "tags": ["tls"]}]}
    assert plays.run(play, "--tags", "tls", acme_certificates=[SHOP]).code == 0
    assert_served(plays, HOSTS, mark)


# -- Batches, and hosts that fail in them


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_serial_bad_host_ends_run(plays: Plays, mark: int, core: str) -> None:
    run = plays.run({**by_roles(), "serial": 1}, core=core, acme_certificates=bad("web1"))
    assert run.code == 2
    assert run.message("web1") == MISSING
    assert_nothing_done(plays, mark)


@pytest.mark.hard
@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
def test_serial_bad_host_with_warn_does_not_affect_others(plays: Plays, mark: int, core: str) -> None:
    play = [{**by_roles(), "serial": 1}, FAILURES]
    run = plays.run(play, core=core, acme_certificates=bad("web1"), acme_fail="warn")
    assert run.code == 2
    assert run.hosts_with("failed") == ["web1"]
    assert run.message("web1") == MISSING
    assert_served(plays, ["web2", "web3"], mark)


@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
@pytest.mark.hard
def test_serial_unreachable_host_with_warn_does_not_affect_others(plays: Plays, mark: int, core: str) -> None:
    plays.fleet.lab.unplug("web1")
    play = [{**by_roles(), "serial": 1}, FAILURES]
    run = plays.run(play, core=core, acme_certificates=[SHOP], acme_fail="warn")
    assert run.code == 2
    assert run.hosts_with("failed") == ["web1"]
    assert run.message("web1").startswith("the host cannot be reached: ")
    assert_served(plays, ["web2", "web3"], mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_serial_host_with_bad_variables_with_warn_does_not_affect_others(plays: Plays, mark: int, core: str) -> None:
    versions = "{{ 0 if inventory_hostname == 'web1' else 3 }}"
    play = [{**by_roles(), "serial": 1}, FAILURES]
    run = plays.run(play, core=core, acme_certificates=[SHOP], acme_keep_versions=versions, acme_fail="warn")
    assert run.code == 2
    assert run.hosts_with("failed") == ["web1"]
    assert "acme_keep_versions" in run.message("web1")
    assert_served(plays, ["web2", "web3"], mark)


@hard
@pytest.mark.parametrize("keyword", [{"max_fail_percentage": 30}, {"any_errors_fatal": True}])
def test_keyword_that_ends_play_leaves_no_partial_state(plays: Plays, mark: int, keyword: dict[str, Any]) -> None:
    play = {**by_roles(), **keyword, "tasks": [say("after the role")]}
    run = plays.run(play, acme_certificates=bad("web2"))
    assert run.code == 2
    assert run.message("web2") == MISSING
    assert "after the role" not in run.text
    assert_served(plays, ["web1", "web3"], mark)
    run = plays.run(play, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, HOSTS, mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_any_errors_fatal_host_with_bad_variables_changes_nothing(plays: Plays, mark: int, core: str) -> None:
    versions = "{{ 0 if inventory_hostname == 'web2' else 3 }}"
    play = {**by_roles(), "any_errors_fatal": True}
    run = plays.run(play, core=core, acme_certificates=[SHOP], acme_keep_versions=versions)
    assert run.code == 2
    assert_nothing_done(plays, mark)


# -- Blocks, and failures that are ignored


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("when", ["first step", "certificate"])
def test_block_with_rescue_does_not_affect_others(plays: Plays, mark: int, when: str, core: str) -> None:
    block = {
        "block": importing()["tasks"],
        "rescue": [say("rescued {{ inventory_hostname }}")],
        "always": [say("always {{ inventory_hostname }}")],
    }
    versions = "{{ 0 if inventory_hostname == 'web2' else 3 }}" if when == "first step" else 3
    certificates = bad("web2") if when == "certificate" else [SHOP]
    play = {"tasks": [block]}
    run = plays.run(play, core=core, acme_certificates=certificates, acme_keep_versions=versions)
    assert run.code == 0
    assert [host for host in HOSTS if f'"rescued {host}"' in run.text] == ["web2"]
    assert [host for host in HOSTS if f'"always {host}"' in run.text] == HOSTS
    assert_served(plays, ["web1", "web3"], mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_block_with_condition_leaves_first_host_out(plays: Plays, mark: int, core: str) -> None:
    play = {"tasks": [{"block": importing()["tasks"], "when": "inventory_hostname != 'web1'"}]}
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, ["web2", "web3"], mark)
    assert plays.untouched("web1")


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_ignore_errors_does_not_affect_others(plays: Plays, mark: int, core: str) -> None:
    versions = "{{ 0 if inventory_hostname == 'web1' else 3 }}"
    run = plays.run(by_roles(ignore_errors=True), core=core, acme_certificates=[SHOP], acme_keep_versions=versions)
    assert run.code == 0
    assert run.recap["web1"]["ignored"] > 0
    assert_served(plays, ["web2", "web3"], mark)


# -- The role several times


def named(name: str) -> dict[str, Any]:
    return {**SHOP, "name": name, "identifiers": [f"{name}.{{{{ inventory_hostname }}}}.lab.test"]}


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_two_lists_in_one_play_are_kept_apart(plays: Plays, mark: int, core: str) -> None:
    def play(*second: str, **options: Any) -> dict[str, Any]:
        first = {"role": ROLE, "acme_list": "shops", "acme_certificates": [named("shop")]}
        certificates = [named(name) for name in second]
        return {"roles": [first, {"role": ROLE, "acme_list": "blogs", "acme_certificates": certificates, **options}]}

    def served() -> list[list[str]]:
        return [plays.served(name) for name in ("shop", "blog", "news")]

    assert plays.run(play("blog", "news"), core=core, acme_certificates=None).code == 0
    assert served() == [HOSTS, HOSTS, HOSTS]
    assert plays.orders(mark) == 9
    run = plays.run(play("blog", "news"), core=core, acme_certificates=None)
    assert (run.code, run.planned, run.hosts_with("changed")) == (0, [], [])
    assert "not listed" not in run.text
    removing = play("news", acme_remove_unlisted="{{ inventory_hostname == 'web1' }}")
    assert plays.run(removing, core=core, acme_certificates=None).code == 0
    assert served() == [HOSTS, ["web2", "web3"], HOSTS]
    assert plays.orders(mark) == 9


def _roles_that_include_it(plays: Plays, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    for number, task in enumerate(tasks):
        plays.write(f"roles/app{number}/tasks/main.yml", [task])
    return {"roles": [f"app{number}" for number in range(len(tasks))]}


def _file_that_includes_it(plays: Plays, tasks: list[dict[str, Any]]) -> dict[str, Any]:
    plays.write("several.yml", tasks)
    return {"tasks": [{"ansible.builtin.include_tasks": "several.yml"}]}


@pytest.mark.hard
@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
@pytest.mark.parametrize("way", [_roles_that_include_it, _file_that_includes_it])
def test_inclusions_of_independent_lists_remove_nothing(plays: Plays, mark: int, way: Any, core: str) -> None:
    certificates = [
        {**SHOP, "name": name, "identifiers": [f"{name}.{{{{ inventory_hostname }}}}.lab.test"]} for name in SITES
    ]
    tasks = [including(vars={"acme_certificates": [each]})["tasks"][0] for each in certificates]
    for _run in range(2):
        run = plays.run(way(plays, tasks), core=core, acme_certificates=None, acme_remove_unlisted=True)
        assert run.code == 0
        assert [plays.served(name) for name in SITES] == [HOSTS, HOSTS]
        assert plays.orders(mark) == 6


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_dependency_and_import_together_order_once(plays: Plays, mark: int, core: str) -> None:
    plays.write("roles/web/meta/main.yml", {"dependencies": [{"role": ROLE}]})
    plays.write("roles/web/tasks/main.yml", [say("after the certificates")])
    play = {"roles": ["web"], "tasks": [*importing()["tasks"], *including()["tasks"]]}
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, HOSTS, mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_inclusions_with_other_hosts_issue_for_these(plays: Plays, mark: int, core: str) -> None:
    play = including(loop=["web3", "web1"], when="item == inventory_hostname")
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 0
    assert_served(plays, ["web1", "web3"], mark)
    assert plays.untouched("web2")


# -- The entry point without a condition


@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
def test_fleet_with_a_condition_that_skips_the_plan_is_refused(plays: Plays, mark: int, core: str) -> None:
    play = {"tasks": [{**FLEET, "when": "inventory_hostname != 'web1'"}]}
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 2
    assert run.hosts_with("failed") == ["web2", "web3"]
    for host in ("web2", "web3"):
        assert run.message(host).startswith("the plan was not made: ")
    assert_nothing_done(plays, mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_fleet_with_a_condition_for_another_host_than_the_first(plays: Plays, mark: int, core: str) -> None:
    play = {"tasks": [{**FLEET, "when": "inventory_hostname != 'web3'"}]}
    assert plays.run(play, core=core, acme_certificates=[SHOP]).code == 0
    assert_served(plays, ["web1", "web2"], mark)
    assert plays.untouched("web3")


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_fleet_without_condition_issues_for_all(plays: Plays, mark: int, core: str) -> None:
    assert plays.run({"tasks": [FLEET]}, core=core, acme_certificates=[SHOP]).code == 0
    assert_served(plays, HOSTS, mark)


# -- Where variables come from


def _include_vars(plays: Plays) -> dict[str, Any]:
    plays.write("found.yml", {"acme_certificates": [SHOP]})
    return {"pre_tasks": [{"ansible.builtin.include_vars": "found.yml"}], **by_roles()}


def _vars_files(plays: Plays) -> dict[str, Any]:
    plays.write("found.yml", {"acme_certificates": [SHOP]})
    return {"vars_files": ["found.yml"], **by_roles()}


SOURCES = {
    "include_vars": _include_vars,
    "vars_files": _vars_files,
    "set_fact": lambda _plays: {
        "pre_tasks": [{"ansible.builtin.set_fact": {"acme_certificates": [SHOP]}}],
        **by_roles(),
    },
    "params": lambda _plays: by_roles(acme_certificates=[SHOP]),
    "role vars": lambda _plays: by_roles(vars={"acme_certificates": [SHOP]}),
    "task vars": lambda _plays: including(
        vars={"acme_certificates": "{{ wanted[inventory_hostname] }}", "wanted": {host: [SHOP] for host in HOSTS}}
    ),
}


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("source", SOURCES)
def test_variables_of_each_source_count(plays: Plays, mark: int, source: str, core: str) -> None:
    assert plays.run(SOURCES[source](plays), core=core, acme_certificates=None).code == 0
    assert_served(plays, HOSTS, mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("source", ["params", "set_fact", "task vars"])
def test_values_that_differ_are_refused_of_each_source(plays: Plays, mark: int, source: str, core: str) -> None:
    differing = {"acme_contact": "{{ ['ops@example.com'] if inventory_hostname == 'web1' else [] }}"}
    ways = {
        "params": by_roles(**differing),
        "set_fact": {"pre_tasks": [{"ansible.builtin.set_fact": differing}], **by_roles()},
        "task vars": including(vars=differing),
    }
    run = plays.run(ways[source], core=core, acme_certificates=[SHOP])
    assert run.code == 2
    for host in HOSTS:
        assert run.message(host).startswith("acme_contact differs between web1 (['ops@example.com']) and web2 ([]): ")
    assert_nothing_done(plays, mark)


# -- Keywords of the play


@pytest.mark.hard
@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
def test_environment_of_the_play_counts_on_the_controller(plays: Plays, mark: int, core: str) -> None:
    """The proxy has no listener, so that no request can reach the CA."""
    proxy = {"https_proxy": f"http://{plays.fleet.lab.controller}:9"}
    run = plays.run({**by_roles(), "environment": proxy}, core=core, acme_certificates=[SHOP])
    assert run.code == 2
    for host in HOSTS:
        assert "cannot be reached" in run.message(host)
    assert plays.fleet.lab.pebble.requests(mark) == []


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_interpreter_of_hosts_missing_on_controller_is_ignored(plays: Plays, mark: int, core: str) -> None:
    for host in HOSTS:
        make = "mkdir -p /opt/hosts && ln -sf /usr/bin/python3 /opt/hosts/python3"
        plays.fleet.lab.exec(host, ["sh", "-c", make], check=True)
    play = {**by_roles(), "vars": {"ansible_python_interpreter": "/opt/hosts/python3"}}
    assert plays.run(play, core=core, acme_certificates=[SHOP]).code == 0
    assert_served(plays, HOSTS, mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
@pytest.mark.parametrize(
    "keywords",
    [{"strategy": "debug"}, {"gather_facts": True}, {"throttle": 1}, {"become": True, "become_user": "root"}],
    ids=lambda keywords: next(iter(keywords)),
)
def test_keyword_of_play_without_effect_is_accepted(
    plays: Plays, mark: int, keywords: dict[str, Any], core: str
) -> None:
    assert plays.run({**by_roles(), **keywords}, core=core, acme_certificates=[SHOP]).code == 0
    assert_served(plays, HOSTS, mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_play_as_other_user_than_root_fails_with_reason(plays: Plays, mark: int, core: str) -> None:
    play = {**by_roles(), "become": True, "become_user": "www-data"}
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 2
    for host in HOSTS:
        assert "become: true" in run.message(host)
    assert_nothing_done(plays, mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_play_for_the_controller_itself(plays: Plays, mark: int, core: str) -> None:
    home = f"{plays.fleet.lab.control}/acme"  # in a folder that is root's alone
    listening = {"name": "shop", "identifiers": ["ca.lab.test"], "http_01_listen": "80"}
    play = {**by_roles(), "hosts": "localhost", "connection": "local"}
    try:
        run = plays.run(play, core=core, acme_home=home, acme_certificates=[listening])
        assert run.code == 0
        assert (Path(home) / "live" / "shop" / "cert.pem").exists()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    assert plays.orders(mark) == 1
    assert [host for host in HOSTS if not plays.untouched(host)] == []


@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
def test_timeout_of_the_play_ends_no_step(plays: Plays, mark: int, core: str) -> None:
    """The CA takes longer than that to validate."""
    assert plays.run({**by_roles(), "timeout": 1}, core=core, acme_certificates=[SHOP]).code == 0
    assert_served(plays, HOSTS, mark)


@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
@pytest.mark.hard
def test_host_without_the_variable_ends_no_run_of_batches(plays: Plays, mark: int, core: str) -> None:
    for host in ("web2", "web3"):
        plays.write(f"host_vars/{host}.yml", {"acme_certificates": [SHOP]})
    assert plays.run({**by_roles(), "serial": 1}, core=core, acme_certificates=None).code == 0
    assert_served(plays, ["web2", "web3"], mark)


WAYS = {"roles": by_roles, "import_role": importing}


@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
@pytest.mark.parametrize("way", [*WAYS, "include_role"])
def test_run_once_on_the_role_is_refused(plays: Plays, mark: int, way: str, core: str) -> None:
    play = including(run_once=True) if way == "include_role" else WAYS[way](run_once=True)
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == 2
    assert run.message("web1").startswith("the role cannot run with 'run_once: true'")
    assert_nothing_done(plays, mark)


@pytest.mark.parametrize("core", [cores.parameter(core=""), *OLDEST_AND_NEWEST])
@pytest.mark.parametrize("way", WAYS)
def test_delegate_to_on_the_role_is_refused(plays: Plays, mark: int, way: str, core: str) -> None:
    run = plays.run(WAYS[way](delegate_to="web1"), core=core, acme_certificates=[SHOP])
    assert run.code == 2
    assert run.hosts_with("failed") == HOSTS
    assert run.message("web2").startswith("the role cannot run with 'delegate_to: web1'")
    assert_nothing_done(plays, mark)


# -- Hosts that cannot be reached


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("ignored", [False, True])
def test_unreachable_host_does_not_affect_others(plays: Plays, mark: int, ignored: bool, core: str) -> None:
    plays.fleet.lab.unplug("web1")
    play = {**by_roles(), "ignore_unreachable": ignored}
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert run.code == (0 if ignored else 4)
    assert_served(plays, ["web2", "web3"], mark)


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
@pytest.mark.parametrize("ignored", [False, True])
def test_host_that_vanishes_does_not_affect_others(plays: Plays, mark: int, ignored: bool, core: str) -> None:
    """web1 is the first: the controller's steps run in its name."""
    pebble = plays.fleet.lab.pebble
    play = {**by_roles(), "ignore_unreachable": ignored}
    command = plays.command(play, core=core, acme_certificates=[SHOP])
    underway = plays.fleet.start(command, plays.environment())
    underway.until(lambda: plays.orders(mark) > 0, "the first order")
    plays.fleet.lab.unplug("web1")
    run = underway.end()
    assert run.code == (0 if ignored else 4)
    assert plays.served() == ["web2", "web3"]
    assert plays.orders(mark) == 3
    assert len(pebble.issued(mark)) in (2, 3)
    plays.fleet.lab.plug("web1")
    assert plays.run(play, core=core, acme_certificates=[SHOP]).code == 0
    assert plays.served() == HOSTS
    assert len(pebble.issued(mark)) == 3


# -- The command line


@pytest.mark.parametrize("core", OLDEST_AND_NEWEST)
def test_limit_issues_for_named_host(plays: Plays, mark: int, core: str) -> None:
    assert plays.run(by_roles(), "--limit", "web2", core=core, acme_certificates=[SHOP]).code == 0
    assert_served(plays, ["web2"], mark)
    assert plays.untouched("web1")


# With ansible-core 2.17 what comes after the plan is in a file that is included, in which Ansible looks for no task.
STARTS = [
    cores.parameter("Plan", core="oldest", hard=True),
    *(cores.parameter(task, core="newest", hard=True) for task in ("Plan", "Show what is due")),
    *(cores.parameter("Create or resume the orders", core=core, hard=True) for core in ("", "newest")),
]


@pytest.mark.parametrize(("task", "core"), STARTS)
def test_start_at_task_within_the_role_is_refused(plays: Plays, mark: int, task: str, core: str) -> None:
    run = plays.run({"tasks": [FLEET]}, "--start-at-task", f"{ROLE} : {task}", core=core, acme_certificates=[SHOP])
    assert run.code == 2
    assert run.hosts_with("failed") == HOSTS
    for host in HOSTS:
        assert "--start-at-task" in run.message(host)
    assert_nothing_done(plays, mark)


@hard
def test_check_mode_shows_the_same_on_each_core(plays: Plays, mark: int) -> None:
    found = {}
    for core in ("", *(each for each in cores.VENVS if cores.is_there(each))):
        run = plays.run(by_roles(), "--check", core=core, acme_certificates=[SHOP])
        assert run.code == 0
        assert [each for each in plays.recorded() if each.result and "problem" in each.result] == []
        found[core] = (run.planned, _changes(plays))
    assert_nothing_done(plays, mark)
    assert len(found[""][0]) == 3
    assert [core for core in found if found[core] != found[""]] == []


def _changes(plays: Plays) -> dict[str, Any]:
    """Return what each task reported, without the includes, which differ by core."""
    told = {
        f"{each.task} on {each.host}": bool((each.result or {}).get("changed"))
        for each in plays.recorded()
        if each.kind in ("ok", "failed", "unreachable")
    }
    return {task: changed for task, changed in told.items() if "Issue and deploy" not in task}


# -- The costs where nothing is due

# Beside those of each host, the first has those of the plan and of earlier batches.
COSTS = {"roles": (by_roles(), 2), "fleet": ({"tasks": [FLEET]}, 1)}


@pytest.mark.parametrize("core", [cores.parameter(core="", hard=True), cores.parameter(core="newest")])
@pytest.mark.parametrize("way", COSTS)
@pytest.mark.hard
def test_workers_for_a_host_with_nothing_due(plays: Plays, way: str, core: str) -> None:
    play, each = COSTS[way]
    assert plays.run(play, core=core, acme_certificates=[SHOP]).code == 0
    run = plays.run(play, core=core, acme_certificates=[SHOP])
    assert (run.code, run.planned) == (0, [])
    assert plays.workers() == {"web1": each + 2, "web2": each, "web3": each}
