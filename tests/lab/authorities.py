# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's other DNS servers: zones below the lab's own that programs can change, as at DNS providers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.tsig
import dns.update
import dns.zone

from . import bind, powerdns
from .errors import LabError
from .process import wait

if TYPE_CHECKING:
    from .lab import Lab

TIMEOUT = 10  # seconds, for what a server is asked
SETTLING = 0.2  # seconds, in which ns2 fetches the changes that it was notified of in the meantime


class Record(NamedTuple):
    """A record of a zone: name in lower case without final dot; the value of a TXT is its text, without quotes."""

    name: str
    type: str
    value: str


class Key(NamedTuple):
    """A TSIG key (RFC 8945), the secret in base64."""

    name: str
    algorithm: str
    secret: str


class Zone(NamedTuple):
    """Its servers, the primary first, by the name each has in it; the keys that may change it."""

    servers: dict[str, str]
    keys: tuple[Key, ...] = ()


# Nothing outside of the lab takes these.
DYN_KEY = Key("dyn-key", "hmac-sha256", "dGhlIHNlY3JldCBvZiB0aGUgbGFiJ3MgZHluLWtleSE=")
DYN_KEY_512 = Key("dyn-key-512", "hmac-sha512", "dGhlIHNlY3JldCBvZiB0aGUgbGFiJ3MgZHluLWtleS01MTIh")
OTHER_KEY = Key("other-key", "hmac-sha256", "dGhlIHNlY3JldCBvZiB0aGUgbGFiJ3Mgb3RoZXIta2V5IQ==")
AUTH_KEY = Key("auth-key", "hmac-sha256", "dGhlIHNlY3JldCBvZiB0aGUgbGFiJ3MgYXV0aC1rZXkh")
# Each server knows all of them, so that one is refused by a zone and not just unknown.
KEYS = (DYN_KEY, DYN_KEY_512, OTHER_KEY, AUTH_KEY)

SERVERS = {"ns1": 2, "ns2": 3, "other": 4, "pdns": 5}  # the last part of their addresses
ZONES = {
    "dyn": Zone({"ns1": "ns1.dyn", "ns2": "ns2.dyn"}, (DYN_KEY, DYN_KEY_512)),
    "other": Zone({"other": "ns.other"}, (OTHER_KEY,)),
    "auth": Zone({"other": "ns.auth"}, (AUTH_KEY,)),
    "pdns": Zone({"pdns": "ns.pdns"}),
}


class Authorities:
    """The servers ns1, ns2, other and pdns, and the zones dyn, other, auth and pdns: see README.md."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._directory = lab.state / "authorities"

    # -- State

    def zone(self, zone: str = "dyn") -> str:
        """Return the full name of a zone."""
        return f"{zone}.{self._lab.domain}"

    def address(self, server: str = "ns1") -> str:
        """Return a server's IPv4 address."""
        return f"{self._lab.controller.rpartition('.')[0]}.{SERVERS[server]}"

    def address6(self, server: str = "ns1") -> str:
        """Return a server's IPv6 address."""
        return f"{self._lab.controller6.rpartition(':')[0]}:{SERVERS[server]}"

    def provider(self, zone: str = "dyn", key: Key | None = None, **options: Any) -> dict[str, Any]:
        """Return an entry of acme_dns for a zone. key: instead of the first suitable one; options replace the rest."""
        if zone == "pdns":
            url = f"http://{self.address('pdns')}:{powerdns.PORT}"
            settings = {"pdns_server": url, "auth_token": powerdns.API_KEY}
            return {"provider": "lexicon", "name": "powerdns", "options": settings, **options}
        key = key or ZONES[zone].keys[0]
        return {
            "provider": "rfc2136",
            "server": self.address(next(iter(ZONES[zone].servers))),
            "tsig_name": key.name,
            "tsig_secret": key.secret,
            "tsig_algorithm": key.algorithm,
            **options,
        }

    def providers(self, *zones: str) -> dict[str, dict[str, Any]]:
        """Return the role variable acme_dns for these zones; without any for dyn, other and pdns."""
        return {self.zone(zone): self.provider(zone) for zone in zones or ("dyn", "other", "pdns")}

    def delegations(self) -> list[tuple[str, str, str]]:
        """Return the records of the lab's own zone (name, type, value) that lead to the zones here."""
        records = []
        for name, zone in ZONES.items():
            for server, host in zone.servers.items():
                records += [
                    (name, "NS", host),
                    (host, "A", self.address(server)),
                    (host, "AAAA", self.address6(server)),
                ]
        return records

    # -- Zones, looked at and changed as an administrator does

    def records(self, zone: str = "dyn", server: str | None = None) -> set[Record]:
        """Return all records of a zone, by zone transfer from its primary or from another server that has it."""
        where = dns.name.from_text(self.zone(zone))
        address = self.address(server or next(iter(ZONES[zone].servers)))

        def transfer() -> dns.zone.Zone:
            messages = dns.query.xfr(address, where, relativize=False, timeout=TIMEOUT, lifetime=TIMEOUT)
            return dns.zone.from_xfr(messages, relativize=False)

        return {
            Record(_plain(name), dns.rdatatype.to_text(rdata.rdtype), _text(rdata))
            for name, _ttl, rdata in self._lab.inside(transfer).iterate_rdatas()
        }

    def txt(self, zone: str = "dyn", server: str | None = None) -> set[tuple[str, str]]:
        """Return name and value of each TXT record of a zone, by zone transfer."""
        return {(record.name, record.value) for record in self.records(zone, server) if record.type == "TXT"}

    def add(self, name: str, rtype: str, value: str, ttl: int = 1) -> None:
        """Add a record ("_acme-challenge.x.dyn.lab.test", "CNAME", "x.pdns.lab.test.") to the zone it belongs to."""
        zone = self._zone_of(name)
        if zone == "pdns":
            before = [record.value for record in self.records(zone) if record[:2] == (name, rtype)]
            self._change_pdns(name, rtype, {*before, value}, ttl)
        else:
            self._update(zone, lambda update: update.add(f"{name}.", ttl, rtype, _quoted(rtype, value)))

    def remove(self, name: str, rtype: str, value: str | None = None) -> None:
        """Remove a record, or all of the type without a value; none is needed to be there."""
        zone = self._zone_of(name)
        if zone == "pdns":
            before = {record.value for record in self.records(zone) if record[:2] == (name, rtype)}
            self._change_pdns(name, rtype, before - {value} if value else set(), 1)
        else:
            which = [rtype] if value is None else [rtype, _quoted(rtype, value)]
            self._update(zone, lambda update: update.delete(f"{name}.", *which))

    def clean(self) -> None:
        """Remove every TXT and CNAME record of all zones."""
        for zone in ZONES:
            for name, rtype in {record[:2] for record in self.records(zone) if record.type in ("TXT", "CNAME")}:
                self.remove(name, rtype)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer of PowerDNS's API; path is below /api/v1/servers/localhost."""
        return powerdns.call(self._lab, self.address("pdns"), method, path, body)

    # -- Servers in trouble

    @contextmanager
    def silent(self, *servers: str) -> Iterator[None]:
        """These servers answer nothing, inside. They accept connections and questions, and process them afterwards."""
        stopped = [bind.process(self._lab, server).pid for server in servers]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            # On a busy machine a thread may still answer.
            wait(lambda: all(map(_is_stopped, stopped)), 10, "a name server does not stop")
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def stale(self) -> Iterator[Callable[[], None]]:
        """ns2 gets no change of dyn inside, but for what there is when the function given is called.

        Afterwards it has them all.
        """
        bind.reconfigure(self._lab, "ns1", self._directory / "ns1", self._config("ns1", notify=False))
        self._catch_up()
        try:
            yield self._catch_up
        finally:
            bind.reconfigure(self._lab, "ns1", self._directory / "ns1", self._config("ns1"))
            self._catch_up()

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """ns2 gets each change of dyn only so long after ns1, inside; of some in a row, after the first."""
        done = threading.Event()

        def follow() -> None:
            since = None
            while not done.wait(0.05):
                if self._serial("ns1") == self._serial("ns2"):
                    since = None
                elif since is None:
                    since = time.monotonic()
                elif time.monotonic() - since >= seconds:
                    self._catch_up()
                    since = None

        with self.stale():
            thread = threading.Thread(target=follow, daemon=True)
            thread.start()
            try:
                yield
            finally:
                done.set()
                thread.join()

    @contextmanager
    def negative_ttl(self, seconds: int, zone: str = "dyn") -> Iterator[None]:
        """Resolvers keep it so long that a name of a zone does not exist (RFC 2308), inside."""
        self._set_negative_ttl(zone, seconds)
        try:
            yield
        finally:
            self._set_negative_ttl(zone, 1)

    def _set_negative_ttl(self, zone: str, seconds: int) -> None:
        (soa,) = [record.value for record in self.records(zone) if record.type == "SOA"]
        mname, rname, serial, *times = soa.split()
        value = " ".join([mname, rname, str(int(serial) + 1), *times[:-1], str(seconds)])
        self._update(zone, lambda update: update.add(f"{self.zone(zone)}.", seconds, "SOA", value))

    # -- Up

    def start(self) -> None:
        """Start the servers at addresses of the controller; return when all have their zones."""
        self._directory.mkdir()
        primaries = {next(iter(zone.servers)) for zone in ZONES.values()}
        # A server that finds no primary when it starts asks again only much later.
        for servers in (primaries, SERVERS.keys() - primaries):
            for server in servers:
                self._start(server)
            for server in servers:
                for name, zone in ZONES.items():
                    if server in zone.servers:
                        self._wait_for(server, name)

    def _start(self, server: str) -> None:
        self._lab.ip("address", "add", f"{self.address(server)}/32", "dev", "bridge")
        self._lab.ip("address", "add", f"{self.address6(server)}/128", "dev", "bridge", "nodad")
        directory = self._directory / server
        directory.mkdir()
        if server == "pdns":
            addresses = self.address(server), self.address6(server)
            powerdns.start(self._lab, directory, addresses, self.zone(server), self._apex(server))
            return
        for name, zone in ZONES.items():
            if next(iter(zone.servers)) == server:
                lines = [f"{owner}. {ttl} {rtype} {value}\n" for owner, ttl, rtype, value in self._apex(name)]
                (directory / name).write_text("".join(lines))
        bind.start(self._lab, server, directory, self._config(server))

    def _wait_for(self, server: str, zone: str) -> None:
        what = f"{server} does not load {self.zone(zone)}: see {self._lab.log(server)}"
        # Messages before it listens are lost.
        wait(lambda: self._serial(server, zone, timeout=0.1), 60, what)

    def _config(self, server: str, notify: bool = True) -> str:
        """notify: tell the other servers of a zone at once what has changed."""
        directory = self._lab.seen(self._directory / server)
        text = bind.options(directory, [self.address(server)], [self.address6(server)])
        text += "".join(f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};\n' for key in KEYS)
        for name, zone in ZONES.items():
            if server not in zone.servers:
                continue
            primary, *others = zone.servers
            settings = f'file "{directory}/{name}"; allow-transfer {{ any; }};'
            if server == primary:
                grants = "".join(f'grant "{key.name}" zonesub ANY; ' for key in zone.keys)
                settings += f" type primary; update-policy {{ {grants}}}; notify-delay 0;"
                if notify:
                    told = "".join(f"{self.address(other)}; " for other in others)
                    settings += f" notify explicit; also-notify {{ {told}}};"
            else:
                # The controller may tell it too: _catch_up().
                settings += f" type secondary; primaries {{ {self.address(primary)}; }}; allow-notify {{ any; }};"
            text += f'zone "{self.zone(name)}" {{ {settings} }};\n'
        return text

    def _apex(self, zone: str) -> list[tuple[str, int, str, str]]:
        """Return the first records of a zone: full name, TTL, type, value; full names in values have a final dot."""
        domain, own = self._lab.domain, self.zone(zone)
        first, *_others = ZONES[zone].servers.values()
        records = [(own, 1, "SOA", f"{first}.{domain}. hostmaster.{own}. 1 3600 600 86400 1")]
        for server, host in ZONES[zone].servers.items():
            records.append((own, 1, "NS", f"{host}.{domain}."))
            records.append((f"{host}.{domain}", 1, "A", self.address(server)))
            records.append((f"{host}.{domain}", 1, "AAAA", self.address6(server)))
        return records

    # -- Asking and telling servers

    def _catch_up(self) -> None:
        """Have ns2 get what ns1 has by now, and wait until it has that and looks no more."""
        goal = self._serial("ns1")
        if goal is None:
            raise LabError(f"ns1 does not answer: see {self._lab.log('ns1')}")

        def has_it() -> bool:
            return (self._serial("ns2") or 0) >= goal

        message = dns.message.make_query(self.zone(), "SOA")
        message.flags = dns.opcode.to_flags(dns.opcode.NOTIFY) | dns.flags.AA  # RFC 1996
        if not has_it():
            self._lab.inside(lambda: dns.query.udp(message, self.address("ns2"), timeout=TIMEOUT))
        wait(has_it, 20, f"ns2 does not get what ns1 has: see {self._lab.log('ns2')}", pause=0.02)
        time.sleep(SETTLING)

    def _serial(self, server: str, zone: str = "dyn", timeout: float = 2) -> int | None:
        """Return a server's serial of a zone; None if it has none or does not answer in timeout seconds."""
        query = dns.message.make_query(self.zone(zone), "SOA")
        try:
            answer = self._lab.inside(lambda: dns.query.udp(query, self.address(server), timeout=timeout))
        except (dns.exception.DNSException, OSError):
            return None
        serials: list[int] = [rdata.serial for rrset in answer.answer for rdata in rrset]
        return serials[0] if serials else None

    def _zone_of(self, name: str) -> str:
        for zone in ZONES:
            if f".{name}".endswith(f".{self.zone(zone)}"):
                return zone
        raise LabError(f"{name} lies in none of the zones {', '.join(map(self.zone, ZONES))}")

    def _update(self, zone: str, change: Callable[[dns.update.UpdateMessage], None]) -> None:
        """Send the zone's primary an update (RFC 2136)."""
        server, key = next(iter(ZONES[zone].servers)), ZONES[zone].keys[0]
        update = dns.update.UpdateMessage(self.zone(zone), keyring=dns.tsig.Key(key.name, key.secret, key.algorithm))
        change(update)
        code = self._lab.inside(lambda: dns.query.tcp(update, self.address(server), timeout=TIMEOUT)).rcode()
        if code != dns.rcode.NOERROR:
            raise LabError(f"{server} answers a change of {self.zone(zone)} with {dns.rcode.to_text(code)}")

    def _change_pdns(self, name: str, rtype: str, values: set[str], ttl: int) -> None:
        """Make these the values of a type at a name in PowerDNS's zone."""
        records = [{"content": _quoted(rtype, value), "disabled": False} for value in sorted(values)]
        change = "REPLACE" if values else "DELETE"
        rrset = {"name": f"{name}.", "type": rtype, "ttl": ttl, "changetype": change, "records": records}
        self.api("PATCH", f"/zones/{self.zone('pdns')}.", {"rrsets": [rrset]})


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _text(rdata: dns.rdata.Rdata) -> str:
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode()
    text: str = rdata.to_text()
    return text


def _quoted(rtype: str, value: str) -> str:
    """Return a value as zone files and PowerDNS's API have it."""
    return f'"{value}"' if rtype == "TXT" else value


def _is_stopped(pid: int) -> bool:
    """Return True if no thread of a process runs, after SIGSTOP."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)
