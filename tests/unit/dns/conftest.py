# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of dns/: scripted servers on loopback addresses, and a clock that nobody waits for."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._dns.resolver import Resolver
from ansible_collections.certfleet.tls.plugins.module_utils._dns.servers import Authorities
from tests.unit.dns.scripted_server import ScriptedServer, Zone
from tests.unit.fake_time import FakeTime

FIRST, SECOND = "127.0.0.11", "127.0.0.12"
#: The advice for servers that lack a value.
MORE_TIME = (
    "Raise timeout (acme_dns_timeout) if the zone takes longer. If the CA asks other name servers than these, set wait "
    "(acme_dns_wait) to resolver, or to none with a delay (acme_dns_delay)"
)
# The address of all name servers of the other zones.
OTHERS = "127.0.0.14"


@pytest.fixture
def time():
    return FakeTime(chance=1.0)


@pytest.fixture
def serve():
    """serve(*zones, ...): a scripted server, closed after the test."""
    servers = []

    def start(*zones, **options):
        server = ScriptedServer(*zones, **options)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def opened(tmp_path):
    """opened(case function): the case, closed after the test."""
    cases = []

    def open_(make):
        cases.append(make(tmp_path))
        return cases[-1]

    yield open_
    for case in cases:
        case.server.close()


class Pair:
    """The two authoritative servers of example.com, each with a copy of its own, and who asks them.

    others: the server of all other zones.
    """

    def __init__(self, serve, internet, resolver):
        self.copies = [Zone("example.com"), Zone("example.com")]
        self.first = serve(self.copies[0], address=FIRST)
        self.second = serve(self.copies[1], address=SECOND, port=self.first.port)
        self.servers = (self.first, self.second)
        self.others = serve(*_delegated(internet, "example.com"), address=OTHERS, port=self.first.port)
        self.zone = internet["example.com"].add("ns1.example.com", "A", FIRST).add("ns2.example.com", "A", SECOND)
        self.resolver = resolver
        self.authorities = self.ask_with()

    def ask_with(self, timeout=2.0):
        """Return a client of the servers, with a time limit of *timeout* seconds for an answer."""
        return Authorities(self.resolver, port=self.first.port, timeout=timeout)

    def add(self, name, *values):
        """TXT records on both servers."""
        for copy in self.copies:
            copy.add(name, "TXT", *(f'"{value}"' for value in values))


@pytest.fixture
def pair(serve, internet, resolver):
    return Pair(serve, internet, resolver)


def _delegated(internet, *without):
    """Return the zones with their name servers at OTHERS."""
    zones = [zone for name, zone in internet.items() if name not in without]
    for zone in zones:
        for server in ("ns1", "ns2"):
            zone.add(f"{server}.{zone.name}", "A", OTHERS)
    return zones


@pytest.fixture
def world(serve, internet):
    """The authoritative server of all zones."""
    return serve(*_delegated(internet), address=OTHERS)


@pytest.fixture
def authorities(world, resolver):
    return Authorities(resolver, port=world.port, timeout=2)


@pytest.fixture
def internet():
    """Zones of a small internet: two domains, one of them with a zone of its own below it, and a provider."""
    return {
        name: Zone(name).add(name, "NS", f"ns1.{name}.", f"ns2.{name}.")
        for name in ("example.com", "sub.example.com", "example.net", "com")
    }


@pytest.fixture
def recursor(serve, internet):
    return serve(*internet.values(), recursive=True)


@pytest.fixture
def resolver(recursor):
    return Resolver([f"{recursor.address}:{recursor.port}"], timeout=2)
