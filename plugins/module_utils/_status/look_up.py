# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of many certificates at once: each question is asked once, whoever has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .._common.clock import Clock
from .._common.deadline import Deadline
from .._common.text import one_line
from .cache import StatusCache
from .consultation import Consultation, Fetched, Question, consult
from .fetch import Fetcher
from .revocation_status import CRL, OCSP, UNKNOWN, RevocationStatus, StatusError
from .workers import Workers

#: Bytes of a CRL; seconds for which an answer is taken from the cache.
LARGEST, MAX_AGE = 20 * 1024 * 1024, 6 * 3600
_CONNECTIONS = 8
# For all the questions of a run: times the longest answer, as some come after others, and seconds for each certificate.
_PATIENCE, _PATIENCE_EACH = 3, 0.1


@dataclass(frozen=True)
class LookUpOptions:
    """How the status of certificates is looked up.

    cache: a folder, or None. ca_path: roots for places that are https. timeout: seconds for each answer. largest: bytes
    of a CRL. max_age: seconds for which an answer is taken from the cache.
    """

    cache: str | None
    ca_path: str | None
    timeout: float
    largest: int = LARGEST
    max_age: float = MAX_AGE


def look_up(contents: Sequence[str], clock: Clock, options: LookUpOptions) -> tuple[list[RevocationStatus], str]:
    """Return the status of each certificate, PEM with its chain, and why answers could not be kept, if so.

    Raises AcmeError for a bad ca_path.
    """
    fetcher = Fetcher(clock, options.largest, options.ca_path, options.timeout, _CONNECTIONS)
    deadline = Deadline(clock, _PATIENCE * options.timeout + _PATIENCE_EACH * len(contents))
    run = LookUp(fetcher, StatusCache(clock, options.cache, options.max_age), deadline, options.largest)
    try:
        return run.find_all(contents, clock.now()), run.save()
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
        self._answers: dict[Question, Fetched] = {}

    def find_all(self, contents: Sequence[str], now: datetime) -> list[RevocationStatus]:
        """The status of each certificate, PEM with its chain. None that cannot be told keeps another from it."""
        runs = {content: _LookUpRun(consult(content, now)) for content in contents}
        workers = Workers(self._answer, self._connections, self._deadline)
        waiting: dict[Question, list[_LookUpRun]] = {}

        def proceed(run: _LookUpRun) -> None:
            while run.question and run.question in self._answers:
                run.proceed(self._answers[run.question])
            if run.question:
                if run.question not in waiting:
                    workers.add(run.question)
                waiting.setdefault(run.question, []).append(run)

        for run in runs.values():
            proceed(run)
        while waiting:
            done = workers.next()
            if done is None:
                break
            question, answer = done
            self._answers[question] = answer
            for run in waiting.pop(question):
                proceed(run)
        workers.end()
        late = f"did not answer within {self._deadline.seconds:g} s, which all have together"
        for run in [run for waiters in waiting.values() for run in waiters]:
            while run.question:
                run.proceed(self._answers.get(run.question) or Fetched(problem=f"{run.question.url} {late}"))
        return [runs[content].status for content in contents]

    def _answer(self, question: Question) -> Fetched:
        kept = self._cache.get(question.key, self._largest)
        if kept and kept[1] and not question.fresh:
            return Fetched(kept[0], is_cached=True)
        try:
            return Fetched(self._fetch(question))
        except StatusError as error:
            if kept and not question.fresh:
                return Fetched(kept[0], str(error), is_cached=True)  # older than max_age, and perhaps still valid
            return Fetched(problem=str(error))
        except Exception as error:  # else it would be waited for until the end
            return Fetched(problem=f"{one_line(question.url, 200)} cannot be asked ({one_line(error, 200)})")

    def _fetch(self, question: Question) -> bytes:
        if question.kind == CRL:
            return self._fetcher.crl(question.url)
        if question.kind == OCSP:
            return self._fetcher.ocsp(question.url, question.request)
        return self._fetcher.issuer(question.url)

    def save(self) -> str:
        """Keep what was worth it. Gives what went wrong, in words."""
        for question, answer in self._answers.items():
            if answer.is_good and not answer.is_cached:
                self._cache.put(question.key, answer.data)
        self._cache.remove_old()
        return self._cache.problem


class _LookUpRun:
    """One certificate's questions. ask: the one to be answered next, none when the status is known."""

    def __init__(self, questions: Consultation) -> None:
        self._questions = questions
        self.question: Question | None = None
        self.status = RevocationStatus(UNKNOWN)
        self.proceed(None)

    def proceed(self, answer: Fetched | None) -> None:
        """Take the answer to the question, or begin."""
        try:
            self.question = next(self._questions) if answer is None else self._questions.send(answer)
        except StopIteration as end:
            self.question, self.status = None, end.value
        except Exception as error:
            # Of what a host may have written, the library may make anything; it must not end the run for all.
            problem = f"the certificate cannot be read ({one_line(error, 200)})"
            self.question, self.status = None, RevocationStatus(UNKNOWN, problem=problem)
