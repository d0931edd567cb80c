# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find where a record is stored: follow CNAMEs from its name, then find the zone of the last name."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .._common.contracts import TxtRecord
from .._common.statuses import WaitMode
from .errors import DnsError
from .records import canonical
from .resolver import Resolver
from .wait_rules import WaitRules
from .zones import Location

_MAX_CNAMES = 8
_THREADS = 16


class Locator:
    """Look up where records are stored, each as the rules say for its name. Several threads may share one object."""

    def __init__(self, resolver: Resolver, rules: WaitRules) -> None:
        self._resolver = resolver
        self._rules = rules

    def locate(self, name: str) -> Location:
        """Return where the record *name*, which usually does not exist yet, is stored. Raises DnsError."""
        name = canonical(name)
        chain = [name]
        while alias := self._rules.cname(chain[-1]) or self._find_alias(chain[-1]):
            try:
                chain.append(canonical(alias))
            except DnsError as error:
                raise DnsError(f"the CNAME of {chain[-1]} points to an invalid record name: {error}") from None
            if chain[-1] in chain[:-1]:
                raise DnsError(f"the CNAMEs of {name} form a loop: {' -> '.join(chain)}")
            if self._rules.cname(chain[-2]) == chain[-1]:
                break  # an entry says where the record is stored, so there is nothing more to follow
            if len(chain) > _MAX_CNAMES + 1:
                raise DnsError(f"{name} leads through more than {_MAX_CNAMES} CNAMEs: {' -> '.join(chain)}")
        place = Location(name, chain[-1], "", tuple(chain[:-1]))
        zone = self._find_zone(place)
        if zone == ".":
            raise DnsError(f"{chain[-1]} is in no zone that the resolver knows: check the name and the resolver")
        return replace(place, zone=canonical(zone))

    def locate_records(self, records: Sequence[TxtRecord]) -> list[TxtRecord]:
        """Return *records* with their locations. Names are looked up in parallel, and those that have one not at all.

        A record that cannot be located has an empty target and zone, and a problem.
        """
        names = dict.fromkeys(record.name for record in records if not record.zone)
        with ThreadPoolExecutor(_THREADS) as pool:
            found = {name: pool.submit(self.locate, name) for name in names}

        def located(record: TxtRecord) -> TxtRecord:
            try:
                location = Location.of(record) if record.zone else found[record.name].result()
            except DnsError as error:
                return replace(record, target="", zone="", aliases=(), problem=str(error))
            return replace(record, target=location.target, zone=location.zone, aliases=location.aliases)

        return [located(record) for record in records]

    def _find_alias(self, name: str) -> str:
        """Return the target of the CNAME of *name*; empty if it has none, or only one from a wildcard.

        A record at the name itself replaces a wildcard's (RFC 4592 section 3.2), which is most likely what is wanted:
        the wildcard is there for hosts.
        """
        if self._rules.wait_of_name(name).mode is not WaitMode.AUTHORITATIVE:
            # The resolver would keep the answer that the name does not exist. So it is asked only where there is a
            # CNAME, or else no entry for the record.
            return self._resolver.find_alias(name) if self._rules.key(name) is None else ""
        alias = self._resolver.find_alias(name)
        _label, _dot, parent = name.partition(".")
        if alias and parent and self._resolver.find_alias(f"*.{parent}") == alias:
            return ""
        return alias

    def _find_zone(self, place: Location) -> str:
        _label, _dot, parent = place.target.partition(".")
        asks_servers = self._rules.wait(place).mode is WaitMode.AUTHORITATIVE
        return self._resolver.find_zone(place.target if asks_servers else parent)
