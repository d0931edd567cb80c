# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look-ups by a recursive resolver, cached for the TTL of the answers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .errors import DnsError, QuestionError
from .nameservers import parse as nameservers_and_ports
from .records import join

try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.rdatatype
    import dns.resolver
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

# Seconds for one try, so that a lost packet is repeated well within the time for a look-up.
_LONGEST_TRY = 3.0


@dataclass(frozen=True)
class TxtAnswer:
    """The TXT values of a name. negative_ttl: seconds for which resolvers may keep the answer that it has none."""

    values: frozenset[str]
    negative_ttl: int | None = None


class Resolver:
    """Recursive resolvers with a cache. Several threads may share one object."""

    def __init__(self, nameservers: Sequence[str] = (), timeout: float = 10.0) -> None:
        """*nameservers*: "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:53"; if empty, the system's.

        *timeout*: seconds for one look-up with all its tries. Raises DnsError.
        """
        ports = nameservers_and_ports(nameservers)
        try:
            self._resolver = dns.resolver.Resolver(configure=not ports)
        except dns.resolver.NoResolverConfiguration:
            raise DnsError("/etc/resolv.conf of this machine has no name server: set the option resolver") from None
        if ports:
            self._resolver.nameservers = list(ports)
            self._resolver.nameserver_ports = ports
        self._resolver.timeout = min(_LONGEST_TRY, timeout)
        self._resolver.lifetime = timeout
        self._uncached = copy.copy(self._resolver)
        self._resolver.cache = dns.resolver.LRUCache()

    def look_up(self, name: str, rdtype: str) -> tuple[Any, ...]:
        """Return the records of *name* with the type *rdtype* ("A", "NS", ...), CNAMEs followed; empty without any.

        They are objects of dnspython with the attributes of their type. Raises QuestionError, which names the question
        and the answer of each resolver.
        """
        answer = self._ask(name, rdtype)
        return tuple(answer.rrset) if isinstance(answer, dns.resolver.Answer) and answer.rrset else ()

    def read_values(self, name: str) -> TxtAnswer:
        """Return the TXT values of *name*, CNAMEs followed, as the resolver has them now. Raises QuestionError."""
        answer = self._ask(name, "TXT", self._uncached)
        if isinstance(answer, dns.resolver.Answer) and answer.rrset is not None:
            return TxtAnswer(frozenset(join(record.strings) for record in answer.rrset))
        response = answer.response if isinstance(answer, dns.resolver.Answer) else answer
        # RFC 2308 section 5
        ttls = [
            min(rrset.ttl, rrset[0].minimum)
            for rrset in (response.authority if response else ())
            if rrset.rdtype == dns.rdatatype.SOA
        ]
        return TxtAnswer(frozenset(), ttls[0] if ttls else None)

    @property
    def label(self) -> str:
        """Return the addresses, for messages."""
        servers = [str(server) for server in self._resolver.nameservers]
        return f"resolver {', '.join(servers)}" if servers else "any resolver (none is configured)"

    def find_alias(self, name: str) -> str:
        """Return the target of the CNAME of *name*, without final dot; empty without a CNAME. Raises DnsError."""
        for record in self.look_up(name, "CNAME"):
            return text_of(record.target)
        return ""

    def find_zone(self, name: str) -> str:
        """Return the zone of *name*, which need not exist; '.' if that is the root zone. Raises DnsError."""
        # Usually one question is enough: a negative answer has the SOA of its zone (RFC 2308 section 3).
        questions = [(name, "CNAME")]
        labels = name.split(".")
        questions += [(".".join(labels[cut:]), "SOA") for cut in range(len(labels))]
        found = (self._zone_in_answer(question, rdtype) for question, rdtype in questions)
        return next(filter(None, found), ".")

    def _zone_in_answer(self, name: str, rdtype: str) -> str:
        """Return the zone of *name* if the answer shows it: *name* is a zone, or the answer is negative. Else empty."""
        asked = dns.name.from_text(name)
        answer = self._ask(name, rdtype)
        if isinstance(answer, dns.resolver.Answer) and answer.rrset is not None:
            return name if rdtype == "SOA" and answer.rrset.name == asked else ""
        response = answer.response if isinstance(answer, dns.resolver.Answer) else answer
        # After a CNAME it would be the zone of the CNAME's target.
        for rrset in response.authority if response and not response.answer else ():
            if rrset.rdtype == dns.rdatatype.SOA and asked.is_subdomain(rrset.name):
                return text_of(rrset.name)
        return ""

    def _ask(
        self, name: str, rdtype: str, resolver: dns.resolver.Resolver | None = None
    ) -> dns.resolver.Answer | dns.message.Message | None:
        """Return an answer, which may have no records, or the message that says that the name does not exist."""
        try:
            qname = dns.name.from_text(name)
            return (resolver or self._resolver).resolve(qname, rdtype, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            message: dns.message.Message | None = error.kwargs["responses"].get(qname)
            return message
        except dns.resolver.LifetimeTimeout:
            answer = f"no answer within {self._resolver.lifetime:g} s from {self.label}"
        except dns.resolver.NoNameservers as error:
            answer = _answers_of(error.kwargs["errors"]) or self.label
        except dns.exception.DNSException as error:
            answer = f"{type(error).__name__} from {self.label}"
        raise QuestionError(answer, f"{name} {rdtype}")


def _answers_of(errors: Sequence[Any]) -> str:
    """Return the error of each resolver, each once."""
    answers = {}
    for server, _tcp, _port, error, _response in errors:
        answers[str(server)] = error if isinstance(error, str) else f"no usable answer ({type(error).__name__})"
    return "; ".join(f"resolver {server} answers {text}" for server, text in answers.items())


def text_of(name: dns.name.Name) -> str:
    """Return a name of dnspython in lower case and without final dot."""
    return name.to_text(omit_final_dot=True).lower()
