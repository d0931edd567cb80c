# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find where a record is stored: follow CNAMEs from its name, then find the zone of the last name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .._common.clock import Clock
from .._common.contracts import TxtRecord
from .._common.deadline import Deadline
from .._common.statuses import WaitMode
from .._common.threads import Workers
from .errors import DnsError, QuestionError
from .records import canonical, is_within
from .servers import ADVICE, LONGEST_SURVEY, Authorities
from .wait_rules import WaitRules
from .zones import Location

_MAX_CNAMES = 8
_THREADS = 16


class Locator:
    """Look up where records are stored, each as the rules say for its name. Several threads may share one object.

    No resolver is asked for a name that is about to be made: it would keep the answer that there is none, for itself
    and for a CA that shares it.
    """

    def __init__(self, authorities: Authorities, rules: WaitRules, timeout: float = LONGEST_SURVEY) -> None:
        """*timeout*: seconds for the names of one call of locate_records()."""
        self._timeout = timeout
        self._authorities = authorities
        self._resolver = authorities.resolver
        self._rules = rules

    def locate(self, name: str) -> Location:
        """Return where the record *name*, which usually does not exist yet, is stored. Raises DnsError."""
        name = canonical(name)
        chain = [name]
        while True:
            alias, zone = self._look_up(chain[-1])
            if not alias:
                break
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
        return replace(place, zone=canonical(zone or self._find_zone(place)))

    def locate_records(self, records: Sequence[TxtRecord]) -> list[TxtRecord]:
        """Return *records* with their locations. Names are looked up in parallel, and those that have one not at all.

        A record that cannot be located has an empty target and zone, and a problem.
        """
        names = dict.fromkeys(record.name for record in records if not record.zone)
        workers = Workers(self._find, _THREADS, Deadline(Clock(), self._timeout))
        for name in names:
            workers.add(name)
        found = dict(workers.results(DnsError(f"its zone was not found within {self._timeout:g} s. {ADVICE}")))

        def located(record: TxtRecord) -> TxtRecord:
            try:
                location = Location.of(record) if record.zone else found[record.name]
                if isinstance(location, BaseException):
                    raise location
            except DnsError as error:
                return replace(record, target="", zone="", aliases=(), problem=str(error))
            return replace(record, target=location.target, zone=location.zone, aliases=location.aliases)

        return [located(record) for record in records]

    def _find(self, name: str) -> Location | BaseException:
        try:
            return self.locate(name)
        except QuestionError as error:
            return DnsError(f"{error}. Check resolver (acme_dns_resolver)")
        # Whatever ends this thread would leave the others waiting for it.
        except BaseException as error:
            return error

    def _look_up(self, name: str) -> tuple[str, str]:
        """Return the target of the CNAME of *name*, empty if it has none, and its zone, empty if nobody was asked.

        A CNAME from a wildcard does not count. A record at the name itself replaces it (RFC 4592 section 3.2), which is
        most likely what is wanted: the wildcard is there for hosts. Raises DnsError.
        """
        named = self._rules.cname(name)
        if named:
            return named, ""
        if self._rules.wait_of_name(name).mode is not WaitMode.AUTHORITATIVE:
            # Only where there is a CNAME, or else no entry for the record.
            return self._resolver.find_alias(name) if self._rules.key(name) is None else "", ""
        alias, zone = self._ask_zones(name)
        _label, _dot, parent = name.partition(".")
        if alias and parent and self._authorities.ask_zone(zone, f"*.{parent}", "CNAME").alias == alias:
            return "", zone
        return alias, zone

    def _find_zone(self, place: Location) -> str:
        asks_servers = self._rules.wait(place).mode is WaitMode.AUTHORITATIVE
        return self._ask_zones(place.target)[1] if asks_servers else self._zone_of_parent(place.target)

    def _ask_zones(self, name: str) -> tuple[str, str]:
        """Return the target of the CNAME of *name*, empty without one, and the zone of *name*, as its servers say."""
        zone = self._zone_of_parent(name)
        reply = self._authorities.ask_zone(zone, name, "CNAME")
        # Each referral leads further down.
        while reply.referral:
            zone = reply.referral
            reply = self._authorities.ask_zone(zone, name, "CNAME")
        # The same servers may have a zone below.
        is_below = reply.negative_of and is_within(reply.negative_of, zone)
        return reply.alias, reply.negative_of if is_below else zone

    def _zone_of_parent(self, name: str) -> str:
        """Return the zone that the resolver has for the parent of *name*. Raises DnsError."""
        labels = name.split(".")[1:]
        # Names that begin with an underscore are other records of challenges.
        while labels and labels[0].startswith("_"):
            del labels[0]
        zone = self._resolver.find_zone(".".join(labels)) if labels else "."
        if zone == ".":
            # A zone may be right below the root, whatever its number of labels.
            zone = self._resolver.find_zone(name)
        if zone == ".":
            raise DnsError(f"{name} is in no zone that the resolver knows: check the name and the resolver")
        return zone
