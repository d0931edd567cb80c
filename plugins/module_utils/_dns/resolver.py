# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recursive look-ups: what any name server of choice says, remembered for as long as its answers may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .errors import DnsError
from .nameservers import parse as nameservers_and_ports

try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.rdatatype
    import dns.resolver
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

# A lost packet is made up for well within the time that a look-up has.
_LONGEST_TRY = 3.0


class Resolver:
    """Name servers that look things up for us. Threads may share one; its cache lives as long as it does."""

    def __init__(self, nameservers: Sequence[str] = (), timeout: float = 10.0) -> None:
        """*nameservers*: "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:53"; none: the system's.

        *timeout*: seconds for one look-up, all tries together. Raises DnsError.
        """
        ports = nameservers_and_ports(nameservers)
        try:
            self._resolver = dns.resolver.Resolver(configure=not ports)
        except dns.resolver.NoResolverConfiguration:
            raise DnsError("this system names no resolver (/etc/resolv.conf): give one in resolver") from None
        if ports:
            self._resolver.nameservers = list(ports)
            self._resolver.nameserver_ports = ports
        self._resolver.timeout = min(_LONGEST_TRY, timeout)
        self._resolver.lifetime = timeout
        self._resolver.cache = dns.resolver.LRUCache()

    def look_up(self, name: str, kind: str) -> tuple[Any, ...]:
        """The records of *kind* ("A", "NS", ...) that *name* has, CNAMEs followed; none if there is no such name.

        They are the library's, each with the attributes of its kind. Raises DnsError, which says for which name, and
        which resolver said what.
        """
        answer = self._ask(name, kind)
        return tuple(answer.rrset) if isinstance(answer, dns.resolver.Answer) and answer.rrset else ()

    def alias(self, name: str) -> str:
        """The name that the CNAME of *name* points to, without final dot; empty if it has none. Raises DnsError."""
        for record in self.look_up(name, "CNAME"):
            return text_of(record.target)
        return ""

    def zone(self, name: str) -> str:
        """The zone that *name* lies in, whether it exists or not; '.' if that is the root's. Raises DnsError."""
        # Mostly one question is enough: a negative answer carries the SOA of its zone (RFC 2308 section 3).
        questions = [(name, "CNAME")]
        labels = name.split(".")
        questions += [(".".join(labels[cut:]), "SOA") for cut in range(len(labels))]
        for question, kind in questions:
            found = self._zone_said(question, kind)
            if found:
                return found
        return "."

    def _zone_said(self, name: str, kind: str) -> str:
        """The zone of *name*, if the answer tells it: it is a zone's own, or the answer is negative."""
        asked = dns.name.from_text(name)
        answer = self._ask(name, kind)
        if isinstance(answer, dns.resolver.Answer) and answer.rrset is not None:
            return name if kind == "SOA" and answer.rrset.name == asked else ""
        response = answer.response if isinstance(answer, dns.resolver.Answer) else answer
        # Behind a CNAME it is the zone of what the CNAME points to.
        for rrset in response.authority if response and not response.answer else ():
            if rrset.rdtype == dns.rdatatype.SOA and asked.is_subdomain(rrset.name):
                return text_of(rrset.name)
        return ""

    def _ask(self, name: str, kind: str) -> dns.resolver.Answer | dns.message.Message | None:
        """An answer, which may have no records, or the message that says that the name does not exist."""
        try:
            qname = dns.name.from_text(name)
            return self._resolver.resolve(qname, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            message: dns.message.Message | None = error.kwargs["responses"].get(qname)
            return message
        except dns.resolver.LifetimeTimeout:
            raise DnsError(
                f"{name} {kind}: no answer within {self._resolver.lifetime:g} s from {self._servers()}"
            ) from None
        except dns.resolver.NoNameservers as error:
            raise DnsError(f"{name} {kind}: {_said(error.kwargs['errors']) or self._servers()}") from None
        except dns.exception.DNSException as error:
            raise DnsError(f"{name} {kind}: {type(error).__name__} from {self._servers()}") from None

    def _servers(self) -> str:
        servers = [str(server) for server in self._resolver.nameservers]
        return f"resolver {', '.join(servers)}" if servers else "any resolver (none is configured)"


def _said(errors: Sequence[Any]) -> str:
    """What each resolver answered instead of an answer, each once."""
    said = {}
    for server, _tcp, _port, error, _response in errors:
        said[str(server)] = error if isinstance(error, str) else f"no usable answer ({type(error).__name__})"
    return "; ".join(f"resolver {server} answers {text}" for server, text in said.items())


def text_of(name: dns.name.Name) -> str:
    """A name of the library's in lower case and without final dot."""
    return name.to_text(omit_final_dot=True).lower()
