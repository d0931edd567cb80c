# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authoritative servers of a zone, and questions to one of them."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from .errors import DnsError, NoRouteError, SilentError
from .records import join
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
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

# No address family, no own address in it, no route.
_NO_ROUTE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH)


@dataclass(frozen=True)
class NameServer:
    """A name server of a zone with all its IPv4 and IPv6 addresses. trouble: the reason why it has none."""

    name: str
    addresses: tuple[str, ...]
    trouble: str = ""


@dataclass(frozen=True)
class Reply:
    """An authoritative server's answer for a name; empty if the server has no authority for it.

    alias: what the CNAME of the name points to. negative_of: the zone that has no such record, of that name.
    """

    alias: str = ""
    negative_of: str = ""


class Authorities:
    """Ask authoritative servers. The servers of a zone are looked up once. Several threads may share one object."""

    def __init__(self, resolver: Resolver, port: int = 53, timeout: float = 5.0) -> None:
        """*port*: that of every authoritative server. *timeout*: seconds for one answer."""
        self.resolver = resolver
        self._port = port
        self._timeout = timeout
        self._zones: dict[str, tuple[NameServer, ...]] = {}

    def find_servers(self, zone: str) -> tuple[NameServer, ...]:
        """Return all name servers of *zone*, sorted by name. Raises DnsError."""
        if zone in self._zones:
            return self._zones[zone]
        names = sorted(text_of(record.target) for record in self.resolver.look_up(zone, "NS"))
        if not names:
            raise DnsError(f"zone {zone} has no name servers that the resolver knows")
        servers = tuple(self._server(name) for name in names)
        # A look-up that failed may succeed next time.
        if not any(server.trouble for server in servers):
            self._zones[zone] = servers
        return servers

    def _server(self, name: str) -> NameServer:
        addresses: list[str] = []
        trouble = "has no address"
        for rdtype in ("A", "AAAA"):
            try:
                addresses += [record.address for record in self.resolver.look_up(name, rdtype)]
            except DnsError as error:
                trouble = f"has no address that can be looked up ({error})"
        return NameServer(name, tuple(addresses), "" if addresses else trouble)

    def read_values(self, zone: str, address: str, name: str, timeout: float | None = None) -> frozenset[str]:
        """Return the TXT values that the server of *zone* at *address* has for *name*, without following CNAMEs.

        *timeout*: seconds, if fewer than usual are left. Raises DnsError, NoRouteError and SilentError, whose text
        continues a sentence that begins with the name of the server.
        """
        qname = dns.name.from_text(name)
        response = self._exchange(address, qname, dns.rdatatype.TXT, timeout)
        code = response.rcode()
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise DnsError(f"is lame: it answers {dns.rcode.to_text(code)} for zone {zone}")
        if not response.flags & dns.flags.AA:
            raise DnsError(f"is lame: it is not authoritative for zone {zone}")
        rrset = response.get_rrset(response.answer, qname, dns.rdataclass.IN, dns.rdatatype.TXT)
        return frozenset(join(record.strings) for record in rrset or ())

    def ask(self, address: str, name: str, rdtype: str) -> Reply:
        """Return what the server at *address* itself has for *name*. A referral to other servers counts as nothing.

        Raises DnsError, NoRouteError and SilentError, whose text continues a sentence that begins with the name of the
        server.
        """
        qname = dns.name.from_text(name)
        response = self._exchange(address, qname, dns.rdatatype.from_text(rdtype), None)
        code = response.rcode()
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise DnsError(f"answers {dns.rcode.to_text(code)} for {name}")
        if not response.flags & dns.flags.AA:
            return Reply()
        for rrset in response.answer:
            if rrset.name == qname and rrset.rdtype == dns.rdatatype.CNAME:
                return Reply(alias=text_of(rrset[0].target))
        zones = [
            rrset.name
            for rrset in response.authority
            if rrset.rdtype == dns.rdatatype.SOA and qname.is_subdomain(rrset.name)
        ]
        return Reply(negative_of=text_of(zones[0])) if zones else Reply()

    def _exchange(
        self, address: str, qname: dns.name.Name, rdtype: dns.rdatatype.RdataType, timeout: float | None
    ) -> dns.message.Message:
        seconds = self._timeout if timeout is None else min(timeout, self._timeout)
        # Without EDNS, which some firewalls block. An answer that is too large comes by TCP.
        query = dns.message.make_query(qname, rdtype, flags=0)
        try:
            response, _tcp = dns.query.udp_with_fallback(
                query, address, timeout=seconds, port=self._port, ignore_unexpected=True
            )
        except dns.exception.Timeout:
            raise SilentError(f"does not answer within {seconds:.3g} s") from None
        except OSError as error:
            failure = NoRouteError if error.errno in _NO_ROUTE else DnsError
            raise failure(f"cannot be reached ({error.strerror or type(error).__name__})") from None
        except (dns.exception.DNSException, EOFError) as error:
            raise DnsError(f"gives an invalid answer ({type(error).__name__})") from None
        return response
