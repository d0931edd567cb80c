# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each malformed answer alone, and in other places of the play, with the oldest and the newest core."""

from __future__ import annotations

import time

import pytest

from tests.fleet.answers import BROKEN, OF_ANSIBLE, Answer, Crowd
from tests.fleet.fleet import Fleet
from tests.lab import cores

pytestmark = pytest.mark.hard

CORES = ("oldest", "newest")
SHARE = "certificate_share"
SIX = ("web1", "web3", "web4", "web5", "web6", "web7")


@pytest.mark.parametrize(
    ("answer", "core"),
    [
        cores.parameter(answer, core=core, id=f"{core}: {answer}")
        for core in CORES
        for answers in BROKEN.values()
        for answer in answers
    ],
)
def test_malformed_answer_fails_its_host_alone(four: Fleet, answer: Answer, core: str) -> None:
    # The second one has no plan: it gets what the first shares.
    hostile = ["web1", "web3"] if answer.module == SHARE else ["web1"]
    crowd = Crowd(four, hostile, core, share=answer.module == SHARE)
    run = crowd.run([answer])
    assert not (harm := crowd.harm(run, [answer])), harm


@pytest.mark.parametrize(
    ("module", "hostile", "core"),
    [
        cores.parameter(module, hostile, core=core)
        for core in CORES
        for module in BROKEN
        for hostile in (SIX, ("web2", "web4", "web5", "web6", "web7", "web8"))
    ],
)
def test_malformed_answers_at_other_places(eight: Fleet, module: str, hostile: tuple[str, ...], core: str) -> None:
    crowd = Crowd(eight, hostile, core, share=module == SHARE)
    answers = BROKEN[module][::-1]
    run = crowd.run(answers)
    assert not (harm := crowd.harm(run, answers)), harm


@pytest.mark.parametrize(
    ("module", "part", "core"),
    [cores.parameter(module, part, core=core) for core in CORES for module in OF_ANSIBLE for part in (0, 1)],
)
def test_answer_with_keys_of_ansible_affects_no_other_host(eight: Fleet, module: str, part: int, core: str) -> None:
    crowd = Crowd(eight, SIX, core, share=module == SHARE)
    answers = OF_ANSIBLE[module][part * 6 : part * 6 + 6]
    answers = answers[:5] if module == SHARE else answers
    run = crowd.run(answers)
    assert not (harm := crowd.harm(run, answers)), harm


@pytest.mark.parametrize("core", [cores.parameter(core=core) for core in CORES])
@pytest.mark.parametrize("module", list(BROKEN))
def test_host_that_never_answers_is_one_failed_host(four: Fleet, module: str, core: str) -> None:
    hostile = ["web1", "web3"] if module == SHARE else ["web1"]
    crowd = Crowd(four, hostile, core, share=module == SHARE)
    answers = [Answer(module, "no answer", {"sleep": 120})]
    start = time.monotonic()
    run = crowd.run(answers, acme_host_timeout=20)
    took = time.monotonic() - start
    assert not (harm := crowd.harm(run, answers)), harm
    assert took < 110, f"the run took {took:.0f} s"
