# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers that can be bent: each passes questions on to a real one, and changes the answers as a sentence says."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsigkeyring

IPV6_FREEBIND = 78  # linux/in6.h
THREADS = 24
PATIENCE = 3  # seconds for the real server
STRAIGHT = "answers"


@dataclass
class Place:
    """An address, the sentence about it, and what it has seen since.

    questions: the instant (monotonic) of each, and its text. seen: the instant of each TXT value's first answer.
    """

    address: str
    sentence: str = STRAIGHT
    seconds: float = 0
    questions: list[tuple[float, str]] = field(default_factory=list)
    seen: dict[tuple[str, str], float] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Asked:
    """A question to a place, by UDP or TCP, and the real server's answer to it."""

    place: Place
    query: dns.message.Message
    over_tcp: bool
    real: Callable[[], bytes]

    def answer(self) -> dns.message.Message:
        """Return the real server's answer."""
        return dns.message.from_wire(self.real(), keyring=False, ignore_trailing=True)

    def with_code(self, code: dns.rcode.Rcode) -> bytes:
        """Return an answer that says no more than a code."""
        response = dns.message.make_response(self.query)
        response.set_rcode(code)
        return response.to_wire()


def _straight(asked: Asked) -> bytes:
    return asked.real()


def _silent(_asked: Asked) -> None:
    return None


def _code(code: dns.rcode.Rcode) -> Callable[[Asked], bytes]:
    return lambda asked: asked.with_code(code)


def _without_authority(asked: Asked) -> bytes:
    response = asked.answer()
    response.flags = (response.flags & ~dns.flags.AA) | dns.flags.RA
    return response.to_wire()


def _refers_upward(asked: Asked) -> bytes:
    response = dns.message.make_response(asked.query)
    response.authority = [dns.rrset.from_text(".", 3600, "IN", "NS", "a.root-servers.net.")]
    return response.to_wire()


def _truncates(asked: Asked) -> bytes | None:
    if asked.over_tcp:
        return asked.real()
    return _cut_short(asked)


def _truncates_without_tcp(asked: Asked) -> bytes | None:
    return None if asked.over_tcp else _cut_short(asked)


def _cut_short(asked: Asked) -> bytes:
    response = dns.message.make_response(asked.query)
    response.flags |= dns.flags.TC | dns.flags.AA
    return response.to_wire()


def _without_edns(asked: Asked) -> bytes:
    return asked.with_code(dns.rcode.FORMERR) if asked.query.edns >= 0 else asked.real()


def _silent_to_edns(asked: Asked) -> bytes | None:
    return None if asked.query.edns >= 0 else asked.real()


def _other_id(asked: Asked) -> bytes:
    wire = asked.real()
    return struct.pack("!H", (asked.query.id + 1) % 65536) + wire[2:]


def _garbage(asked: Asked) -> bytes:
    return struct.pack("!H", asked.query.id) + b"\x80\x00 this is no DNS"


def _loses_every_second(asked: Asked) -> bytes | None:
    with asked.place.lock:
        asked.place.counts["asked"] += 1
        lost = asked.place.counts["asked"] % 2
    return None if lost and not asked.over_tcp else asked.real()


def _slow(asked: Asked) -> bytes:
    time.sleep(asked.place.seconds)
    return asked.real()


def _lags(asked: Asked) -> bytes:
    """Leave out each TXT value for so many seconds after the first question that it would answer."""
    return _without(asked, lambda _name, age: age < asked.place.seconds)


def _is_anycast(asked: Asked) -> bytes:
    """Leave out new TXT values in every second answer: two machines have the address, and one of them lags."""

    def hidden(name: str, age: float) -> bool:
        with asked.place.lock:
            asked.place.counts[name] += 1
            return asked.place.counts[name] % 2 == 0 and age < asked.place.seconds

    return _without(asked, hidden)


def _without(asked: Asked, is_hidden: Callable[[str, float], bool]) -> bytes:
    response = asked.answer()
    for rrset in response.answer:
        if rrset.rdtype != dns.rdatatype.TXT:
            continue
        name, now = rrset.name.to_text().lower(), time.monotonic()
        with asked.place.lock:
            ages = {rdata: now - asked.place.seen.setdefault((name, rdata.to_text()), now) for rdata in rrset}
        if is_hidden(name, min(ages.values())):
            for rdata, age in ages.items():
                if age < asked.place.seconds:
                    rrset.remove(rdata)
    response.answer = [rrset for rrset in response.answer if len(rrset)]
    return response.to_wire()


def _other_values(asked: Asked) -> bytes:
    response = asked.answer()
    for rrset in response.answer:
        if rrset.rdtype == dns.rdatatype.TXT:
            more = [f'"{number:02}{"x" * 41}"' for number in range(30)]
            rrset.update(dns.rrset.from_text(rrset.name, rrset.ttl, "IN", "TXT", *more))
    response.flags &= ~dns.flags.TC
    wire = response.to_wire(max_size=65535)
    return wire if asked.over_tcp or len(wire) <= 512 else _cut_short(asked)


def _several_strings(asked: Asked) -> bytes:
    response = asked.answer()
    for rrset in response.answer:
        if rrset.rdtype == dns.rdatatype.TXT:
            texts = [rdata.to_text().strip('"') for rdata in rrset]
            split = [f'"{text[:10]}" "{text[10:]}"' for text in texts]
            rrset.clear()
            rrset.update(dns.rrset.from_text(rrset.name, rrset.ttl, "IN", "TXT", *split))
    return response.to_wire()


def _upper_case(asked: Asked) -> bytes:
    response = asked.answer()
    for section in (response.answer, response.authority):
        for rrset in section:
            rrset.name = dns.name.from_text(rrset.name.to_text().upper())
    return response.to_wire()


def _bad_time(asked: Asked) -> bytes:
    """Refuse the time of a signed update (RFC 8945 section 5.2.3), as with a clock that is wrong."""
    if not asked.query.had_tsig:
        return asked.real()
    response = dns.message.make_response(asked.query, tsig_error=18)  # BADTIME
    response.set_rcode(dns.rcode.NOTAUTH)
    return response.to_wire()


def _updates(code: dns.rcode.Rcode) -> Callable[[Asked], bytes]:
    def answer(asked: Asked) -> bytes:
        is_update = asked.query.opcode() == dns.opcode.UPDATE
        return asked.with_code(code) if is_update else asked.real()

    return answer


#: The sentences; "N" stands for seconds.
SENTENCES: dict[str, Callable[[Asked], bytes | None]] = {
    STRAIGHT: _straight,
    "is silent": _silent,
    "answers SERVFAIL": _code(dns.rcode.SERVFAIL),
    "answers REFUSED": _code(dns.rcode.REFUSED),
    "answers NOTIMP": _code(dns.rcode.NOTIMP),
    "answers without authority": _without_authority,
    "refers to the root": _refers_upward,
    "truncates over UDP": _truncates,
    "truncates over UDP and has no TCP": _truncates_without_tcp,
    "knows no EDNS": _without_edns,
    "is silent to EDNS": _silent_to_edns,
    "answers with another id": _other_id,
    "answers garbage": _garbage,
    "loses every second question": _loses_every_second,
    "answers after N seconds": _slow,
    "lags N seconds": _lags,
    "is anycast for N seconds": _is_anycast,
    "has 30 other values": _other_values,
    "splits values into strings": _several_strings,
    "answers in upper case": _upper_case,
    "refuses the time": _bad_time,
    "answers updates with SERVFAIL": _updates(dns.rcode.SERVFAIL),
    "answers updates with NOTZONE": _updates(dns.rcode.NOTZONE),
}


def understood(sentence: str) -> tuple[str, float]:
    """Return a sentence with N, and its seconds. Raises ValueError."""
    if sentence in SENTENCES:
        return sentence, 0
    for general in SENTENCES:
        found = re.fullmatch(general.replace("N seconds", r"([0-9.]+) seconds"), sentence)
        if found and found.groups():
            return general, float(found[1])
    raise ValueError(f"no sentence about a name server: {sentence!r}; there are: {'; '.join(SENTENCES)}")


class BentServers:
    """UDP and TCP at port 53 of many addresses. All is done in the network in which start() is called."""

    def __init__(self, real: str, keys: Mapping[str, str]) -> None:
        """*real*: the address of the server that they pass questions on to. *keys*: names and secrets of its keys."""
        self._real = real
        self._keys = dns.tsigkeyring.from_text(keys)
        self._places: dict[str, Place] = {}
        self._selector = selectors.DefaultSelector()
        self._pool = ThreadPoolExecutor(THREADS)
        self._over = threading.Event()

    def start(self, addresses: list[str]) -> None:
        """Listen at these addresses, which this machine has."""
        for address in addresses:
            place = self._places[address] = Place(address)
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            for each in (udp, tcp):
                if family == socket.AF_INET6:  # a route makes the address local, which is enough for IPv4
                    each.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
                each.bind((address, 53))
            tcp.listen(20)
            self._selector.register(udp, selectors.EVENT_READ, (place, False))
            self._selector.register(tcp, selectors.EVENT_READ, (place, True))
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        """End all of it."""
        self._over.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def bend(self, address: str, sentence: str) -> None:
        """Have an address do from now on what a sentence says."""
        place = self._places[address]
        general, seconds = understood(sentence)
        with place.lock:
            place.sentence, place.seconds = general, seconds
            place.questions.clear()
            place.seen.clear()
            place.counts.clear()

    def asked(self, address: str) -> int:
        """Return the number of questions to an address since it was bent."""
        return len(self.place(address).questions)

    def place(self, address: str) -> Place:
        """Return an address with what it has seen."""
        return self._places[address]

    def _serve(self) -> None:
        while not self._over.is_set():
            for key, _events in self._selector.select(0.2):
                place, is_tcp = key.data
                sock: socket.socket = key.fileobj  # type: ignore[assignment]
                with suppress(OSError, RuntimeError):  # the pool is over
                    if is_tcp:
                        self._pool.submit(self._over_tcp, place, sock.accept()[0])
                    else:
                        wire, client = sock.recvfrom(65535)
                        self._pool.submit(self._over_udp, place, sock, wire, client)

    def _over_udp(self, place: Place, sock: socket.socket, wire: bytes, client: object) -> None:
        answer = self._answer(place, wire, over_tcp=False)
        if answer:
            with suppress(OSError):
                sock.sendto(answer, client)  # type: ignore[arg-type]

    def _over_tcp(self, place: Place, connection: socket.socket) -> None:
        with suppress(OSError, EOFError), connection:
            connection.settimeout(PATIENCE)
            answer = self._answer(place, _read(connection), over_tcp=True)
            if answer:
                connection.sendall(struct.pack("!H", len(answer)) + answer)
            elif place.sentence == "is silent":
                self._over.wait(60)

    def _answer(self, place: Place, wire: bytes, over_tcp: bool) -> bytes | None:
        with suppress(dns.exception.DNSException, OSError, EOFError):
            query = dns.message.from_wire(wire, keyring=self._keys)
            with place.lock:
                place.questions.append((time.monotonic(), " ".join(map(str, query.question))))
            return SENTENCES[place.sentence](Asked(place, query, over_tcp, lambda: self._ask_real(wire, over_tcp)))
        return None

    def _ask_real(self, wire: bytes, over_tcp: bool) -> bytes:
        kind = socket.SOCK_STREAM if over_tcp else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.settimeout(PATIENCE)
            sock.connect((self._real, 53))
            if over_tcp:
                sock.sendall(struct.pack("!H", len(wire)) + wire)
                return _read(sock)
            sock.send(wire)
            return sock.recv(65535)


def _read(connection: socket.socket) -> bytes:
    """Return a message over TCP (RFC 1035 section 4.2.2). Raises EOFError."""
    (length,) = struct.unpack("!H", _exactly(connection, 2))
    return _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data
