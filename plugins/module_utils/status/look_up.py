# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of many certificates at once: each question is asked once, whoever has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..acme.clock import Clock
from ..acme.polling import Deadline
from ..acme.problem import one_line
from .cache import StatusCache
from .consultation import Answer, Ask, Questions, consult
from .fetch import Fetcher
from .result import CRL, OCSP, UNKNOWN, Status, StatusError
from .workers import side_by_side

#: Bytes of a CRL; seconds for which an answer is taken from the cache.
LARGEST, MAX_AGE = 20 * 1024 * 1024, 6 * 3600
_CONNECTIONS = 8
# Seconds for all the questions of a run: some to begin with, and for each certificate.
_PATIENCE, _PATIENCE_EACH = 30.0, 0.1


def look_up(
    contents: Sequence[str],
    clock: Clock,
    *,
    cache: str | None,
    ca_path: str | None,
    timeout: float,
    largest: int = LARGEST,
    max_age: float = MAX_AGE,
) -> tuple[list[Status], str]:
    """The status of each certificate, PEM with its chain, and what kept the answers from being kept, in words.

    *cache*: a folder. *ca_path*: roots for places that are https. *timeout*: seconds for each answer. *largest*: bytes
    of a CRL. *max_age*: seconds for which an answer is taken from the cache. Raises AcmeError for a bad *ca_path*.
    """
    fetcher = Fetcher(clock, largest, ca_path, timeout, _CONNECTIONS)
    deadline = Deadline(clock, _PATIENCE + _PATIENCE_EACH * len(contents))
    run = LookUp(fetcher, StatusCache(clock, cache, max_age), deadline, largest)
    try:
        return run.of_all(contents, clock.now()), run.keep()
    finally:
        fetcher.close()


class LookUp:
    """Asks for certificates' status. An answer is asked for once in its life."""

    def __init__(
        self, fetcher: Fetcher, cache: StatusCache, deadline: Deadline, largest: int, connections: int = _CONNECTIONS
    ) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._deadline = deadline
        self._largest = largest
        self._connections = connections
        self._answers: dict[Ask, Answer] = {}

    def of_all(self, contents: Sequence[str], now: datetime) -> list[Status]:
        """The status of each certificate, PEM with its chain. None that cannot be told keeps another from it."""
        found: dict[str, Status] = {}
        open_: dict[str, tuple[Questions, Ask]] = {}
        for content in dict.fromkeys(contents):
            self._go_on(content, consult(content, now), None, open_, found)
        # In rounds, so that what many ask for at once is fetched once, and what is slow blocks no thread of others.
        while open_:
            self._fetch([ask for _unused, ask in open_.values()])
            for content, (questions, ask) in list(open_.items()):
                self._go_on(content, questions, self._answers[ask], open_, found)
        return [found[content] for content in contents]

    def _go_on(
        self,
        content: str,
        questions: Questions,
        answer: Answer | None,
        open_: dict[str, tuple[Questions, Ask]],
        found: dict[str, Status],
    ) -> None:
        try:
            open_[content] = (questions, next(questions) if answer is None else questions.send(answer))
        except StopIteration as end:
            open_.pop(content, None)
            found[content] = end.value
        except Exception as error:
            # Of what a host may have written, the library may make anything; it must not end the run for all.
            open_.pop(content, None)
            found[content] = Status(UNKNOWN, problem=f"the certificate cannot be read ({one_line(error, 200)})")

    def _fetch(self, asks: Sequence[Ask]) -> None:
        new = [ask for ask in dict.fromkeys(asks) if ask not in self._answers]
        answers = side_by_side(self._answer, new, self._connections, self._deadline)
        late = f"did not answer within {self._deadline.seconds:g} s, which all have together"
        self._answers.update({ask: answers.get(ask) or Answer(problem=f"{ask.url} {late}") for ask in new})

    def _answer(self, ask: Ask) -> Answer:
        kept = self._cache.get(ask.key, self._largest)
        if kept and kept[1] and not ask.fresh:
            return Answer(kept[0], kept=True)
        try:
            return Answer(self._ask(ask))
        except StatusError as error:
            # What is older than is liked, and may hold nevertheless.
            return Answer(kept[0], str(error), kept=True) if kept and not ask.fresh else Answer(problem=str(error))
        except Exception as error:  # else it would be waited for until the end
            return Answer(problem=f"{one_line(ask.url, 200)} cannot be asked ({one_line(error, 200)})")

    def _ask(self, ask: Ask) -> bytes:
        if ask.kind == CRL:
            return self._fetcher.crl(ask.url)
        return self._fetcher.ocsp(ask.url, ask.request) if ask.kind == OCSP else self._fetcher.issuer(ask.url)

    def keep(self) -> str:
        """Keep what was worth it. Gives what went wrong, in words."""
        for ask, answer in self._answers.items():
            if answer.good and not answer.kept:
                self._cache.put(ask.key, answer.data)
        self._cache.tidy()
        return self._cache.problem
