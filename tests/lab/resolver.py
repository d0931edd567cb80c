# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recursive resolver with a real cache, which controller and CA may share, and a view of it with another content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query

from . import bind
from .process import Process, wait

if TYPE_CHECKING:
    from .lab import Lab

ADDRESS, INSIDE = 7, 8  # the last part of its addresses
NAME = "resolver"  # of its process and its log
RECURSION = "recursion yes; allow-recursion { any; }; servfail-ttl 0;"
# Each view has a cache of its own.
VIEWS = """\
view "inside" {{
    match-destinations {{ {inside}; }};
    zone "{split}" {{ type primary; file "{directory}/inside"; }};
    zone "." {{ type hint; file "{directory}/hints"; }};
}};
view "outside" {{
    zone "." {{ type hint; file "{directory}/hints"; }};
}};
"""
HINTS = """\
. 3600 NS ca.{domain}.
ca.{domain}. 3600 A {controller}
"""
ZONE = """\
$TTL 1
@ SOA inside hostmaster 1 3600 600 86400 1
@ NS inside
inside A {inside}
"""


@dataclass(frozen=True)
class Resolver:
    """Its addresses. address: keeps answers for their TTL, negative ones too. inside: has another content of a zone."""

    address: str
    inside: str


@contextmanager
def resolvers_of_system(lab: Lab, addresses: Sequence[str]) -> Iterator[None]:
    """Have the controller's programs ask these resolvers, in this order."""
    path = lab.state / "resolv.conf"  # mounted, so it stays the same file
    before = path.read_text()
    others = [line for line in before.splitlines() if not line.startswith("nameserver")]
    path.write_text("\n".join([*(f"nameserver {address}" for address in addresses), *others, ""]))
    try:
        yield
    finally:
        path.write_text(before)


@contextmanager
def resolver(lab: Lab, split: str = "dyn") -> Iterator[Resolver]:
    """Run BIND as a resolver of a lab with dns_zones, with an empty cache.

    *split*: the zone that people inside see otherwise (split horizon): no record in it, and the resolver itself as its
    name server.
    """
    network = lab.controller.rpartition(".")[0]
    found = Resolver(f"{network}.{ADDRESS}", f"{network}.{INSIDE}")
    addresses = [found.address, found.inside]
    for address in addresses:
        lab.ip("address", "replace", f"{address}/32", "dev", "bridge")
    directory = lab.state / NAME
    directory.mkdir(exist_ok=True)
    (directory / "hints").write_text(HINTS.format(domain=lab.domain, controller=lab.controller))
    (directory / "inside").write_text(ZONE.format(inside=found.inside))
    seen = lab.seen(directory)
    config = bind.options(seen, addresses, [], RECURSION)
    config += VIEWS.format(directory=seen, inside=found.inside, split=lab.authorities.zone(split))
    bind.start(lab, NAME, directory, config)
    try:
        wait(lambda: _answers(lab, found), 20, f"the resolver does not answer: see {lab.log(NAME)}")
        yield found
    finally:
        process = Process.recorded(lab.state / f"{NAME}.pid")
        if process:
            process.kill()


def _answers(lab: Lab, found: Resolver) -> bool:
    query = dns.message.make_query(lab.domain, "SOA")
    try:
        return bool(lab.inside(lambda: dns.query.udp(query, found.inside, timeout=1)).answer)
    except (dns.exception.DNSException, OSError):
        return False
