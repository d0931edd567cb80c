# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask the name servers of a zone which CNAMEs belong to the zone.

A recursive resolver passes on what the servers of a delegated zone answer, and these may hide that there is a zone. The
parent's servers do not.
"""

from __future__ import annotations

from .._common.clock import Clock
from .._common.deadline import Deadline
from .errors import DnsError
from .records import is_within
from .servers import LONGEST_SURVEY, Authorities, Reply
from .zones import Location


class Ownership:
    """Ask name servers whether CNAMEs are in their zone. Several threads may share one object."""

    def __init__(self, authorities: Authorities, deadline: Deadline | None = None) -> None:
        """*deadline*: no question begins after it; by default five minutes from now."""
        self._authorities = authorities
        self._deadline = deadline or Deadline(Clock(), LONGEST_SURVEY)

    def is_own(self, location: Location) -> bool:
        """Return True if all CNAMEs that lead to the record are in the record's zone.

        No server is asked if there are no CNAMEs, or if a name of one is outside of the zone. Raises DnsError if no
        server of the zone can be asked, and at the deadline.
        """
        zone, aliases = location.zone, location.aliases
        return all(is_within(alias, zone) for alias in aliases) and all(self._has(zone, alias) for alias in aliases)

    def _has(self, zone: str, alias: str) -> bool:
        """Return True if a server of *zone* confirms that the CNAME of *alias* is in it."""
        trouble = DnsError(f"zone {zone} has no name server with an address")
        has_answered = False
        for label, address in self._authorities.addresses(zone):
            try:
                if self._confirms(address, zone, alias):
                    return True
                has_answered = True
            except DnsError as error:
                trouble = DnsError(f"{label} {error}")
        if not has_answered:
            raise trouble
        return False

    def _confirms(self, address: str, zone: str, alias: str) -> bool:
        """Return True if the server confirms it. A referral to the servers of another zone is no confirmation.

        Raises DnsError.
        """
        if not self._ask(zone, address, alias, "CNAME").alias:
            return False
        # The same server may also have a zone between the two.
        parent = alias.partition(".")[2]
        while parent != zone and is_within(parent, zone):  # the apex has none below it
            reply = self._ask(zone, address, parent, "SOA")
            if not reply.alias:
                return reply.negative_of == zone
            parent = parent.partition(".")[2]
        return True

    def _ask(self, zone: str, address: str, name: str, rdtype: str) -> Reply:
        if self._deadline.left() <= 0:
            raise DnsError(f"was not asked, since {self._deadline.seconds:g} s were over")
        return self._authorities.ask(zone, address, name, rdtype)
