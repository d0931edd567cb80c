# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones of which each has two name servers that can be bent, over one real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update
import dns.zone

from . import bind
from .authorities import Key
from .bent_servers import STRAIGHT, BentServers, Place
from .errors import LabError
from .process import Process, wait

if TYPE_CHECKING:
    from .lab import Lab

NAME = "bent"  # of the real server's process, its log and its directory
REAL, RESOLVER = 10, 11  # the last part of addresses: the real server's, and a bent resolver's
NOBODY = 250  # the last part of an address that no machine has
SERVERS = {"a": 10, "b": 11}  # by the name in the zone: the third part of the address, whose last is the zone's number
STRAY = 12  # the third part of the address that accepts updates for a zone
UNUSED = 13  # the third part of addresses at which nothing listens
DEEP = "_acme-challenge.deep"  # a zone in each zone
KEY = Key("bent-key", "hmac-sha256", "dGhlIHNlY3JldCBvZiB0aGUgYmVudCBzZXJ2ZXJzIGtleQ==")
KEY_WITHOUT_RIGHTS = Key("guest-key", "hmac-sha256", "dGhlIHNlY3JldCBvZiBhIGd1ZXN0IHdobyBtYXkgbm90aGluZw==")
TIMEOUT = 10  # seconds


class BentDns:
    """*count* zones of a lab with dns_zones: c01.lab.test, ..., with the name servers a and b. Made by bent_dns().

    In each of them, _acme-challenge.deep is a zone of its own.
    """

    def __init__(self, lab: Lab, count: int) -> None:
        self.count = count
        self._lab = lab
        self._directory = lab.state / NAME
        self._network = lab.controller.rpartition(".")[0].rpartition(".")[0]
        self._servers = BentServers(self.real, {KEY.name: KEY.secret})
        self._records: dict[int, list[tuple[str, str, str]]] = {}

    @property
    def numbers(self) -> range:
        """The numbers of the zones."""
        return range(1, self.count + 1)

    @property
    def real(self) -> str:
        """The address of the real server, which accepts updates."""
        return f"{self._network}.0.{REAL}"

    @property
    def nobody(self) -> str:
        """An address in the lab's network that no machine has."""
        return f"{self._network}.0.{NOBODY}"

    def zone(self, number: int) -> str:
        """Return the name of a zone; they are counted from 1."""
        return f"{self._label(number)}.{self._lab.domain}"

    @staticmethod
    def _label(number: int) -> str:
        return f"c{number:02}"

    def _zones(self) -> list[str]:
        """Return the names of all zones."""
        apexes = [self.zone(number) for number in self.numbers]
        return [*apexes, *(f"{DEEP}.{apex}" for apex in apexes)]

    def address(self, number: int, server: str = "b") -> str:
        """Return the address of a zone's server a or b; of c an address without any listener."""
        return f"{self._network}.{SERVERS.get(server, UNUSED)}.{number}"

    def address6(self, number: int) -> str:
        """Return an IPv6 address at which the zone's server b answers, too. No name leads there."""
        return f"{self._lab.controller6.rpartition(':')[0]}:{SERVERS['b']}:{number}"

    def provider(self, number: int, **options: Any) -> dict[str, Any]:
        """Return the entry of acme_dns for a zone; *options* replace those of the real server."""
        entry = {"provider": "rfc2136", "server": self.real, "tsig_name": KEY.name, "tsig_secret": KEY.secret}
        return {**entry, "tsig_algorithm": KEY.algorithm, **options}

    def bend(self, number: int, sentence: str, *servers: str) -> None:
        """Have servers of a zone (both without any) do what a sentence of bent_servers.py says."""
        for server in servers or SERVERS:
            self._servers.bend(self.address(number, server), sentence)
        if "b" in (servers or SERVERS):
            self._servers.bend(self.address6(number), sentence)

    def stray(self, number: int) -> str:
        """Return an address that passes updates on to the real server, and is no name server of the zone."""
        return f"{self._network}.{STRAY}.{number}"

    def bend_stray(self, number: int, sentence: str) -> None:
        """Have that address do what a sentence says."""
        self._servers.bend(self.stray(number), sentence)

    def asked(self, number: int, server: str = "b") -> int:
        """Return the number of questions to a server since it was bent."""
        return self._servers.asked(self.address(number, server))

    def add(self, number: int, name: str, rtype: str, value: str) -> None:
        """Add a record; "@" is the zone. straighten() removes it."""
        self._change(number, [(name, rtype, value)], True)
        self._records.setdefault(number, []).append((name, rtype, value))

    def take(self, number: int, name: str, rtype: str, value: str) -> None:
        """Remove a record that the zone begins with. straighten() adds it again."""
        self._change(number, [(name, rtype, value)], False)
        self._records.setdefault(number, []).append((f"-{name}", rtype, value))

    def straighten(self) -> None:
        """Have all servers and records be as in the beginning, but for TXT records."""
        for number in self.numbers:
            self.bend(number, STRAIGHT)
            self.bend_stray(number, STRAIGHT)
        for number, records in self._records.items():
            for name, rtype, value in reversed(records):
                self._change(number, [(name.removeprefix("-"), rtype, value)], name.startswith("-"))
        self._records.clear()

    def left(self) -> set[tuple[str, str]]:
        """Return name and value of each TXT record in any zone."""
        found: set[tuple[str, str]] = set()
        for zone in self._zones():
            for name, _ttl, rdata in self._transfer(zone).iterate_rdatas(dns.rdatatype.TXT):
                found.add((name.to_text(omit_final_dot=True), b"".join(rdata.strings).decode()))
        return found

    def clean(self) -> None:
        """Remove all TXT records."""
        for zone in self._zones():
            names = {name for name, _ttl, _rdata in self._transfer(zone).iterate_rdatas(dns.rdatatype.TXT)}
            if names:
                self._send(zone, lambda update, names=names: [update.delete(name, "TXT") for name in names])

    def _transfer(self, zone: str) -> dns.zone.Zone:
        where = dns.name.from_text(zone)

        def transfer() -> dns.zone.Zone:
            messages = dns.query.xfr(self.real, where, relativize=False, timeout=TIMEOUT, lifetime=TIMEOUT)
            return dns.zone.from_xfr(messages, relativize=False)

        found: dns.zone.Zone = self._lab.inside(transfer)
        return found

    def _change(self, number: int, records: list[tuple[str, str, str]], present: bool) -> None:
        def change(update: dns.update.UpdateMessage) -> None:
            for name, rtype, value in records:
                if present:
                    update.add(name, 1, rtype, value)
                else:
                    update.delete(name, rtype, value)

        if records:
            self._send(self.zone(number), change)

    def _send(self, zone: str, change: Callable[[dns.update.UpdateMessage], Any]) -> None:
        update = dns.update.UpdateMessage(zone, keyring=dns.tsig.Key(KEY.name, KEY.secret, KEY.algorithm))
        change(update)
        code = self._lab.inside(lambda: dns.query.tcp(update, self.real, timeout=TIMEOUT)).rcode()
        if code != dns.rcode.NOERROR:
            raise LabError(f"the real server answers a change of {zone} with {dns.rcode.to_text(code)}")

    # -- Up and down

    def start(self) -> None:
        """Start the real server and the bent ones, and delegate the zones."""
        lab, seen = self._lab, self._lab.seen(self._directory)
        self._directory.mkdir(exist_ok=True)
        lab.ip("address", "replace", f"{self.real}/32", "dev", "bridge")
        for third in (*SERVERS.values(), STRAY):
            lab.ip("route", "replace", "local", f"{self._network}.{third}.0/24", "dev", "lo")
        network6 = lab.controller6.rpartition(":")[0]
        lab.ip("-6", "route", "replace", "local", f"{network6}:{SERVERS['b']}:0/112", "dev", "lo")
        config = bind.options(seen, [self.real], [])
        for key in (KEY, KEY_WITHOUT_RIGHTS):
            config += f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n'
        for old in self._directory.glob("zone-*"):  # a file that updates have changed has a journal, too
            old.unlink()
        for zone in self._zones():
            file = f"zone-{zone}"
            (self._directory / file).write_text(self._zone_file(zone))
            settings = f'type primary; file "{seen}/{file}"; allow-transfer {{ any; }};'
            config += f'zone "{zone}" {{ {settings} allow-update {{ key "{KEY.name}"; }}; }};\n'
        bind.start(lab, NAME, self._directory, config)
        wait(self._answers, 20, f"the real server does not answer: see {lab.log(NAME)}")
        addresses = [self.address(number, server) for number in self.numbers for server in SERVERS]
        addresses += [*map(self.address6, self.numbers), *map(self.stray, self.numbers)]
        lab.inside(lambda: self._servers.start(addresses))
        lab.dns.add_all(self._delegations())

    def stop(self) -> None:
        """Take them down."""
        self._lab.dns.remove_all(self._delegations())
        self._servers.stop()
        process = Process.recorded(self._lab.state / f"{NAME}.pid")
        if process:
            process.kill()

    def _delegations(self) -> list[tuple[str, str, str]]:
        records = []
        for number in self.numbers:
            for server in SERVERS:
                host = f"{server}.{self._label(number)}"
                records.append((self._label(number), "NS", host))
                records.append((host, "A", self.address(number, server)))
        return records

    def _zone_file(self, zone: str) -> str:
        apex = zone.removeprefix(f"{DEEP}.")
        lines = ["$TTL 1", f"@ SOA a.{apex}. hostmaster.{apex}. 1 3600 600 86400 1"]
        for server in SERVERS:
            lines.append(f"@ NS {server}.{apex}.")
            if zone == apex:
                number = int(apex.partition(".")[0][1:])
                lines += [f"{server} A {self.address(number, server)}", f"{DEEP} NS {server}"]
        return "\n".join([*lines, ""])

    def _answers(self) -> bool:
        query = dns.message.make_query(self.zone(self.count), "SOA")
        try:
            return bool(self._lab.inside(lambda: dns.query.udp(query, self.real, timeout=1)).answer)
        except (dns.exception.DNSException, OSError):
            return False


@contextmanager
def bent_dns(lab: Lab, count: int) -> Iterator[BentDns]:
    """Have so many zones (200 at most) be there, none of them bent."""
    zones = BentDns(lab, count)
    zones.start()
    try:
        yield zones
    finally:
        zones.stop()


@contextmanager
def bent_resolver(lab: Lab, sentence: str, number: int = 0) -> Iterator[Place]:
    """Yield a resolver that passes questions on to the lab's, and does what a sentence says. *number*: of several."""
    address = f"{lab.controller.rpartition('.')[0]}.{RESOLVER + number}"
    lab.ip("address", "replace", f"{address}/32", "dev", "bridge")
    servers = BentServers(lab.controller, {})
    lab.inside(lambda: servers.start([address]))
    servers.bend(address, sentence)
    try:
        yield servers.place(address)
    finally:
        servers.stop()
