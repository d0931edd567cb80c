# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two CAs, the first of which fails at one step: the right CA within two runs, and no other one after that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fleet.fleet import Fleet, Run
from tests.lab.bent_ca import BentCa, bent_ca
from tests.lab.pebble import Pebble
from tests.parameters import hard_but

HOST = "web1"
TIMEOUT = 20  # seconds for an order: some never end
FIRST, SECOND = "first", "second"


@dataclass(frozen=True)
class Step:
    """A step that fails for a certificate, NAME, at the first CA. runs: after so many the second one has issued it.

    once: the CA that issues it if the step fails once, which is the second one after a refusal.
    """

    fault: str
    runs: int = 2
    once: str = FIRST


#: For ever. Steps before the order has its challenges are made at the next CA in the same run.
STEPS = (
    Step("newOrder of NAME is 500", runs=1),
    Step("rejectedIdentifier at newOrder of NAME", runs=1, once=SECOND),
    Step("rateLimited at newOrder of NAME with Retry-After 3600", runs=1, once=SECOND),
    Step("authorization of NAME is 404", runs=1, once=SECOND),
    Step("challenge of NAME is 500"),
    Step("malformed at the challenge of NAME", once=SECOND),
    Step("the challenge of NAME stays pending"),
    Step("the challenge of NAME fails with caa"),
    Step("the challenge of NAME fails with serverInternal"),
    Step("order of NAME is 500"),
    Step("status is pending in the order of NAME"),
    Step("badCSR at finalize of NAME", once=SECOND),
    Step("serverInternal at finalize of NAME"),
    Step("caa at finalize of NAME", once=SECOND),
    Step("the order of NAME becomes invalid after finalize"),
    Step("the order of NAME stays processing"),
    Step("certificate of NAME is 404", once=SECOND),
    Step("answer the certificate of NAME with an HTML page"),
)


@dataclass
class Pair:
    """Two CAs, of which the first one can be bent, and certificates of one host. mark: in the log of the second."""

    fleet: Fleet
    first: BentCa
    second: Pebble
    mark: int
    names: Sequence[str] = ("shop",)

    def domain(self, name: str) -> str:
        """Return the one name in a certificate."""
        return f"{name}.{HOST}.lab.test"

    def run(self, **variables: Any) -> Run:
        """Run the role for all certificates."""
        wanted = [
            {"name": name, "identifiers": [self.domain(name)], "webroot": "/var/www/html", "profile": "default"}
            for name in self.names
        ]
        roots = str(self.fleet.lab.pebble.ca_path)
        cas = [{"directory": self.first.url, "ca_path": roots}, self._second]
        given = {"acme_directory": cas, "acme_ca_path": "", "acme_order_timeout": TIMEOUT}
        return self.fleet.site(**{**given, "acme_hosts": HOST, "acme_certificates": wanted, **variables})

    @property
    def _second(self) -> dict[str, Any]:
        return {"directory": self.second.directory_url, "ca_path": str(self.second.ca_path)}

    def issuers(self) -> dict[str, str]:
        """Return the CA of each live certificate, an empty text where there is none."""
        return {name: self._issuer(name) for name in self.names}

    def _issuer(self, name: str) -> str:
        try:
            manifest: Mapping[str, Any] = json.loads(self.fleet.file(HOST, name, "version.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return ""
        return {self.first.url: FIRST, self.second.directory_url: SECOND}[manifest["directory"]]

    def orders(self) -> list[int]:
        """Return how many orders each CA was asked for so far."""
        return [self.first.count("newOrder"), self.second.requests(self.mark).count(("POST", "/order-plz"))]


@pytest.fixture
def pair(small: Fleet) -> Iterator[Pair]:
    second = Pebble(small.lab, "pebble2", 14100, 15100)
    second.start()
    try:
        with bent_ca(small.lab) as first:
            yield Pair(small, first, second, second.mark())
    finally:
        second.stop()
        shutil.rmtree(small.lab.state / "pebble2")


def bend(pair: Pair, steps: Sequence[Step], how: str = "") -> None:
    pair.names = [f"c{number:02}" for number in range(len(steps))]
    for name, step in zip(pair.names, steps):
        pair.first.bend(step.fault.replace("NAME", pair.domain(name)) + how)


def taken_over(run: Run) -> int:
    """Return how many certificates a run says that the second CA issued in place of the first one."""
    words = run.text.replace("\n", " ").split(" in place of ")[0].split()
    return int(words[words.index("issued") + 1]) if "in place of" in run.text.replace("\n", " ") else 0


@pytest.mark.hard
def test_cas_first_fails_at_a_step_for_ever_second_issues_within_two_runs(pair: Pair) -> None:
    bend(pair, STEPS)
    for number in (1, 2):
        run = pair.run()
        assert list(pair.issuers().values()) == [SECOND if step.runs <= number else "" for step in STEPS]
        assert taken_over(run) == sum(step.runs == number for step in STEPS)

    # Certificates that are issued stay, whatever the first CA does.
    pair.first.straighten()
    before = pair.issuers(), pair.orders()
    assert pair.run().code == 0
    assert (pair.issuers(), pair.orders()) == before

    # A renewal asks the first CA first again.
    assert pair.run(acme_force_renewal=True).code == 0
    assert set(pair.issuers().values()) == {FIRST}
    assert pair.orders()[1] == before[1][1]


@pytest.mark.hard
def test_cas_first_fails_at_a_step_once_is_issued_within_two_runs(pair: Pair) -> None:
    bend(pair, STEPS, " once")
    run = pair.run()
    issued = {name: issuer for name, issuer in pair.issuers().items() if issuer}
    assert taken_over(run) == list(issued.values()).count(SECOND)
    run = pair.run()
    assert run.code == 0
    issuers = pair.issuers()
    assert list(issuers.values()) == [step.once for step in STEPS]
    # No certificate was issued twice.
    assert {name: issuers[name] for name in issued} == issued
    assert taken_over(run) == [issuers[name] for name in issuers if name not in issued].count(SECOND)
    before = pair.orders()
    assert pair.run().code == 0
    assert pair.orders() == before


@pytest.mark.hard
@pytest.mark.parametrize(
    "fault",
    [
        "directory is 503",
        "reset the connection at the directory",
        "every answer to newNonce is 429",
        "leave Replay-Nonce out of newNonce",
        "unauthorized at newAccount",
        "newAccount is 500",
        "userActionRequired at newOrder",
    ],
)
def test_cas_first_takes_no_orders_second_issues_in_the_same_run(pair: Pair, fault: str) -> None:
    pair.first.bend(fault)
    run = pair.run()
    assert run.code == 0
    assert pair.issuers() == {"shop": SECOND}
    assert taken_over(run) == 1
    # The reason is whole, with a URL at which somebody has to do something.
    assert run.text.count("https://ca.lab.test/agree?token=new-terms") == fault.count("userActionRequired")
    before = pair.orders()
    assert pair.run().code == 0
    assert pair.orders() == before


@pytest.mark.parametrize(
    "fault",
    hard_but(["newNonce is 503 once"], ["directory is 503 once", "newNonce is 503 once", "newAccount is 503 once"]),
)
def test_cas_first_has_passing_trouble_issues_itself(pair: Pair, fault: str) -> None:
    pair.first.bend(fault)
    assert pair.run().code == 0
    assert pair.issuers() == {"shop": FIRST}
    assert pair.orders()[1] == 0


@pytest.mark.hard
def test_cas_renewal_information_of_the_first_fails_moves_nothing(pair: Pair) -> None:
    assert pair.run().code == 0
    pair.first.bend("renewalInfo is 503")
    before = pair.orders()
    assert pair.run().code == 0
    assert (pair.issuers(), pair.orders()) == ({"shop": FIRST}, before)
