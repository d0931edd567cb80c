# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that answers with malformed data, or not at all, fails alone: the others get their certificates.

Several hosts are hostile in each run, each in its own way. test_hostile_answers.py has each answer alone.
"""

from __future__ import annotations

import time

import pytest

from tests.fleet.answers import BROKEN, DAMAGED_KEYS, OF_ANSIBLE, Answer, Crowd
from tests.fleet.fleet import Fleet
from tests.lab import cores

pytestmark = pytest.mark.hard

HOSTILE = ("web1", "web3", "web4", "web5", "web6", "web7")


@pytest.mark.parametrize(
    ("module", "core"),
    [
        cores.parameter("certificate_info", core="oldest"),
        cores.parameter("certificate_request", core="newest"),
        cores.parameter("challenge_response", core="oldest"),
        cores.parameter("certificate", core=""),
        cores.parameter("certificate_share", core="newest"),
    ],
)
def test_malformed_answers_fail_their_hosts_alone(eight: Fleet, module: str, core: str) -> None:
    crowd = Crowd(eight, HOSTILE, core, share=module == "certificate_share")
    answers = BROKEN[module]
    run = crowd.run(answers)
    assert not (harm := crowd.harm(run, answers)), harm


@pytest.mark.parametrize("part", [0, 1])
def test_answers_with_keys_of_ansible_affect_no_other_host(eight: Fleet, part: int) -> None:
    crowd = Crowd(eight, HOSTILE)
    modules = ("certificate_info", "certificate_request", "challenge_response", "certificate")
    # Each kind once, each with another module.
    kinds = range(len(OF_ANSIBLE["certificate"]))
    answers = [OF_ANSIBLE[modules[kind % len(modules)]][kind] for kind in kinds][part * 6 : part * 6 + 6]
    run = crowd.run(answers)
    assert not (harm := crowd.harm(run, answers)), harm


def test_answers_with_damaged_receiving_keys_affect_no_other_host(eight: Fleet) -> None:
    crowd = Crowd(eight, HOSTILE[:3])
    crowd.in_club |= set(crowd.hostile)
    # The first of those that share it makes the key, and has none to receive it with.
    crowd.in_club.remove(crowd.hostile[0])
    run = crowd.run(answers := [DAMAGED_KEYS[2], *DAMAGED_KEYS[:2]])
    assert not (harm := [line for line in crowd.harm(run, answers) if "did not get to" not in line]), harm
    assert set(run.hosts_with("failed")) == set(crowd.hostile[1:])


def test_answers_missing_time_out_at_host_timeout(eight: Fleet) -> None:
    crowd = Crowd(eight, HOSTILE[:2])
    answers = [
        Answer("certificate_info", "no answer", {"sleep": 120}),
        Answer("certificate_request", "no answer", {"sleep": 120}),
    ]
    start = time.monotonic()
    run = crowd.run(answers, acme_host_timeout=20)
    took = time.monotonic() - start
    assert not (harm := crowd.harm(run, answers)), harm
    assert set(run.hosts_with("failed")) == set(crowd.hostile)
    assert took < 120, f"the run took {took:.0f} s"
