# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wait until every authoritative server has the records that were set, many records at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._acme.txt_record import grants, is_persistent
from .._common.clock import Clock
from .._common.deadline import Deadline
from .errors import DnsError, NoRouteError, SilentError
from .servers import ADVICE, LONGEST_SURVEY, Authorities, NameServer
from .zones import Location

_THREADS = 16
_LONGEST_PAUSE = 10.0  # seconds
# Seconds for the last round, although the deadline has passed: a slow server is not called silent.
_LAST_ROUND = 3.0
# An address that has never answered does not count after this many rounds if another address of its server answers.
_SILENT_ROUNDS = 2
# Seconds after which an address that has never answered is not waited for any longer, if all others have the values.
_PATIENCE = 10.0
#: dns-persist-01: the record is not the run's own, unless it may write such records.
TO_PUBLISH = "If it was never published, publish it, or set acme_dns_persist_write."
_ADVICE_TO_WAIT = (
    "Raise timeout (acme_dns_timeout) if the zone takes longer. If the CA asks other name servers than these, set wait "
    "(acme_dns_wait) to resolver, or to none with a delay (acme_dns_delay)"
)


@dataclass(frozen=True)
class PropagationResult:
    """The end of a wait for one location.

    problem: one line that says which server lacks which value, or what went wrong there; empty if all servers have all
    values. lacking: these servers, as "name (address)". others: values that any server has besides the wanted ones.
    ignored: a line for each server that gave no answer and was not waited for.
    """

    propagated: bool
    problem: str
    lacking: tuple[str, ...]
    others: frozenset[str]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    """The zone and the name that values are stored under. Several names may lead there by CNAME."""

    zone: str
    name: str
    persistent: bool

    @classmethod
    def of(cls, location: Location) -> _Place:
        return cls(location.zone, location.target, is_persistent(location.name))


def published_values(
    authorities: Authorities, locations: Collection[Location], clock: Clock | None = None
) -> dict[Location, frozenset[str] | DnsError]:
    """Return the values that any authoritative server has now; the reason where no server answers.

    All servers are asked once, within five minutes.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        survey = _Survey(authorities, pool)
        survey.ask(
            {_Place.of(location): frozenset() for location in locations}, Deadline(clock or Clock(), LONGEST_SURVEY)
        )
        return {location: survey.published(_Place.of(location)) for location in locations}


def wait(
    authorities: Authorities, wanted: Mapping[Location, Set[str]], deadline: Deadline
) -> dict[Location, PropagationResult]:
    """Ask, with growing pauses, until every authoritative server has all values, or the deadline has passed.

    There is one wait for all locations: only servers that lack a value are asked again. The last round is at the
    deadline itself. A server that never answers is waited for ten seconds, if all others have the values.
    """
    values: dict[_Place, frozenset[str]] = {}
    for location, more in wanted.items():
        place = _Place.of(location)
        values[place] = values.get(place, frozenset()) | frozenset(more)
    clock = deadline.clock
    patience = Deadline(clock, min(_PATIENCE, deadline.seconds))
    with ThreadPoolExecutor(_THREADS) as pool:
        survey = _Survey(authorities, pool, clock)
        missing, attempt = values, 0
        while missing:
            survey.ask(missing, Deadline(clock, max(deadline.left(), _LAST_ROUND)))
            is_patient = patience.left() > 0
            missing = {place: needed for place, needed in missing.items() if survey.awaits(place, needed, is_patient)}
            if not missing or deadline.left() <= 0:
                break
            pause = min(clock.pause(attempt, longest=_LONGEST_PAUSE), deadline.left())
            clock.sleep(min(pause, patience.left()) if is_patient else pause)
            attempt += 1
    results = {}
    for location, needed in wanted.items():
        place = _Place.of(location)
        lacking = list(survey.lacking(place, needed))
        lines = tuple(f"{server} {problem}".strip() for server, problem in lacking)
        is_missing = place in missing and survey.awaits(place, needed, False)
        results[location] = PropagationResult(
            propagated=not is_missing,
            problem=_problem(lines, _advice(survey, place), deadline) if is_missing else "",
            lacking=tuple(server for server, _problem in lacking if server) if is_missing else (),
            others=frozenset() if place.persistent else survey.values(place) - values[place],
            ignored=() if is_missing else tuple(_ignored(line, place.zone, patience) for line in lines),
        )
    return results


def _problem(lines: Sequence[str], advice: str, deadline: Deadline) -> str:
    return f"{'; '.join(lines)}; waited {deadline.passed():g} s. {advice}"


def _advice(survey: _Survey, place: _Place) -> str:
    if not survey.has_answers(place.zone):
        return ADVICE
    return f"{TO_PUBLISH} {_ADVICE_TO_WAIT}" if place.persistent else _ADVICE_TO_WAIT


def _ignored(line: str, zone: str, patience: Deadline) -> str:
    return (
        f"{line}. All other name servers of zone {zone} have the TXT records, so it was not waited for longer than "
        f"{patience.seconds:g} s. Repair it, or take it out of the DNS: the CA may ask it"
    )


class _Survey:
    """The last answer of every address of the servers for every place."""

    def __init__(self, authorities: Authorities, pool: ThreadPoolExecutor, clock: Clock | None = None) -> None:
        """*clock*: with it, values of dns-persist-01 come together with what they grant at its time."""
        self._clock = clock
        self._authorities = authorities
        self._pool = pool
        self._servers: dict[str, tuple[NameServer, ...] | DnsError] = {}
        self._answers: dict[_Place, dict[str, frozenset[str] | DnsError]] = defaultdict(dict)
        self._answered: set[tuple[str, str]] = set()
        self._silences: Counter[str] = Counter()

    def ask(self, places: Mapping[_Place, frozenset[str]], deadline: Deadline) -> None:
        """Ask every address that is not known to have the values of a place, once. *deadline* ends the round."""
        zones = list(dict.fromkeys(place.zone for place in places))
        self._servers.update(zip(zones, self._pool.map(self._find_servers, zones)))
        questions = [
            (place, address)
            for place, values in places.items()
            for address in self._addresses(place.zone)
            if not self._has(place, address, values)
        ]
        # An address that is silent to one question is not asked the others of the round.
        down: dict[str, DnsError] = {}

        def one(question: tuple[_Place, str]) -> frozenset[str] | DnsError:
            place, address = question
            if address in down:
                return down[address]
            left = deadline.left()
            if left <= 0:
                return self._answers[place].get(address, DnsError("was not asked before the time was over"))
            try:
                values = self._authorities.read_values(place.zone, address, place.name, left)
                return with_grants(values, self._clock) if self._clock and place.persistent else values
            except (NoRouteError, SilentError) as error:
                down[address] = error
                return error
            except DnsError as error:
                return error

        for (place, address), answer in zip(questions, list(self._pool.map(one, questions))):
            self._answers[place][address] = answer
            if isinstance(answer, frozenset):
                self._answered.add((place.zone, address))
        self._silences.update(address for address, error in down.items() if isinstance(error, SilentError))

    def values(self, place: _Place) -> frozenset[str]:
        """Return the values that any server has."""
        return frozenset().union(*(answer for answer in self._answers[place].values() if isinstance(answer, frozenset)))

    def published(self, place: _Place) -> frozenset[str] | DnsError:
        """Return the values that any server has; the reason if none answers."""
        if any(isinstance(answer, frozenset) for answer in self._answers[place].values()):
            return self.values(place)
        *_others, (server, problem) = self.lacking(place, frozenset())
        return DnsError(f"{server} {problem}".strip())

    def awaits(self, place: _Place, values: Set[str], is_patient: bool) -> bool:
        """Return True if *values* are not seen yet. *is_patient*: wait for addresses that never answered, too."""
        servers = self._servers[place.zone]
        if isinstance(servers, DnsError):
            return True
        without = [address for server in servers for address, _reason in self._without(server, place, values)]
        if any((place.zone, address) in self._answered for address in without):
            return True
        is_seen = any(self._has(place, address, values) for address in self._addresses(place.zone))
        return not is_seen or (is_patient and bool(without or any(server.trouble for server in servers)))

    def has_answers(self, zone: str) -> bool:
        """Return True if any server of *zone* has answered."""
        return any(answered == zone for answered, _address in self._answered)

    def lacking(self, place: _Place, values: Set[str]) -> Iterator[tuple[str, str]]:
        """Yield each server that does not have all *values*, and the rest of a sentence about it."""
        servers = self._servers[place.zone]
        if isinstance(servers, DnsError):
            yield "", str(servers)
            return
        for server in servers:
            if server.trouble:
                yield server.name, server.trouble
            for address, reason in self._without(server, place, values):
                yield f"{server.name} ({address})", reason

    def _without(self, server: NameServer, place: _Place, values: Set[str]) -> Iterator[tuple[str, str]]:
        """Yield each address of a server that does not have all *values*, and the reason."""
        # A server's address may be found only after the place has its values.
        not_asked, found = DnsError("was not asked"), self._answers[place]
        answers = {address: found.get(address, not_asked) for address in server.addresses}
        any_answers = any(isinstance(answer, frozenset) for answer in answers.values())
        for address, answer in answers.items():
            if isinstance(answer, frozenset):
                lacking = sorted(values - answer)
                if lacking:
                    yield address, f"lacks {', '.join(map(repr, lacking))}"
            elif not (any_answers and self._is_excused(place.zone, address, answer)):
                yield address, str(answer)

    def _is_excused(self, zone: str, address: str, error: DnsError) -> bool:
        """Return True if the reason is the network between here and the server, such as IPv6 without a route."""
        if isinstance(error, SilentError):
            return (zone, address) not in self._answered and self._silences[address] >= _SILENT_ROUNDS
        return isinstance(error, NoRouteError)

    def _find_servers(self, zone: str) -> tuple[NameServer, ...] | DnsError:
        try:
            return self._authorities.find_servers(zone, again=True)
        except DnsError as error:
            return error

    def _addresses(self, zone: str) -> list[str]:
        servers = self._servers[zone]
        if isinstance(servers, DnsError):
            return []
        return list(dict.fromkeys(address for server in servers for address in server.addresses))

    def _has(self, place: _Place, address: str, values: Set[str]) -> bool:
        answer = self._answers[place].get(address)
        return isinstance(answer, frozenset) and values <= answer


def with_grants(values: frozenset[str], clock: Clock) -> frozenset[str]:
    """Return values of dns-persist-01 together with what they grant, whatever else they say."""
    return values.union(*(grants(value, clock.now()) for value in values))
