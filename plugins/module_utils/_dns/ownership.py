# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask the name servers of a zone which CNAMEs belong to the zone.

A recursive resolver passes on what the servers of a delegated zone answer, and these may hide that there is a zone. The
parent's servers do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import DnsError, SilentError
from .records import is_within
from .servers import Authorities, Reply
from .zones import Location

# Once so many addresses of a zone's servers are silent, they cannot be asked from here.
_MOST_SILENT = 3


class Ownership:
    """Ask name servers whether CNAMEs are in their zone. Several threads may share one object."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        self._silent: dict[str, SilentError] = {}

    def is_own(self, location: Location) -> bool:
        """Return True if all CNAMEs that lead to the record are in the record's zone.

        No server is asked if there are no CNAMEs, or if a name of one is outside of the zone. Raises DnsError if no
        server of the zone can be asked.
        """
        zone, aliases = location.zone, location.aliases
        return all(is_within(alias, zone) for alias in aliases) and all(self._has(zone, alias) for alias in aliases)

    def _has(self, zone: str, alias: str) -> bool:
        """Return True if a server of *zone* confirms that the CNAME of *alias* is in it."""
        trouble = DnsError(f"zone {zone} has no name server with an address")
        has_answered = False
        for label, address in self._addresses(zone):
            try:
                if self._confirms(address, zone, alias):
                    return True
                has_answered = True
            except DnsError as error:
                if isinstance(error, SilentError):
                    self._silent[address] = error
                trouble = DnsError(f"{label} {error}")
        if not has_answered:
            raise trouble
        return False

    def _addresses(self, zone: str) -> Iterator[tuple[str, str]]:
        """Yield a label and an address for each address of the servers, until too many have been silent."""
        silent = 0
        for server in self._authorities.find_servers(zone):
            for address in server.addresses:
                if silent == _MOST_SILENT:
                    return
                yield f"{server.name} ({address})", address
                silent += address in self._silent

    def _confirms(self, address: str, zone: str, alias: str) -> bool:
        """Return True if the server confirms it. A referral to the servers of another zone is no confirmation.

        Raises DnsError.
        """
        if not self._ask(address, alias, "CNAME").alias:
            return False
        # The same server may also have a zone between the two.
        parent = alias.partition(".")[2]
        while parent != zone and is_within(parent, zone):  # the apex has none below it
            reply = self._ask(address, parent, "SOA")
            if not reply.alias:
                return reply.negative_of == zone
            parent = parent.partition(".")[2]
        return True

    def _ask(self, address: str, name: str, rdtype: str) -> Reply:
        if address in self._silent:
            raise self._silent[address]
        return self._authorities.ask(address, name, rdtype)
