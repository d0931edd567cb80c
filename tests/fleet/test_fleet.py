# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a fleet: the first run, the second, changes, all of it foretold by check mode.

Each part of the story runs once, in a fixture that continues the one before; the tests verify what it recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fleet.fleet import HOME, Fleet, Run, names


@dataclass
class Part:
    """A part of the story: the runs, and what was there before and after."""

    runs: dict[str, Run] = field(default_factory=dict)
    trees: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    requests: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    issued: dict[str, list[int]] = field(default_factory=dict)
    serials: dict[str, dict[str, int | None]] = field(default_factory=dict)

    def run(self, fleet: Fleet, key: str, *arguments: str, **variables: Any) -> Run:
        mark = fleet.lab.pebble.mark()
        self.runs[key] = fleet.site(*arguments, **variables)
        self.requests[key] = fleet.lab.pebble.requests(mark)
        self.counted[key] = fleet.counted_requests(mark, 20)
        self.issued[key] = fleet.lab.pebble.issued(mark)
        self.look(fleet, key)
        return self.runs[key]

    def look(self, fleet: Fleet, key: str) -> None:
        with ThreadPoolExecutor(max_workers=8) as pool:
            self.trees[key] = dict(zip(fleet.lab.hosts, pool.map(fleet.tree, fleet.lab.hosts)))
        self.serials[key] = fleet.serials()

    def changed_hosts(self, before: str, after: str) -> list[str]:
        """Return the hosts on which anything has changed."""
        return [host for host, tree in self.trees[after].items() if tree != self.trees[before][host]]


@pytest.fixture(scope="module")
def story(twenty_hosts: Fleet) -> Iterator[Fleet]:
    twenty_hosts.reset()
    yield twenty_hosts
    twenty_hosts.reset()


@pytest.fixture(scope="module")
def first(story: Fleet) -> Part:
    part = Part()
    part.look(story, "before")
    part.run(story, "check", "--check", "--diff")
    assert not (story.folder / "account-key.pem").exists()
    part.run(story, "real")
    return part


@pytest.fixture(scope="module")
def second(story: Fleet, first: Part) -> Part:
    story.enable_tls()
    for host in story.lab.hosts:
        story.check_served(host)
    part = Part()
    part.look(story, "before")
    part.run(story, "real", "-vvv")
    return part


# Changes of hosts before the run of changes; hosts not named here stay unchanged.
CHANGES = {
    "web1": ("issue", "identifiers changed"),
    "web2": ("issue", "key changed"),
    "web3": ("repair", "attributes: privkey.pem mode 0644 instead of 0640"),
    "web4": ("issue", "missing"),
    "web5": ("issue", "key does not match"),
    "web6": ("repair", "attributes: privkey.pem owner root instead of www-data"),
    "web7": ("issue", "damaged"),
    "web8": ("issue", "profile changed"),
}


@pytest.fixture(scope="module")
def changes(story: Fleet, second: Part) -> Part:
    certificate = story.certificate
    wanted = story.by_host(
        web1=[certificate("shop", "web1.lab.test", "new.web1.lab.test")],
        web2=[certificate("shop", key_type="ec384")],
        web3=[certificate("shop", mode="0640")],
        web6=[certificate("shop", owner="www-data")],
        web8=[certificate("shop", profile="shortlived")],
    )
    story.file("web3", "shop", "privkey.pem").chmod(0o644)
    story.file("web4", "shop", "chain.pem").unlink()
    story.file("web5", "shop", "privkey.pem").write_bytes(story.file("web4", "shop", "privkey.pem").read_bytes())
    with story.file("web7", "shop", "fullchain.pem").open("a") as file:
        file.write("\n")
    part = Part()
    part.look(story, "before")
    part.run(story, "check", "--check", "--diff", **wanted)
    part.run(story, "real", **wanted)
    part.run(story, "again", **wanted)
    return part


def posts(requests: list[tuple[str, str]]) -> list[str]:
    return [path for method, path in requests if method == "POST"]


# -- The first run


def test_first_run_check_mode_changes_nothing(first: Part) -> None:
    assert first.runs["check"].code == 0
    assert first.changed_hosts("before", "check") == []
    assert posts(first.requests["check"]) == []
    assert len(first.runs["check"].planned) == 20
    assert first.runs["check"].planned == first.runs["real"].planned
    assert len(first.runs["check"].hosts_with("changed")) == 20


def test_first_run_every_host_gets_its_certificate(story: Fleet, first: Part, second: Part) -> None:
    # The fixture second has verified what nginx serves, host by host.
    assert first.runs["real"].code == 0
    assert sorted(first.issued["real"]) == sorted(first.serials["real"].values())
    assert len(set(first.issued["real"])) == 20


def test_first_run_needs_few_requests(first: Part) -> None:
    assert first.counted["real"] <= 7.4 * 20


def test_first_run_leaves_no_challenge(first: Part) -> None:
    left = [path for tree in first.trees["real"].values() for path in tree if "/acme-challenge/" in path]
    assert left == []


def test_first_run_private_keys_are_readable_by_owner_only(first: Part) -> None:
    keys = [
        line for tree in first.trees["real"].values() for path, line in tree.items() if path.endswith("/privkey.pem")
    ]
    assert len(keys) == 20
    assert {tuple(line.split(" ")[1:5]) for line in keys} == {("f", "600", "root", "root")}


# -- The second


def test_second_run_changes_nothing(second: Part) -> None:
    run = second.runs["real"]
    assert run.code == 0
    assert len(run.recap) == 20
    assert run.hosts_with("changed") == []
    assert run.planned == []
    assert posts(second.requests["real"]) == []
    assert second.changed_hosts("before", "real") == []


def test_second_run_starts_one_module_on_each_host(story: Fleet, second: Part) -> None:
    assert second.runs["real"].module_runs == dict.fromkeys(map(story.lab.address, story.lab.hosts), 1)


# -- Changes


def test_changes_check_mode_changes_nothing(changes: Part) -> None:
    assert changes.runs["check"].code == 0
    assert changes.changed_hosts("before", "check") == []
    assert posts(changes.requests["check"]) == []
    assert "+++ after" in changes.runs["check"].text


def test_changes_check_mode_predicts_real_run(changes: Part) -> None:
    run = changes.runs["real"]
    assert run.code == 0
    expected = sorted(f"{host}: certificate shop: {action} ({why})" for host, (action, why) in CHANGES.items())
    assert changes.runs["check"].planned == expected
    assert run.planned == expected
    # The first host also stands for the controller's tasks.
    assert changes.runs["check"].hosts_with("changed") == run.hosts_with("changed") == list(CHANGES)


def test_changes_issue_on_changed_hosts_only(changes: Part) -> None:
    reissued = [host for host, (action, _unused) in CHANGES.items() if action == "issue"]
    before, after = changes.serials["before"], changes.serials["real"]
    assert [host for host in before if before[host] != after[host]] == reissued
    assert sorted(changes.issued["real"]) == sorted(after[host] for host in reissued)
    assert changes.changed_hosts("check", "real") == list(CHANGES)


def test_changes_are_served(story: Fleet, changes: Part) -> None:
    for host in story.lab.hosts:
        story.check_served(host)
    assert names(story.served("web1")) == {"web1.lab.test", "new.web1.lab.test"}
    assert story.served("web2").public_key().curve.name == "secp384r1"
    assert (story.served("web8").not_valid_after_utc - story.served("web8").not_valid_before_utc).days < 7
    mode_of = {host: story.file(host, "shop", "privkey.pem").stat() for host in ("web3", "web6")}
    assert mode_of["web3"].st_mode & 0o7777 == 0o640
    assert story.lab.path("web6", HOME).stat().st_uid != mode_of["web6"].st_uid


def test_changes_are_made_once(changes: Part) -> None:
    assert changes.runs["again"].code == 0
    assert changes.runs["again"].planned == []
    assert changes.runs["again"].hosts_with("changed") == []
    assert posts(changes.requests["again"]) == []
