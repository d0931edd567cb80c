# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look-ups by a recursive resolver, cached for the TTL of the answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
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
# Seconds for the first try of each resolver, if there are several. One that is slow and not dead is asked last then, so
# it must not be short.
_FIRST_TRY = 1.0


@dataclass(frozen=True)
class TxtAnswer:
    """The TXT values of a name. ttl: seconds for which the resolver may still give this answer; None if unknown."""

    values: frozenset[str]
    ttl: int | None = None


@dataclass(frozen=True)
class _Server:
    """One recursive resolver. fresh: the same without a cache."""

    label: str
    cached: dns.resolver.Resolver
    fresh: dns.resolver.Resolver


class Resolver:
    """Recursive resolvers with a cache. Several threads may share one object.

    They are asked in the order given. One that does not answer while another does is asked last from then on.
    """

    def __init__(self, nameservers: Sequence[str] = (), timeout: float = 10.0) -> None:
        """*nameservers*: "192.0.2.1", "192.0.2.1:5353", "2001:db8::1" or "[2001:db8::1]:53"; if empty, the system's.

        *timeout*: seconds for one look-up with all its tries. Raises DnsError.
        """
        ports = nameservers_and_ports(nameservers)
        try:
            base = dns.resolver.Resolver(configure=not ports)
        except dns.resolver.NoResolverConfiguration:
            raise DnsError("/etc/resolv.conf of this machine has no name server: set the option resolver") from None
        if ports:
            base.nameservers = list(ports)
            base.nameserver_ports = ports
        base.timeout = min(_LONGEST_TRY, timeout)
        self._lifetime = timeout
        cache = dns.resolver.LRUCache()
        self._servers = tuple(_server(base, str(address), cache) for address in base.nameservers)
        self._order = self._servers
        self._lock = Lock()

    def look_up(self, name: str, rdtype: str) -> tuple[Any, ...]:
        """Return the records of *name* with the type *rdtype* ("A", "NS", ...), CNAMEs followed; empty without any.

        They are objects of dnspython with the attributes of their type. Raises QuestionError, which names the question
        and the answer of each resolver.
        """
        answer = self._ask(name, rdtype)
        return tuple(answer.rrset) if isinstance(answer, dns.resolver.Answer) and answer.rrset else ()

    def read_values(self, name: str) -> TxtAnswer:
        """Return the TXT values of *name*, CNAMEs followed, as the resolver has them now. Raises QuestionError."""
        answer = self._ask(name, "TXT", fresh=True)
        if isinstance(answer, dns.resolver.Answer) and answer.rrset is not None:
            return TxtAnswer(frozenset(join(record.strings) for record in answer.rrset), answer.rrset.ttl)
        response = answer.response if isinstance(answer, dns.resolver.Answer) else answer
        # RFC 2308 section 5
        ttls = [
            min(rrset.ttl, rrset[0].minimum)
            for rrset in (response.authority if response else ())
            if rrset.rdtype == dns.rdatatype.SOA
        ]
        return TxtAnswer(frozenset(), ttls[0] if ttls else None)

    @property
    def answering(self) -> list[str]:
        """Return the addresses in the order in which they are asked now, if one did not answer; else empty.

        For the other processes of a run, which would each find that out again.
        """
        return [] if self._order == self._servers else [server.label for server in self._order]

    @property
    def label(self) -> str:
        """Return the addresses, for messages."""
        servers = ", ".join(server.label for server in self._servers)
        return f"resolver {servers}" if servers else "any resolver (none is configured)"

    def find_alias(self, name: str) -> str:
        """Return the target of the CNAME of *name*, without final dot; empty without a CNAME. Raises DnsError."""
        for record in self.look_up(name, "CNAME"):
            return text_of(record.target)
        return ""

    def find_zone(self, name: str) -> str:
        """Return the zone of *name*, which need not exist; '.' if that is the root zone. Raises DnsError."""
        # Usually one question is enough: a negative answer has the SOA of its zone (RFC 2308 section 3).
        labels = name.split(".")
        found = (self._zone_in_answer(".".join(labels[cut:])) for cut in range(len(labels)))
        return next(filter(None, found), ".")

    def _zone_in_answer(self, name: str) -> str:
        """Return the zone of *name* if the answer shows it: *name* is a zone, or the answer is negative. Else empty."""
        asked = dns.name.from_text(name)
        answer = self._ask(name, "SOA")
        if isinstance(answer, dns.resolver.Answer) and answer.rrset is not None:
            return name if answer.rrset.name == asked else ""
        response = answer.response if isinstance(answer, dns.resolver.Answer) else answer
        # After a CNAME it would be the zone of the CNAME's target.
        for rrset in response.authority if response and not response.answer else ():
            if rrset.rdtype == dns.rdatatype.SOA and asked.is_subdomain(rrset.name):
                return text_of(rrset.name)
        return ""

    def _ask(self, name: str, rdtype: str, fresh: bool = False) -> dns.resolver.Answer | dns.message.Message | None:
        """Return an answer, which may have no records, or the message that says that the name does not exist."""
        try:
            qname = dns.name.from_text(name)
        except dns.exception.DNSException as error:
            raise QuestionError(f"it is not a valid name ({type(error).__name__})", f"{name} {rdtype}") from None
        answers: dict[str, str] = {}
        silent, asked = self._order, self._order
        for seconds in self._patience(len(asked)):
            asked, silent = silent, ()
            for server in asked:
                try:
                    answer = (server.fresh if fresh else server.cached).resolve(
                        qname, rdtype, raise_on_no_answer=False, lifetime=seconds
                    )
                except dns.resolver.NXDOMAIN as error:
                    answer = error.kwargs["responses"].get(qname)
                except dns.resolver.LifetimeTimeout:
                    silent += (server,)
                    continue
                except dns.resolver.NoNameservers as error:
                    answers[server.label] = f"answers {_said(error.kwargs['errors'])}"
                    continue
                except dns.exception.DNSException as error:
                    answers[server.label] = f"gives no usable answer ({type(error).__name__})"
                    continue
                self._ask_last(silent)
                return answer
        raise QuestionError(self._failure(silent, answers), f"{name} {rdtype}")

    def _patience(self, count: int) -> tuple[float, ...]:
        """Return the seconds that each of *count* resolvers has to answer: in the first round, in the second."""
        if count < 2:
            return (self._lifetime,)
        first = min(_FIRST_TRY, self._lifetime / (2 * count))
        return first, self._lifetime / count - first

    def _ask_last(self, silent: Sequence[_Server]) -> None:
        if silent:
            with self._lock:
                self._order = (*(server for server in self._order if server not in silent), *silent)

    def _failure(self, silent: Sequence[_Server], answers: Mapping[str, str]) -> str:
        texts = [f"resolver {label} {answer}" for label, answer in answers.items()]
        if silent or not texts:
            labels = ", ".join(server.label for server in silent)
            where = f"resolver {labels}" if labels else self.label
            texts.insert(0, f"no answer within {self._lifetime:g} s from {where}")
        return "; ".join(texts)


def _server(base: dns.resolver.Resolver, address: str, cache: dns.resolver.LRUCache) -> _Server:
    """Return one of the resolvers of *base*."""
    fresh = copy.copy(base)
    fresh.nameservers = [address]
    cached = copy.copy(fresh)
    cached.cache = cache
    port = base.nameserver_ports.get(address, base.port)
    host = f"[{address}]" if ":" in address else address
    return _Server(address if port == 53 else f"{host}:{port}", cached, fresh)


def _said(errors: Sequence[Any]) -> str:
    """Return the last error of a resolver."""
    for _server, _tcp, _port, error, _response in reversed(errors):
        return error if isinstance(error, str) else f"nothing usable ({type(error).__name__})"
    return "nothing"


def text_of(name: dns.name.Name) -> str:
    """Return a name of dnspython in lower case and without final dot."""
    return name.to_text(omit_final_dot=True).lower()
