# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""TXT records that a run could not remove, or was killed before: the host's note has a later run remove them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import own_tasks
from tests.fleet.fleet import HOME, Fleet, names
from tests.lab.authorities import OTHER_KEY

NAME = "_acme-challenge.web1.dyn.lab.test"
#: As a provider that sets records and refuses to remove them while a file is there.
REFUSING = """\
- name: Refuse
  ansible.builtin.fail:
    msg: the zone is locked
  when: acme_dns_state == 'absent' and refusing is exists
"""


@pytest.fixture
def fleet(four_hosts_with_zones: Fleet) -> Fleet:
    """Hosts that have never seen the role, and zones with nothing but what they begin with."""
    four_hosts_with_zones.reset()
    four_hosts_with_zones.lab.authorities.clean()
    return four_hosts_with_zones


def by_dns() -> dict[str, Any]:
    """Return the variables for one certificate of web1, validated by DNS."""
    names = ["{{ inventory_hostname }}.dyn.lab.test"]
    certificate = {"name": "shop", "identifiers": names, "challenge": "dns-01"}
    return {"acme_hosts": "web1", "acme_certificates": [certificate], "acme_dns_timeout": 20}


def notes(fleet: Fleet) -> Path:
    return fleet.lab.path("web1", f"{HOME}/txt_records.json")


@pytest.mark.hard
def test_left_record_is_removed_by_next_run_with_nothing_due(fleet: Fleet, tmp_path: Path) -> None:
    authorities = fleet.lab.authorities
    tasks, refusing = tmp_path / "mine.yml", tmp_path / "refusing"
    tasks.write_text(REFUSING + own_tasks.WRITE)
    refusing.touch()
    own = {"acme_dns_tasks": str(tasks), "refusing": str(refusing), "mine": authorities.providers()}
    run = fleet.site(**by_dns(), acme_dns={}, acme_dns_no_log=False, **own)
    assert run.code == 0
    assert f"TXT record {NAME} is not removed: acme_dns_tasks: the zone is locked; the next run tries again" in run.text
    assert names(fleet.live("web1")) == {"web1.dyn.lab.test"}
    assert {name for name, _value in authorities.txt()} == {NAME}
    assert notes(fleet).exists()

    mark = fleet.lab.pebble.mark()
    cases = [
        (authorities.providers("other"), "zones (acme_dns) has no entry for zone dyn.lab.test, where"),
        ({"dyn.lab.test": authorities.provider(key=OTHER_KEY)}, "REFUSED"),
    ]
    for zones, reason in cases:
        run = fleet.site(**by_dns(), acme_dns=zones)
        assert run.code == 0
        (warning,) = {line for line in _warnings(run.text) if NAME in line}
        assert warning.startswith(f"TXT record {NAME} is not removed: ")
        assert reason in warning
        assert warning.endswith("; the next run tries again")
        assert len(authorities.txt()) == 1

    run = fleet.site("--check", **by_dns(), acme_dns=authorities.providers())
    assert (run.code, len(authorities.txt())) == (0, 1)
    assert f"web1: TXT record {NAME}: remove (left by an earlier run)" in run.text
    run = fleet.site(**by_dns(), acme_dns=authorities.providers())
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    assert authorities.txt() == set()
    assert not notes(fleet).exists()

    run = fleet.site(**by_dns(), acme_dns=authorities.providers())
    assert (run.code, run.hosts_with("changed")) == (0, [])
    assert NAME not in run.text
    assert fleet.signed_requests(mark) == []


def test_left_record_of_killed_run_is_removed_once_no_run_needs_it(fleet: Fleet) -> None:
    """Its order is not resumed, as the certificate is not wanted any more."""
    authorities = fleet.lab.authorities
    zones = {"acme_dns": authorities.providers()}
    with authorities.stale():  # so that it waits
        underway = fleet.start(fleet.command(**by_dns(), **zones))
        underway.until(authorities.txt, "the TXT record")
        underway.kill()
        underway.end()
    assert notes(fleet).exists()

    other = {**by_dns(), "acme_certificates": [fleet.certificate("shop")]}
    assert fleet.site(**other, **zones).code == 0
    assert len(authorities.txt()) == 1  # nobody can know yet that its run has ended

    found = json.loads(notes(fleet).read_bytes())
    for note in found["records"]:
        note["until"] = note["noted"]
    notes(fleet).write_text(json.dumps(found))
    run = fleet.site(**other, **zones)
    assert (run.code, run.hosts_with("changed")) == (0, ["web1"])
    assert authorities.txt() == set()
    assert not notes(fleet).exists()


@pytest.mark.hard
def test_killed_run_that_is_resumed_leaves_no_record_and_no_note(fleet: Fleet) -> None:
    authorities = fleet.lab.authorities
    zones = {"acme_dns": authorities.providers()}
    with authorities.stale():
        underway = fleet.start(fleet.command(**by_dns(), **zones))
        underway.until(authorities.txt, "the TXT record")
        underway.kill()
        underway.end()
    assert fleet.site(**by_dns(), **zones).code == 0
    assert authorities.txt() == set()
    assert not notes(fleet).exists()


def _warnings(text: str) -> list[str]:
    """Return the warnings of a run, each as one line: Ansible wraps them."""
    lines: list[str] = []
    for part in text.split("[WARNING]: ")[1:]:
        lines.append(" ".join(part.split("\n\n")[0].split("\nok: ")[0].split()))
    return lines
