# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a few hosts at a bent CA. In each round other names, or keys of another type, are wanted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.fleet.fault_table import Case, Outcome
from tests.fleet.fleet import Run, names
from tests.fleet.plays import ROLE, Plays
from tests.lab.bent_ca import BentCa

_NO_FAULT = Case(("no fault",), Outcome.ISSUED)
PLAY = {"become": True, "roles": [ROLE]}
KEY_TYPES = {"ec256": 256, "ec384": 384}
COMMON = {"webroot": "/var/www/html", "profile": "default"}  # of several profiles Pebble chooses by chance
REQUEST = 30  # seconds that a request may take, which the role does not change
ANSIBLE = 180  # seconds that a run may take apart from what it waits for a CA, on a busy machine
FAST, SLOW = 60, 75  # acme_order_timeout, in seconds; the second leaves time after a request without an answer


def limit(order_timeout: int) -> int:
    """Return the seconds in which a run ends: its time limits for orders, and a last request in each step."""
    return ANSIBLE + 2 * order_timeout + 3 * REQUEST


@dataclass
class Report:
    """The words of a run. lines: by certificate, why it was not issued. warnings: all of them."""

    run: Run
    lines: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, run: Run, plays: Plays) -> Report:
        """Read what the callback plugin has recorded."""
        report = cls(run)
        for recorded in plays.recorded():
            result = recorded.result or {}
            for name, line in (result.get("failures") or {}).items():
                report._add(name, line)
            for warning in result.get("warnings") or ():
                report.warnings.append(str(warning))
                deferred, found, reason = str(warning).partition(" is deferred to a later run: ")
                if found:
                    report._add(deferred.split()[-1], reason)
            if result.get("msg"):
                report.messages.append(str(result["msg"]))
        return report

    def _add(self, name: str, line: str) -> None:
        lines = self.lines.setdefault(name, [])
        if line not in lines:
            lines.append(line)

    @property
    def everything(self) -> list[str]:
        """All lines, whatever they are about."""
        return [*self.warnings, *self.messages, *(line for lines in self.lines.values() for line in lines)]


class Crowd:
    """*count* certificates on so many of the hosts, at a bent CA."""

    def __init__(self, plays: Plays, ca: BentCa, count: int, hosts: int) -> None:
        self.ca = ca
        self._plays = plays
        self._fleet = plays.fleet
        self._hosts = self._fleet.lab.hosts[:hosts]
        self._key_type = "ec256"
        self._round = 0
        self._is_started = False
        self.host = {f"c{number + 1:02}": self._hosts[number * hosts // count] for number in range(count)}

    def domain(self, name: str) -> str:
        """Return the one name in a certificate: another one in each round, as Pebble may use a proof again."""
        return f"{name}-{self._round}.{self.host[name]}.lab.test"

    def stand(self) -> None:
        """Have all certificates issued by this CA, if they are not."""
        self.ca.straighten()
        if not self._is_started or not all(map(self._is_right, self.host)):
            self._fleet.reset()
            assert self.run().run.code == 0
            self._is_started = True

    def turn(self, keeps_names: bool = False) -> None:
        """Want other names than before, or else other keys."""
        if keeps_names:
            self._key_type = next(other for other in KEY_TYPES if other != self._key_type)
        else:
            self._round += 1

    def run(
        self, order_timeout: int = FAST, options: Mapping[str, Mapping[str, Any]] | None = None, **more: Any
    ) -> Report:
        """Run the role, with some certificates' options, and *more* variables.

        Raises subprocess.TimeoutExpired after limit().
        """
        wanted: dict[str, list[dict[str, Any]]] = {host: [] for host in self._hosts}
        for name, host in self.host.items():
            entry = {"name": name, "identifiers": [self.domain(name)], "key_type": self._key_type}
            entry = {**entry, **COMMON, **(options or {}).get(name, {})}
            wanted[host].append({option: value for option, value in entry.items() if value is not None})
        variables = {
            "acme_directory": self.ca.url,
            "acme_order_timeout": order_timeout,
            "acme_certificates": "{{ wanted[inventory_hostname] }}",
            "wanted": wanted,
            **more,
        }
        command = self._plays.command({**PLAY, "hosts": ",".join(self._hosts)}, **variables)
        run = self._fleet.run(command, self._plays.environment(), limit(order_timeout))
        return Report.of(run, self._plays)

    def serials(self) -> dict[str, int]:
        """Return the serial number of each live certificate; 0 where there is none with its key."""
        return {name: self._serial(name) for name in self.host}

    def _serial(self, name: str) -> int:
        host = self.host[name]
        return self._fleet.live(host, name).serial_number if self._fleet.has(host, name) else 0

    def _is_right(self, name: str) -> bool:
        """Return True if the live certificate has the name and the key that are wanted now."""
        if not self._fleet.has(self.host[name], name):
            return False
        live = self._fleet.live(self.host[name], name)
        key = live.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return (names(live), key.key_size) == ({self.domain(name)}, KEY_TYPES[self._key_type])


@dataclass(frozen=True)
class Round:
    """A run with faults. cases: by certificate; others have to be issued. before, after: serial numbers.

    is_whole: the faults are the CA's, so a line about the CA counts for each certificate.
    """

    cases: Mapping[str, Case]
    before: Mapping[str, int]
    after: Mapping[str, int]
    report: Report
    is_whole: bool = False

    def problems(self) -> list[str]:
        """Return a line for each certificate that came out otherwise than its case says."""
        found = {name: self._problem(name, self.case(name)) for name in self.before}
        problems = [f"{name}: {self.case(name).title}: {why}" for name, why in found.items() if why]
        if "Traceback" in self.report.run.text:
            problems.append("there is a traceback")
        return problems

    def case(self, name: str) -> Case:
        """Return the case of a certificate."""
        return self.cases.get(name, _NO_FAULT)

    def lines(self, name: str) -> list[str]:
        """Return the lines that say why a certificate was stopped; of the whole CA, the one with the case's words."""
        lines = self.report.lines.get(name, [])
        if self.is_whole and not lines:
            return [line for line in self.report.everything if self.case(name).pattern.search(line)][:1]
        return lines

    def _problem(self, name: str, case: Case) -> str:
        before, after = self.before[name], self.after[name]
        lines = self.lines(name)
        if not after:
            return f"nothing is live any more: {lines}"
        outcome = case.outcome
        if outcome is Outcome.ANY:
            outcome = Outcome.STOPPED if after == before else Outcome.ISSUED
        if (outcome is Outcome.ISSUED) != (after != before):
            return f"it is not issued: {lines or self.report.warnings}" if after == before else f"it is issued: {lines}"
        if outcome is Outcome.STOPPED:
            return self._line_problem(case, lines)
        about = [line for line in self.report.warnings if self.is_whole or name in re.findall(r"\w+", line)]
        is_said = not case.words or any(map(case.pattern.search, about))
        return "" if is_said or case.outcome is Outcome.ANY else f"no warning '{case.words}': {self.report.warnings}"

    def _line_problem(self, case: Case, lines: list[str]) -> str:
        """Return what is wrong about the lines that say why a certificate was stopped."""
        if len(lines) != 1:
            return f"there is not one line about it: {lines or self.report.everything}"
        if "\n" in lines[0]:
            return f"it is more than a line: {lines[0]!r}"
        return "" if case.pattern.search(lines[0]) else f"not '{case.words}': {lines[0]}"
