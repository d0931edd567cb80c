# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates by dns-01, each with a zone of its own whose servers, records and provider can have a fault."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.fleet import own_tasks
from tests.fleet.crowd import Report, Round
from tests.fleet.dns_fault_table import DnsCase, Way
from tests.fleet.fault_table import Outcome
from tests.fleet.plays import ROLE, Plays
from tests.lab.acme_dns import ScriptedAcmeDns
from tests.lab.authorities import OTHER_KEY
from tests.lab.bent_dns import DEEP, KEY, KEY_WITHOUT_RIGHTS, BentDns
from tests.lab.limited_api import LimitedApi

PLAY = {"become": True, "roles": [ROLE]}
NO_FAULT = DnsCase(("no fault",), Outcome.ISSUED)
TIMEOUT = 40  # acme_dns_timeout: longer than a provider may be silent
LONGEST = 400  # seconds for a run on a busy machine
PROGRAM = """\
#!{python}
import os, sys
import dns.query, dns.tsig, dns.update
server, key, secret, verb = sys.argv[1:]
update = dns.update.UpdateMessage(os.environ["ACME_DNS_ZONE"], keyring=dns.tsig.Key(key, secret, "hmac-sha256"))
name, value = os.environ["ACME_DNS_NAME"] + ".", '"' + os.environ["ACME_DNS_VALUE"] + '"'
update.add(name, 1, "TXT", value) if verb == "present" else update.delete(name, "TXT", value)
sys.exit(dns.query.tcp(update, server, timeout=10).rcode())
"""
MISHAP = """\
- name: Fail where that is asked for
  ansible.builtin.fail:
    msg: the tasks fail
  when: acme_dns_options.mishap == 'fail'
"""
#: As own_tasks has them, but for a mishap.
TASKS = f"{MISHAP}{own_tasks.WRITE}  when: not acme_dns_options.mishap\n"


class DnsCrowd:
    """A certificate c01, c02, ... for each case, on the hosts of a fleet, each in the zone of its own name."""

    def __init__(self, plays: Plays, zones: BentDns, api: LimitedApi, acme_dns: ScriptedAcmeDns) -> None:
        self._plays = plays
        self._fleet = plays.fleet
        self._zones = zones
        self._api = api
        self._acme_dns = acme_dns
        self._acme_dns_api = LimitedApi(plays.fleet.lab, acme_dns.url)
        self._round = 0
        self._cases: dict[str, DnsCase] = {}
        self.host: dict[str, str] = {}
        self._accounts = {f"c{number:02}": acme_dns.register() for number in range(1, zones.count + 1)}
        self._folder = plays.folder
        self._good = self._executable("good", PROGRAM.format(python=sys.executable))
        plays.write("tasks.yml", TASKS)

    def _executable(self, name: str, text: str) -> Path:
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def take(self, cases: Sequence[DnsCase]) -> dict[str, DnsCase]:
        """Have a certificate for each of these cases, and one without a fault unless a fault is that of a whole run.

        Return the cases by certificate.
        """
        more = [] if any(case.resolver for case in cases) else [NO_FAULT]
        hosts = self._fleet.lab.hosts
        self._fleet.reset()
        self._zones.straighten()
        self._zones.clean()
        self._fleet.lab.authorities.clean()
        self._cases = {f"c{number:02}": case for number, case in enumerate([*cases, *more], 1)}
        self.host = {name: hosts[number % len(hosts)] for number, name in enumerate(self._cases)}
        return dict(self._cases)

    # -- Names

    def number(self, name: str) -> int:
        return int(name[1:])

    def label(self, name: str) -> str:
        """Return the label of the certificate's name in its zone: another one in each round."""
        return f"{name}-{self._round}"

    def domain(self, name: str) -> str:
        """Return the certificate's name."""
        zone = "pdns.lab.test" if self._cases[name].way is Way.LEXICON else self._zones.zone(self.number(name))
        return f"{self.label(name)}.{zone}"

    def turn(self) -> None:
        """Want other names than before."""
        self._round += 1

    # -- Faults

    def bend(self) -> None:
        """Have the faults of all cases."""
        for name, case in self._cases.items():
            number = self.number(name)
            for server, sentence in case.servers.items():
                self._zones.bend(number, sentence, server)
            if case.stray:
                self._zones.bend_stray(number, case.stray)
            for record in case.records:
                self._add(name, *record)
            (self._api if case.way is Way.LEXICON else self._acme_dns_api).bend(name, case.answer)

    def straighten(self) -> None:
        """End all faults. Values that others have at a name are gone, too."""
        self._zones.straighten()
        self._api.straighten()
        self._acme_dns_api.straighten()

    def _add(self, name: str, owner: str, rtype: str, value: str) -> None:
        challenge = f"_acme-challenge.{self.label(name)}"
        owner, value = (text.replace("CHALLENGE", challenge) for text in (owner, value))
        value = value.format(**self._places(name))
        if owner.startswith("-"):
            self._zones.take(self.number(name), owner[1:], rtype, value)
        else:
            self._zones.add(self.number(name), owner, rtype, f'"{value}"' if rtype == "TXT" else value)

    def _places(self, name: str) -> dict[str, str]:
        """Return the places of the lab that texts of a case may have."""
        number, zones = self.number(name), self._zones
        return {
            "a": zones.address(number, "a"),
            "b": zones.address(number, "b"),
            "b6": zones.address6(number),
            "unused": zones.address(number, "c"),
            "nobody": zones.nobody,
            "other": self._fleet.lab.authorities.address("other"),
            "other_secret": OTHER_KEY.secret,
            "guest": KEY_WITHOUT_RIGHTS.secret,
            "good": str(self._good),
        }

    # -- Runs

    def run(self, is_faulty: bool, **more: Any) -> Report:
        """Run the role; without faults each provider has the right options."""
        wanted: dict[str, list[dict[str, Any]]] = {host: [] for host in self._fleet.lab.hosts}
        entries: dict[str, Any] = {"dyn.lab.test": self._fleet.lab.authorities.provider()}
        for name, case in self._cases.items():
            identifiers = [self.domain(name)]
            if case.deep:
                identifiers.append(f"{DEEP.partition('.')[2]}.{self._zones.zone(self.number(name))}")
            options = {"challenge": "dns-01", "profile": "default", **case.options}
            wanted[self.host[name]].append({"name": name, "identifiers": identifiers, **options})
            if case.way is Way.ACME_DNS:
                self._add(name, "CHALLENGE", "CNAME", f"{self._acme_dns.full_name(self._accounts[name])}.")
            key, entry = self._entry(name, case, is_faulty)
            entries[key] = entry
        variables = {
            "acme_certificates": "{{ wanted[inventory_hostname] }}",
            "wanted": wanted,
            "acme_dns": entries,
            "acme_dns_timeout": TIMEOUT,
            "mine": {
                self._zones.zone(number): self._zones.provider(number) for number in range(1, self._zones.count + 1)
            },
            **more,
        }
        if any(case.way is Way.TASKS for case in self._cases.values()):
            variables["acme_dns_tasks"] = str(self._folder / "tasks.yml")
        command = self._plays.command(PLAY, **variables)
        run = self._fleet.run(command, self._plays.environment(), LONGEST)
        return Report.of(run, self._plays)

    def _entry(self, name: str, case: DnsCase, is_faulty: bool) -> tuple[str, dict[str, Any]]:
        """Return the key and the entry of acme_dns for a certificate."""
        number, zone = self.number(name), self._zones.zone(self.number(name))
        special = _filled(case.entry, self._places(name)) if is_faulty else {}
        if case.way is Way.LEXICON:
            entry = self._fleet.lab.authorities.provider("pdns")
            options = {**entry["options"], "pdns_server": self._api.url(name)}
            return f"_acme-challenge.{self.domain(name)}", {**entry, "options": options, **special}
        if case.way is Way.ACME_DNS:
            account = self._accounts[name]
            entry = {**self._acme_dns.provider(account), "url": self._acme_dns_api.url(name)}
            return self._acme_dns.full_name(account), {**entry, **special}
        if case.way is Way.PROGRAM:
            program = self._good
            if is_faulty and case.program:
                program = self._executable(name, f"#!/bin/sh\n{case.program.replace('{good}', str(self._good))}\n")
            entry = {"provider": "exec", "program": str(program), "args": [self._zones.real, KEY.name, KEY.secret]}
            return zone, {**entry, **special}
        if case.way is Way.TASKS:
            return zone, {"provider": "tasks", "mishap": "", **special}
        if is_faulty and case.stray:
            special["server"] = self._zones.stray(number)
        return zone, self._zones.provider(number, **special)

    # -- State

    def serials(self) -> dict[str, int]:
        """Return the serial number of each live certificate; 0 where there is none with its key."""
        fleet = self._fleet
        return {
            name: fleet.live(host, name).serial_number if fleet.has(host, name) else 0
            for name, host in self.host.items()
        }

    def left(self) -> set[str]:
        """Return the names and values of TXT records that are in zones, but for values that others have there."""
        others = {value for case in self._cases.values() for value in case.stays}
        found = self._zones.left() | self._fleet.lab.authorities.txt("pdns")
        return {f"{name} {value}" for name, value in found if value not in others}

    def record(self, name: str) -> str:
        """Return the name of the certificate's record."""
        return f"_acme-challenge.{self.domain(name)}"

    def round(self, cases: Mapping[str, DnsCase], before: Mapping[str, int], report: Report) -> Round:
        """Return what a run with faults has led to."""
        return Round(cases, before, self.serials(), report)

    def __enter__(self) -> DnsCrowd:
        self._acme_dns_api.__enter__()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._acme_dns_api.__exit__()


def _filled(entry: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    return {option: value.format(**places) if isinstance(value, str) else value for option, value in entry.items()}
