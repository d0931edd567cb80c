# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authoritative servers of a zone, and questions to one of them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from .errors import DnsError, LameError, NoRouteError, SilentError
from .records import is_within, join
from .resolver import Resolver, text_of

try:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype
    import dns.rrset
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

# No address family, no own address in it, no route.
_NO_ROUTE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH)

# No real zone has more. Each takes its time, and a CNAME may lead anywhere.
_MOST_SERVERS, _MOST_ADDRESSES = 30, 20
# Once so many addresses of a zone's servers are silent, they cannot be asked from here.
_MOST_SILENT = 3
# The parts of the time for an answer after which the question is repeated, since a packet may be lost.
_TRIES = (0.4, 0.6)
#: Seconds for all questions of a step that have one purpose. Hosts and CNAMEs may name zones of anybody, whose servers
#: take as long as they like.
LONGEST_SURVEY = 300.0
#: The end of each message about servers that cannot be asked.
ADVICE = (
    "Let the controller reach port 53 of the zone's name servers, or set wait (acme_dns_wait) to resolver, or to none "
    "with a delay (acme_dns_delay)"
)


@dataclass(frozen=True)
class NameServer:
    """A name server of a zone with all its IPv4 and IPv6 addresses. trouble: the reason why it has none."""

    name: str
    addresses: tuple[str, ...]
    trouble: str = ""


@dataclass(frozen=True)
class Reply:
    """An authoritative server's answer for a name.

    alias: what the CNAME of the name points to. negative_of: the zone that has no such record, of that name. referral:
    the zone below the server's own that the name is in, and that other servers have.
    """

    alias: str = ""
    negative_of: str = ""
    referral: str = ""


class Authorities:
    """Ask authoritative servers. The servers of a zone are looked up once. Several threads may share one object."""

    def __init__(self, resolver: Resolver, port: int = 53, timeout: float = 5.0) -> None:
        """*port*: that of every authoritative server. *timeout*: seconds for one answer."""
        self.resolver = resolver
        self._port = port
        self._timeout = timeout
        self._zones: dict[str, tuple[NameServer, ...] | DnsError] = {}
        self._locks: dict[str, Lock] = {}
        self._silent: dict[str, SilentError] = {}

    def find_servers(self, zone: str, again: bool = False) -> tuple[NameServer, ...]:
        """Return all name servers of *zone*, sorted by name. Raises DnsError.

        *again*: repeat a look-up that had any trouble. Otherwise it would take the resolver's time for each name.
        """
        # One thread looks them up, and the others wait for it.
        with self._locks.setdefault(zone, Lock()):
            found = self._zones.get(zone)
            if found is None or (again and _has_trouble(found)):
                try:
                    found = self._look_up_servers(zone)
                except DnsError as error:
                    found = error
                self._zones[zone] = found
        if isinstance(found, DnsError):
            raise found
        return found

    def _look_up_servers(self, zone: str) -> tuple[NameServer, ...]:
        names = sorted(text_of(record.target) for record in self.resolver.look_up(zone, "NS"))
        if not names:
            raise DnsError(f"zone {zone} has no name servers that the resolver knows")
        if len(names) > _MOST_SERVERS:
            raise DnsError(f"zone {zone} has {len(names)} name servers, more than {_MOST_SERVERS}, so none is asked")
        return tuple(self._server(name) for name in names)

    def _server(self, name: str) -> NameServer:
        addresses: list[str] = []
        trouble = "has no address"
        for rdtype in ("A", "AAAA"):
            try:
                addresses += [record.address for record in self.resolver.look_up(name, rdtype)]
            except DnsError as error:
                trouble = f"has no address that can be looked up ({error})"
        if len(addresses) > _MOST_ADDRESSES:
            return NameServer(name, (), f"has {len(addresses)} addresses, more than {_MOST_ADDRESSES}")
        return NameServer(name, tuple(addresses), "" if addresses else trouble)

    def read_values(self, zone: str, address: str, name: str, timeout: float | None = None) -> frozenset[str]:
        """Return the TXT values that the server of *zone* at *address* has for *name*, without following CNAMEs.

        *timeout*: seconds, if fewer than usual are left. Raises DnsError, NoRouteError and SilentError, whose text
        continues a sentence that begins with the name of the server.
        """
        qname = dns.name.from_text(name)
        response = self._exchange(address, qname, dns.rdatatype.TXT, timeout)
        _verify_authority(response, zone)
        rrset = response.get_rrset(response.answer, qname, dns.rdataclass.IN, dns.rdatatype.TXT)
        return frozenset(join(record.strings) for record in rrset or ())

    def addresses(self, zone: str) -> Iterator[tuple[str, str]]:
        """Yield a label and an address for each address of the servers, until too many have been silent.

        Raises DnsError.
        """
        silent = 0
        for server in self.find_servers(zone):
            for address in server.addresses:
                if silent == _MOST_SILENT:
                    return
                yield f"{server.name} ({address})", address
                silent += address in self._silent

    def ask_zone(self, zone: str, name: str, rdtype: str) -> Reply:
        """Return what the first server of *zone* that answers has for *name*. Raises DnsError if none does."""
        problems: list[str] = []
        try:
            problems += [f"{server.name} {server.trouble}" for server in self.find_servers(zone) if server.trouble]
            for label, address in self.addresses(zone):
                try:
                    return self.ask(zone, address, name, rdtype)
                except DnsError as error:
                    problems.append(f"{label} {error}")
        except DnsError as error:
            problems.append(str(error))
        raise DnsError(f"no name server of zone {zone} can be asked about {name}: {'; '.join(problems)}. {ADVICE}")

    def ask(self, zone: str, address: str, name: str, rdtype: str) -> Reply:
        """Return what the server of *zone* at *address* has for *name*. A silent address is not asked again.

        Raises DnsError, LameError, NoRouteError and SilentError, whose text continues a sentence that begins with the
        name of the server.
        """
        if address in self._silent:
            raise self._silent[address]
        qname = dns.name.from_text(name)
        try:
            response = self._exchange(address, qname, dns.rdatatype.from_text(rdtype), None)
        except SilentError as error:
            self._silent[address] = error
            raise
        referral = _referral(response, zone, qname)
        if referral:
            return Reply(referral=referral)
        _verify_authority(response, zone)
        for rrset in response.answer:
            if rrset.name == qname and rrset.rdtype == dns.rdatatype.CNAME:
                return Reply(alias=text_of(rrset[0].target))
        zones = [rrset.name for rrset in _soas(response) if qname.is_subdomain(rrset.name)]
        return Reply(negative_of=text_of(zones[0])) if zones else Reply()

    def _exchange(
        self, address: str, qname: dns.name.Name, rdtype: dns.rdatatype.RdataType, timeout: float | None
    ) -> dns.message.Message:
        seconds = self._timeout if timeout is None else min(timeout, self._timeout)
        # Without recursion, so that a resolver that a firewall puts in between does not look the name up. Without EDNS,
        # which some firewalls block. An answer that is too large comes by TCP.
        query = dns.message.make_query(qname, rdtype, flags=0)
        for part in _TRIES:
            try:
                response, _tcp = dns.query.udp_with_fallback(
                    query, address, timeout=seconds * part, port=self._port, ignore_unexpected=True
                )
            except dns.exception.Timeout:
                continue
            except OSError as error:
                failure = NoRouteError if error.errno in _NO_ROUTE else DnsError
                raise failure(f"cannot be reached ({error.strerror or type(error).__name__})") from None
            except (dns.exception.DNSException, EOFError) as error:
                raise DnsError(f"gives an invalid answer ({type(error).__name__})") from None
            return response
        raise SilentError(f"does not answer within {seconds:.3g} s")


def _has_trouble(found: tuple[NameServer, ...] | DnsError) -> bool:
    return isinstance(found, DnsError) or any(server.trouble for server in found)


def _soas(response: dns.message.Message) -> list[dns.rrset.RRset]:
    return [rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA]


def _referral(response: dns.message.Message, zone: str, qname: dns.name.Name) -> str:
    """Return the zone below *zone* to whose servers the answer refers; empty if it is no referral."""
    if response.rcode() != dns.rcode.NOERROR or response.answer or _soas(response):
        return ""
    for rrset in response.authority:
        if rrset.rdtype == dns.rdatatype.NS and qname.is_subdomain(rrset.name):
            below = text_of(rrset.name)
            # Others refer to where they would ask themselves, such as the root.
            if below != zone and is_within(below, zone):
                return below
    return ""


def _verify_authority(response: dns.message.Message, zone: str) -> None:
    """Raise LameError unless the server has the zone: all servers that it lists should (RFC 1912 section 2.8)."""
    listed = f"is listed as a name server of zone {zone}, but"
    code = response.rcode()
    if code == dns.rcode.SERVFAIL:
        raise LameError(f"{listed} has a problem with it (it answers SERVFAIL)")
    if not response.flags & dns.flags.AA and response.flags & dns.flags.RA:
        raise LameError(f"{listed} a resolver answers at its address, as where a firewall redirects port 53")
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise LameError(f"{listed} does not serve it (it answers {dns.rcode.to_text(code)})")
    if not response.flags & dns.flags.AA:
        raise LameError(f"{listed} does not serve it (it answers without authority)")
