# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Preflight: verifying challenges from the controller before the CA validates them and counts a failure.

All names of all orders are verified side by side, at each of their addresses, within one time budget for the run. It is
no part of any order's time. A challenge that is wrong stops its order. All that cannot be verified from here is
one warning, as the CA may succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .._common.clock import Clock
from .._common.contracts import ChallengeData
from .._common.deadline import Deadline
from .._common.identifiers import HTTP_01, TLS_ALPN_01
from .._common.statuses import Status
from .._common.threads import Workers
from .addresses import Address, is_public
from .bounded import SocketAddress, system_addresses
from .connection import HostAddresses, NotAllowed, OutOfTime, Resolve, addresses_of, allowed_of, at_port
from .http import reason
from .preflight_address import Limits, Verification, not_allowed
from .preflight_findings import Finding, Kind, Verdict, failure, judge, warning
from .preflight_http_01 import verify_http_01
from .preflight_tls_alpn_01 import verify_tls_alpn_01

BUDGET = 30.0  # seconds for all orders of a run
# Threads: each of them may hang, in the system's resolver, in a resolver for CAA records, at a silent server.
_LOOK_UPS, _CAA_QUESTIONS, _CONNECTIONS = 32, 32, 64
_MOST_ADDRESSES = 16  # of a name; its owner chooses how many there are
_VERIFY = {HTTP_01: verify_http_01, TLS_ALPN_01: verify_tls_alpn_01}

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Return why CAA records forbid the CA to issue for a domain, wildcard or not, with a kind of challenge; empty if they
#: do not. Raises NotVerifiable.
Caa = Callable[[str, bool, str], str]


@dataclass(frozen=True)
class _CaaQuestion:
    domain: str
    wildcard: bool
    kind: str


class Preflight:
    """The preflight of a run, which may have orders at several CAs."""

    def __init__(
        self,
        limits: Limits | None = None,
        budget: float = BUDGET,
        look_up: Resolve = system_addresses,
        clock: Clock | None = None,
    ) -> None:
        """*budget*: seconds for the whole run."""
        self._limits = limits or Limits()
        self._budget = self._left = budget
        self._hosts = HostAddresses(look_up)
        self._clock = clock or Clock()
        self._unseen: list[tuple[str, str]] = []

    @property
    def warning(self) -> str:
        """Return one line about all names so far that could not be verified; empty without any."""
        return warning(self._unseen)

    def verify_all(self, orders: Sequence[Iterable[ChallengeData]], caa: Caa, ca_host: str) -> list[str]:
        """Verify the pending challenges of orders at the CA with the host *ca_host*.

        Return for each order one line with all that is wrong, empty if nothing is.
        """
        pending = [[challenge for challenge in order if challenge.status == Status.PENDING] for order in orders]
        challenges = list(dict.fromkeys(challenge for order in pending for challenge in order))
        deadline = Deadline(self._clock, self._left)
        late = Finding(Kind.UNSEEN, f"the preflight's {self._budget:g} s were over")
        verdicts = _Batch(self._hosts, self._limits, deadline, late).verdicts(challenges, caa, ca_host)
        self._left = deadline.left()
        self._unseen += [(_name(one), verdicts[one].unseen) for one in challenges if verdicts[one].unseen]
        return [failure([(_name(one), fault) for one in order for fault in verdicts[one].faults]) for order in pending]


class _Batch:
    """The challenges of orders at one CA. late: the finding for all that the deadline leaves."""

    def __init__(self, hosts: HostAddresses, limits: Limits, deadline: Deadline, late: Finding) -> None:
        self._hosts = hosts
        self._limits = limits
        self._deadline = deadline
        self._late = late

    def verdicts(self, challenges: Sequence[ChallengeData], caa: Caa, ca_host: str) -> dict[ChallengeData, Verdict]:
        """Return what follows for each challenge."""
        questions = {one: _CaaQuestion(one.identifier, one.wildcard, one.type) for one in challenges}
        # In threads of their own, beside all else: a resolver may leave out just these questions.
        asked = self._started(lambda question: _records(caa, question), _CAA_QUESTIONS, questions.values())
        at_addresses = self._at_addresses(challenges, ca_host)
        records = dict(asked.results(self._late))
        return {one: _with_records(at_addresses[one], records[questions[one]]) for one in challenges}

    def _at_addresses(self, challenges: Sequence[ChallengeData], ca_host: str) -> dict[ChallengeData, Verdict]:
        """Return what follows for each challenge from the addresses of its name."""
        by_host: dict[str, list[ChallengeData]] = {}
        for one in challenges:
            if one.type in _VERIFY and not one.identifier.endswith(".onion"):
                by_host.setdefault(one.identifier, []).append(one)
        if by_host:
            by_host.setdefault(ca_host, [])
        findings: dict[ChallengeData, list[Finding]] = {one: [] for one in challenges}
        ca_is_public = True
        visits = Workers(self._visit, _CONNECTIONS, self._deadline)
        for host, found in self._started(self._look_up, _LOOK_UPS, by_host).results(self._late):
            if isinstance(found, Finding):
                for one in by_host[host]:
                    findings[one].append(found)
                continue
            if host == ca_host:
                ca_is_public = any(map(is_public, found.own))
            for one in by_host[host]:
                port = self._limits.port_of(one.type)
                for place in found.allowed[:_MOST_ADDRESSES]:
                    visits.add(Verification(one, at_port(place, port), found.own, self._hosts, self._limits))
        for verification, seen in visits.results([self._late]):
            findings[verification.challenge] += seen
        return {one: judge(seen, ca_is_public) for one, seen in findings.items()}

    def _started(self, work: Callable[[Item], Result], most: int, items: Iterable[Item]) -> Workers[Item, Result]:
        workers = Workers(work, most, self._deadline)
        for item in items:
            workers.add(item)
        return workers

    def _look_up(self, host: str) -> _Addresses | Finding:
        try:
            places = self._hosts.find(host, self._limits.http_port, self._deadline)
            return _Addresses(addresses_of(places), allowed_of(places, addresses_of(places), redirected=False))
        except NotAllowed as error:
            return Finding(Kind.UNSEEN, not_allowed(error))
        except OutOfTime:
            return self._late
        except Exception as error:
            return Finding(Kind.UNSEEN, f"no address of it was found: {reason(error)}")

    def _visit(self, verification: Verification) -> list[Finding]:
        deadline = Deadline(self._deadline.clock, min(verification.limits.whole, self._deadline.left()))
        try:
            found = _VERIFY[verification.challenge.type](verification, deadline)
        except Exception as error:
            found = [Finding(Kind.UNSEEN, f"it cannot be asked: {reason(error)}")]
        if self._deadline.left() > 0:
            return found
        # The address itself may have had more time.
        return [self._late if finding.kind is Kind.UNSEEN else finding for finding in found]


@dataclass(frozen=True)
class _Addresses:
    """The addresses of a name, and the places that may be connected to."""

    own: frozenset[Address]
    allowed: Sequence[SocketAddress]


def _records(caa: Caa, question: _CaaQuestion) -> Finding:
    try:
        refusal = caa(question.domain, question.wildcard, question.kind)
    except Exception as error:
        return Finding(Kind.UNSEEN, f"CAA: {reason(error)}")
    return Finding(Kind.WRONG, refusal) if refusal else Finding(Kind.RIGHT)


def _with_records(verdict: Verdict, records: Finding) -> Verdict:
    """Return what follows from the addresses of a name and its CAA records, which one address cannot make good."""
    if records.kind is Kind.WRONG:
        return Verdict((*verdict.faults, records))
    if records.kind is Kind.UNSEEN and not verdict.faults:
        return Verdict(unseen=", ".join(dict.fromkeys(filter(None, (verdict.unseen, records.text)))))
    return verdict


def _name(challenge: ChallengeData) -> str:
    return f"*.{challenge.identifier}" if challenge.wildcard else challenge.identifier
