# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dynamic updates (RFC 2136) with TSIG (RFC 8945), as BIND, Knot DNS, PowerDNS and Windows support them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from ..._acme.bounded import system_addresses
from ..._common.contracts import TxtRecord
from .. import provider_options
from ..errors import DnsError, Unusable
from ..pace import Limits
from .base import Provider

try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdataclass
    import dns.rdatatype
    import dns.rdtypes.ANY.TXT
    import dns.tsig
    import dns.update
except ImportError:
    pass  # require_libraries() reports this before anything here is called

# Bytes. A message over TCP has at most 65535; the rest is for header, zone and TSIG.
_LARGEST_CHUNK = 60000
# Bytes for type, class, TTL and lengths of a record.
_FIXED_PART = 16
# A datagram may be lost: the seconds of an exchange are for so many.
_DATAGRAMS = 3
# For codes of answers: the error, and what to add to the message.
_REFUSALS = {
    "NOTAUTH": (
        Unusable,
        "it is not authoritative for the zone {zone}; give the primary server of the zone as 'server'",
    ),
    "NOTIMP": (Unusable, "it does not support dynamic updates; give the primary server of {zone} as 'server'"),
    "NOTZONE": (
        DnsError,
        "the record is not in its zone {zone}; give the primary server of the record's zone as 'server'",
    ),
    "REFUSED": (DnsError, "it does not allow {signed} to change this TXT record in {zone}; {remedy}"),
    "SERVFAIL": (DnsError, "it has a problem with {zone}; see its log"),
}
_SIGNED = "the TSIG key {key}", "correct 'tsig_name', or allow the key in the configuration of the server"
_UNSIGNED = "unsigned updates from this machine", "set 'tsig_name' and 'tsig_secret'"


class Rfc2136(Provider):
    """Send all records of a zone in one UPDATE message over TCP, or each in one over UDP."""

    name = "rfc2136"
    title = "Dynamic updates (RFC 2136): BIND, Knot DNS, PowerDNS and others"
    notes = (
        "Sends all records of a zone in one message over TCP, so that each message is carried out as a whole, whatever "
        "its size. `protocol: udp` is for servers and firewalls that let no TCP pass. The key has to be allowed to "
        "change TXT records. Names of algorithms are taken as other programs write them, such as `HMAC-SHA512` or "
        "`hmac-sha512.`."
    )
    libraries = ("dnspython",)
    options = provider_options.RFC2136

    def __init__(self, options: Mapping[str, Any], limits: Limits) -> None:
        super().__init__(options, limits)
        self._server, self._port = provider_options.parse_server(options)
        self._protocol: str = options["protocol"]
        self._where = f"server {self._server}" + (f" port {self._port}" if self._port != 53 else "")
        self._key = self._make_key()

    def _make_key(self) -> dns.tsig.Key | None:
        secret = provider_options.parse_tsig_secret(self.values)
        if not secret:
            return None
        try:
            key_name = dns.name.from_text(self.values["tsig_name"])
        except dns.exception.DNSException:
            raise DnsError("rfc2136 has an invalid 'tsig_name': expected a DNS name") from None
        algorithm = self.values["tsig_algorithm"]
        # RFC 8945 section 6 has this longer name.
        return dns.tsig.Key(key_name, secret, "hmac-md5.sig-alg.reg.int" if algorithm == "hmac-md5" else algorithm)

    def change(self, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
        failures: dict[TxtRecord, str] = {}
        left = list(records)
        # RFC 2136 section 6.2: a message of more than 512 bytes goes over TCP.
        for chunk in _chunks(records) if self._protocol == "tcp" else ([record] for record in records):
            try:
                self._send(zone, chunk, present)
            except Unusable as error:
                return {**failures, **dict.fromkeys(left, str(error))}
            except DnsError:
                # A message is carried out as a whole or not at all (RFC 2136 section 3.7): find the record that failed.
                failures |= self.one_by_one(chunk, lambda record: self._send(zone, [record], present))
            left = left[len(chunk) :]
        return failures

    def _send(self, zone: str, records: Sequence[TxtRecord], present: bool) -> None:
        message = dns.update.UpdateMessage(dns.name.from_text(zone), keyring=self._key)
        for record in records:
            name, data = dns.name.from_text(record.name), _rdata(record.value)
            if present:
                message.add(name, self.values["ttl"], data)
            else:
                message.delete(name, data)
        answer = self._exchange(message)
        code = dns.rcode.to_text(answer.rcode())
        if code in _REFUSALS:
            kind, reason = _REFUSALS[code]
            key = self.values["tsig_name"]
            signed, remedy = _SIGNED if key else _UNSIGNED
            allowed = {"signed": signed.format(key=key), "remedy": remedy}
            raise kind(f"{self._where} answers {code}: {reason.format(zone=zone, **allowed)}")
        if code != "NOERROR":
            raise DnsError(f"{self._where} answers {code}")
        if self._key and not answer.had_tsig:
            raise self._unsigned()

    def _exchange(self, message: dns.message.Message) -> dns.message.Message:
        key, algorithm = self.values["tsig_name"], self.values["tsig_algorithm"]
        problem = f"{self._where} has no address"
        for address in self._addresses():
            try:
                return self._ask(message, address)
            except dns.exception.Timeout:
                problem = f"{self._where} does not answer by {self._protocol.upper()} within {self.timeout:g} s"
            except dns.tsig.PeerBadKey:
                raise Unusable(
                    f"{self._where} answers BADKEY: it does not know the TSIG key {key} with the algorithm "
                    f"{algorithm}; correct 'tsig_name' or 'tsig_algorithm'"
                ) from None
            except (dns.tsig.PeerBadSignature, dns.tsig.BadSignature):
                raise Unusable(
                    f"{self._where} answers BADSIG: its secret of the TSIG key {key} is another one; correct "
                    "'tsig_secret'"
                ) from None
            except (dns.tsig.PeerBadTime, dns.tsig.BadTime):
                raise Unusable(
                    f"{self._where} answers BADTIME: its clock differs from the controller's by more than 5 minutes; "
                    "set both clocks"
                ) from None
            except dns.exception.DNSException as error:
                if self._key and "requires a TSIG" in str(error):  # newer releases verify this themselves
                    raise self._unsigned() from None
                raise Unusable(f"{self._where} gives an invalid answer ({type(error).__name__})") from None
            except EOFError:
                problem = f"{self._where} closed the connection without an answer"
            except OSError as error:
                reason = error.strerror or type(error).__name__
                problem = f"{self._where} cannot be reached by {self._protocol.upper()} ({reason})"
        raise Unusable(problem)

    def _ask(self, message: dns.message.Message, address: str) -> dns.message.Message:
        if self._protocol == "tcp":
            return dns.query.tcp(message, address, timeout=self.timeout, port=self._port)
        seconds = self.timeout / _DATAGRAMS
        send = partial(dns.query.udp, message, address, timeout=seconds, port=self._port, ignore_unexpected=True)
        for _number in range(_DATAGRAMS - 1):
            # Adding or removing a value twice is the same as once.
            with suppress(dns.exception.Timeout):
                return send()
        return send()

    def _unsigned(self) -> Unusable:
        # RFC 8945 section 5.3: such an answer may be from anybody.
        key = self.values["tsig_name"]
        return Unusable(f"{self._where} does not sign its answer: check that it has the zone and knows the key {key}")

    def _addresses(self) -> list[str]:
        try:
            return [str(place[0]) for place in system_addresses(self._server, self._port)]
        except (OSError, UnicodeError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "not a host name"
            raise Unusable(f"{self._where} has no address ({reason})") from None


def _rdata(value: str) -> dns.rdtypes.ANY.TXT.TXT:
    raw = value.encode()
    # RFC 1035 section 3.3.14
    strings = [raw[start : start + 255] for start in range(0, len(raw), 255)] or [b""]
    return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


def _chunks(records: Sequence[TxtRecord]) -> Iterator[list[TxtRecord]]:
    """Yield *records* in chunks that fit into one message each."""
    chunk: list[TxtRecord] = []
    size = 0
    for record in records:
        needed = len(record.name) + 2 + _FIXED_PART + len(record.value.encode()) * 256 // 255 + 1
        if chunk and size + needed > _LARGEST_CHUNK:
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += needed
    if chunk:
        yield chunk
