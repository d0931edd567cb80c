# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until every authoritative server holds what was set, for many records side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._acme.txt_record import grants, is_persistent
from .._common.clock import Clock
from .._common.deadline import Deadline
from .errors import DnsError, NoRouteError, SilentError
from .servers import Authorities, NameServer
from .zones import Location

_SIDE_BY_SIDE = 16
_LONGEST_PAUSE = 10.0
# Seconds for the last look, though the deadline has passed: a slow server is not called silent.
_LAST_LOOK = 3.0
# An address that has never answered is given up after so many rounds, where another one of its server answers.
_SILENT_ROUNDS = 2


@dataclass(frozen=True)
class PropagationResult:
    """How a wait ended for one location.

    problem: one line that says which server lacks which value, or what went wrong there; empty if all is held.
    lacking: those servers, as "name (address)". others: values that any server has besides those wanted.
    """

    held: bool
    problem: str
    lacking: tuple[str, ...]
    others: frozenset[str]


@dataclass(frozen=True)
class _Place:
    """Where values are kept; more than one name may lead there by CNAME."""

    zone: str
    name: str
    persistent: bool

    @classmethod
    def of(cls, location: Location) -> _Place:
        return cls(location.zone, location.target, is_persistent(location.name))


def held(authorities: Authorities, locations: Iterable[Location]) -> dict[Location, frozenset[str]]:
    """The values that any authoritative server has now, all its servers asked once; none where there is trouble."""
    locations = list(locations)
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        survey = _Survey(authorities, pool)
        survey.ask({_Place.of(location): frozenset() for location in locations})
        return {location: survey.found(_Place.of(location)) for location in locations}


def wait(
    authorities: Authorities, wanted: Mapping[Location, Set[str]], deadline: Deadline
) -> dict[Location, PropagationResult]:
    """Ask, with growing pauses, until every authoritative server holds all values, or the deadline has passed.

    One wait for all: only what still lacks is asked again. A last look is taken at the deadline itself.
    """
    values: dict[_Place, frozenset[str]] = {}
    for location, more in wanted.items():
        place = _Place.of(location)
        values[place] = values.get(place, frozenset()) | frozenset(more)
    clock = deadline.clock
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        survey = _Survey(authorities, pool)
        missing, attempt = values, 0
        while missing:
            survey.ask(missing, Deadline(clock, max(deadline.left(), _LAST_LOOK)))
            missing = {place: needed for place, needed in missing.items() if any(survey.lacking(place, needed))}
            if not missing or deadline.left() <= 0:
                break
            clock.sleep(min(clock.pause(attempt, longest=_LONGEST_PAUSE), deadline.left()))
            attempt += 1
    outcomes = {}
    for location, needed in wanted.items():
        place = _Place.of(location)
        lacking = list(survey.lacking(place, needed)) if place in missing else []
        outcomes[location] = PropagationResult(
            held=not lacking,
            problem="; ".join(f"{server} {what}".strip() for server, what in lacking),
            lacking=tuple(server for server, _what in lacking if server),
            others=frozenset() if place.persistent else survey.found(place) - values[place],
        )
    return outcomes


class _Survey:
    """What every address of the servers said last of every place."""

    def __init__(self, authorities: Authorities, pool: ThreadPoolExecutor) -> None:
        self._authorities = authorities
        self._pool = pool
        self._servers: dict[str, tuple[NameServer, ...] | DnsError] = {}
        self._said: dict[_Place, dict[str, frozenset[str] | DnsError]] = defaultdict(dict)
        self._answered: set[str] = set()
        self._silences: Counter[str] = Counter()

    def ask(self, places: Mapping[_Place, frozenset[str]], time: Deadline | None = None) -> None:
        """One round: every address that has not said yet that it holds the values of a place. *time* ends it."""
        zones = list(dict.fromkeys(place.zone for place in places))
        self._servers.update(zip(zones, self._pool.map(self._find, zones)))
        questions = [
            (place, address)
            for place, values in places.items()
            for address in self._addresses(place.zone)
            if not self._holds(place, address, values)
        ]
        # An address that is silent to one question is not asked the others of the round.
        down: dict[str, DnsError] = {}

        def one(question: tuple[_Place, str]) -> frozenset[str] | DnsError:
            place, address = question
            if address in down:
                return down[address]
            left = time.left() if time else None
            if left is not None and left <= 0:
                return self._said[place].get(address, DnsError("was not reached in the time there is"))
            try:
                values = self._authorities.values(place.zone, address, place.name, left)
                return _with_grants(values, time.clock) if time and place.persistent else values
            except (NoRouteError, SilentError) as error:
                down[address] = error
                return error
            except DnsError as error:
                return error

        for (place, address), said in zip(questions, list(self._pool.map(one, questions))):
            self._said[place][address] = said
            if isinstance(said, frozenset):
                self._answered.add(address)
        self._silences.update(address for address, error in down.items() if isinstance(error, SilentError))

    def found(self, place: _Place) -> frozenset[str]:
        """The values that any server has."""
        return frozenset().union(*(said for said in self._said[place].values() if isinstance(said, frozenset)))

    def lacking(self, place: _Place, values: Set[str]) -> Iterator[tuple[str, str]]:
        """Each server that does not hold all *values*, and the rest of a sentence about it."""
        servers = self._servers[place.zone]
        if isinstance(servers, DnsError):
            yield "", str(servers)
            return
        for server in servers:
            if server.trouble:
                yield server.name, server.trouble
            said = {address: self._said[place][address] for address in server.addresses}
            answers = any(isinstance(what, frozenset) for what in said.values())
            for address, what in said.items():
                label = f"{server.name} ({address})"
                if isinstance(what, frozenset):
                    lacks = sorted(values - what)
                    if lacks:
                        yield label, f"lacks {', '.join(map(repr, lacks))}"
                elif not (answers and self._excused(address, what)):
                    yield label, str(what)

    def _excused(self, address: str, error: DnsError) -> bool:
        """Whether it lies with the network from here rather than with the server, as with IPv6 that leads nowhere."""
        if isinstance(error, SilentError):
            return address not in self._answered and self._silences[address] >= _SILENT_ROUNDS
        return isinstance(error, NoRouteError)

    def _find(self, zone: str) -> tuple[NameServer, ...] | DnsError:
        try:
            return self._authorities.servers(zone)
        except DnsError as error:
            return error

    def _addresses(self, zone: str) -> list[str]:
        servers = self._servers[zone]
        if isinstance(servers, DnsError):
            return []
        return list(dict.fromkeys(address for server in servers for address in server.addresses))

    def _holds(self, place: _Place, address: str, values: Set[str]) -> bool:
        said = self._said[place].get(address)
        return isinstance(said, frozenset) and values <= said


def _with_grants(values: frozenset[str], clock: Clock) -> frozenset[str]:
    """Values of dns-persist-01, and what they grant whatever they say besides."""
    return values.union(*(grants(value, clock.now()) for value in values))
