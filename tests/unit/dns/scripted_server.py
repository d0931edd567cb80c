# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted DNS server, no real one: it answers from a table, by UDP and TCP, or misbehaves as a test sets."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
import time
from collections import Counter

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

_HOPS = 12


class Zone:
    """A zone's records: add() and remove() by name, type and text."""

    def __init__(self, name, minimum=60):
        self.name = name
        self._records = {}
        self.add(name, "SOA", f"ns.{name}. host.{name}. 1 60 60 60 {minimum}")

    def add(self, name, kind, *texts):
        held = self._records.setdefault((name.lower(), kind), [])
        held += [text for text in texts if text not in held]
        return self

    def remove(self, name, kind, text):
        self._records[name.lower(), kind].remove(text)

    def texts(self, name, kind):
        """Return the records, or a wildcard's where nothing has the name (RFC 4592)."""
        if not self.exists(name):
            name = "*." + name.partition(".")[2]
        return self._records.get((name, kind), [])

    def exists(self, name):
        return any(held and (n == name or n.endswith("." + name)) for (n, _kind), held in self._records.items())

    def covers(self, name):
        return name == self.name or name.endswith("." + self.name)


class ScriptedServer:
    """A server at one address.

    zones: its data. recursive: True if it follows CNAMEs through all its zones and sets the flag RA.
    Misbehaviour, any time: delay (seconds), silent, truncating (UDP), failing (an rcode for everything, or for the
    names given in failing_names), authoritative (whether it says so), soa (whether negative answers have one; a
    zone: that one's). cuts: names of zones that it refers to other servers for.
    """

    def __init__(self, *zones, address="127.0.0.1", port=0, recursive=False):
        self.zones = list(zones)
        self.address = address
        self.recursive = recursive
        self.delay = 0.0
        self.silent = self.truncating = False
        self.failing = None
        self.failing_names = {}
        self.authoritative = not recursive
        self.soa = True
        self.cuts = []
        self.queries = []
        self._lock = threading.Lock()
        self._udp, self._tcp = _listen(self, address, port)
        self.port = self._udp.server_address[1]
        for server in (self._udp, self._tcp):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()

    def count(self, kind=None):
        """Return the number of questions by name."""
        with self._lock:
            return Counter(name for name, asked, _way, _flags in self.queries if kind in (None, asked))

    def asked(self):
        """Return the number of questions."""
        return sum(self.count().values())

    def forget(self):
        with self._lock:
            self.queries.clear()

    def answer(self, wire, way):
        """Return the answer's bytes, or None for silence."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        with self._lock:
            self.queries.append((name, kind, way, query.flags))
        time.sleep(self.delay)
        if self.silent:
            return None
        response = dns.message.make_response(query, recursion_available=self.recursive)
        failing = self.failing_names.get(name, self.failing)
        cut = next((cut for cut in self.cuts if f".{name}".endswith(f".{cut}")), None)
        if failing:
            response.set_rcode(dns.rcode.from_text(failing))
        elif self.truncating and way == "udp":
            response.flags |= dns.flags.TC
        elif cut:
            response.authority.append(_rrset(cut, "NS", [f"ns.{cut}."]))
        else:
            self._fill(response, name, kind)
        if self.authoritative and not cut:
            response.flags |= dns.flags.AA
        return response.to_wire()

    def _fill(self, response, name, kind):
        for _hop in range(_HOPS):
            zone = max((zone for zone in self.zones if zone.covers(name)), key=lambda z: len(z.name), default=None)
            if zone is None:
                if response.answer and not self.recursive:
                    return
                response.set_rcode(dns.rcode.NXDOMAIN if self.recursive else dns.rcode.REFUSED)
                return
            texts = zone.texts(name, kind)
            alias = zone.texts(name, "CNAME")
            if texts or not alias:
                break
            response.answer.append(_rrset(name, "CNAME", alias))
            name = alias[0].removesuffix(".")
        else:
            response.set_rcode(dns.rcode.SERVFAIL)
            return
        if texts:
            response.answer.append(_rrset(name, kind, texts))
            return
        if self.soa:
            of = self.soa if isinstance(self.soa, Zone) else zone
            response.authority.append(_rrset(of.name, "SOA", of.texts(of.name, "SOA")))
        if not zone.exists(name) and not zone.exists("*." + name.partition(".")[2]):
            response.set_rcode(dns.rcode.NXDOMAIN)


def _rrset(name, kind, texts):
    return dns.rrset.from_text(name + ".", 60, "IN", kind, *texts)


class _Udp(socketserver.BaseRequestHandler):
    def handle(self):
        wire, sock = self.request
        answer = self.server.script.answer(wire, "udp")
        if answer is not None:
            sock.sendto(answer, self.client_address)


class _Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        head = self.rfile.read(2)
        if len(head) < 2:
            return
        answer = self.server.script.answer(self.rfile.read(struct.unpack("!H", head)[0]), "tcp")
        if answer is not None:
            self.wfile.write(struct.pack("!H", len(answer)) + answer)


class _UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 4096
    block_on_close = False


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False


def _listen(script, address, port):
    """Return a UDP and a TCP server at one port, of choice or any."""
    for attempt in range(20):
        udp = _UdpServer((address, port), _Udp)
        udp.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
        try:
            tcp = _TcpServer((address, udp.server_address[1]), _Tcp)
        except OSError:
            udp.server_close()
            if port or attempt == 19:
                raise
            continue
        udp.script = tcp.script = script
        return udp, tcp
    raise AssertionError("unreachable")
