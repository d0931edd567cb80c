# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a record is really kept: CNAMEs followed from its name, then the zone that the last name lies in."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .errors import DnsError
from .records import canonical
from .resolver import Resolver

_HOPS = 8
_SIDE_BY_SIDE = 16


@dataclass(frozen=True)
class Location:
    """A record's name as asked for, the name it is kept under (the same, without CNAMEs), and that one's zone.

    All in lower case and without final dot. aliases: the names whose CNAMEs were followed, in this order.
    """

    name: str
    target: str
    zone: str
    aliases: tuple[str, ...] = ()


def locate(resolver: Resolver, name: str) -> Location:
    """Where the record *name*, which mostly does not exist yet, is kept. Raises DnsError."""
    name = canonical(name)
    chain = [name]
    while True:
        alias = _explicit_alias(resolver, chain[-1])
        if not alias:
            break
        try:
            chain.append(canonical(alias))
        except DnsError as error:
            raise DnsError(f"the CNAME of {chain[-1]} leads to no name for a record: {error}") from None
        if chain[-1] in chain[:-1]:
            raise DnsError(f"the CNAMEs of {name} go round in a loop: {' -> '.join(chain)}")
        if len(chain) > _HOPS + 1:
            raise DnsError(f"{name} leads through more than {_HOPS} CNAMEs: {' -> '.join(chain)}")
    zone = resolver.zone(chain[-1])
    if zone == ".":
        raise DnsError(f"{chain[-1]} lies in no zone that the resolver knows: is the name right, and the resolver?")
    return Location(name, chain[-1], canonical(zone), tuple(chain[:-1]))


def locate_all(resolver: Resolver, names: Iterable[str]) -> dict[str, Location | DnsError]:
    """locate() for many names side by side: for each name as given its location, or why there is none."""

    def one(name: str) -> Location | DnsError:
        try:
            return locate(resolver, name)
        except DnsError as error:
            return error

    unique = list(dict.fromkeys(names))
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return dict(zip(unique, pool.map(one, unique)))


def _explicit_alias(resolver: Resolver, name: str) -> str:
    """What the CNAME of *name* points to, but for one that only a wildcard lends it.

    A record at the name itself takes a wildcard's place (RFC 4592 section 3.2), and is most likely what is wanted:
    the wildcard is there for hosts.
    """
    alias = resolver.alias(name)
    _label, _dot, parent = name.partition(".")
    if alias and parent and resolver.alias(f"*.{parent}") == alias:
        return ""
    return alias
