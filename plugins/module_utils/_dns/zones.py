# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find where a record is stored: follow CNAMEs from its name, then find the zone of the last name."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from .._common.contracts import TxtRecord
from .errors import DnsError
from .records import canonical, is_within
from .resolver import Resolver

_MAX_CNAMES = 8
_THREADS = 16


@dataclass(frozen=True)
class Location:
    """A record's name, the name that it is stored under (the same, without CNAMEs), and the zone of the latter.

    All in lower case and without final dot. aliases: the names whose CNAMEs were followed, in this order.
    """

    name: str
    target: str
    zone: str
    aliases: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: TxtRecord) -> Location:
        """Return the location that *record* has, as locate_records() returned it or an earlier module run did.

        Raises DnsError if its parts do not go together, so that no CNAME escapes the permission that it needs.
        """
        # Texts that are empty or missing make no valid path.
        name, target, zone = (canonical(text) if text else "" for text in (record.name, record.target, record.zone))
        aliases = tuple(map(canonical, record.aliases or ()))
        path = (*aliases, target)
        if not zone or not target or path[0] != name or len(set(path)) < len(path) or not is_within(target, zone):
            raise DnsError(
                "its target, zone and aliases do not belong together: give all three of an earlier result, or none"
            )
        return cls(name, target, zone, aliases)


def locate(resolver: Resolver, name: str) -> Location:
    """Return where the record *name*, which usually does not exist yet, is stored. Raises DnsError."""
    name = canonical(name)
    chain = [name]
    while alias := _explicit_alias(resolver, chain[-1]):
        try:
            chain.append(canonical(alias))
        except DnsError as error:
            raise DnsError(f"the CNAME of {chain[-1]} points to an invalid record name: {error}") from None
        if chain[-1] in chain[:-1]:
            raise DnsError(f"the CNAMEs of {name} form a loop: {' -> '.join(chain)}")
        if len(chain) > _MAX_CNAMES + 1:
            raise DnsError(f"{name} leads through more than {_MAX_CNAMES} CNAMEs: {' -> '.join(chain)}")
    zone = resolver.find_zone(chain[-1])
    if zone == ".":
        raise DnsError(f"{chain[-1]} is in no zone that the resolver knows: check the name and the resolver")
    return Location(name, chain[-1], canonical(zone), tuple(chain[:-1]))


def locate_records(resolver: Resolver, records: Sequence[TxtRecord]) -> list[TxtRecord]:
    """Return *records* with their locations. Names are looked up in parallel, and those that have one not at all.

    A record that cannot be located has an empty target and zone, and a problem.
    """
    names = dict.fromkeys(record.name for record in records if not record.zone)
    with ThreadPoolExecutor(_THREADS) as pool:
        found = {name: pool.submit(locate, resolver, name) for name in names}

    def located(record: TxtRecord) -> TxtRecord:
        try:
            location = Location.of(record) if record.zone else found[record.name].result()
        except DnsError as error:
            return replace(record, target="", zone="", aliases=(), problem=str(error))
        return replace(record, target=location.target, zone=location.zone, aliases=location.aliases)

    return [located(record) for record in records]


def _explicit_alias(resolver: Resolver, name: str) -> str:
    """Return the target of the CNAME of *name*; empty if it has none, or only one from a wildcard.

    A record at the name itself replaces a wildcard's (RFC 4592 section 3.2), which is most likely what is wanted: the
    wildcard is there for hosts.
    """
    alias = resolver.find_alias(name)
    _label, _dot, parent = name.partition(".")
    if alias and parent and resolver.find_alias(f"*.{parent}") == alias:
        return ""
    return alias
