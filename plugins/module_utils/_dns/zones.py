# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The place where a record is stored: after CNAMEs, and in a zone."""

from __future__ import annotations

from dataclasses import dataclass

from .._common.contracts import TxtRecord
from .errors import DnsError
from .records import canonical, is_within


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
