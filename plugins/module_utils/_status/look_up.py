# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking up the revocation status of many certificates side by side. Each question is asked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .._common.clock import Clock
from .._common.deadline import Deadline
from .._common.text import one_line
from .._common.threads import Workers
from .cache import StatusCache
from .consultation import Consultation, Fetched, Question, consult
from .fetch import CONNECTIONS, Fetcher
from .revocation_status import CRL, OCSP, UNKNOWN, RevocationStatus, StatusError

#: Bytes of a CRL; seconds for which an answer is taken from the cache.
LARGEST, MAX_AGE = 20 * 1024 * 1024, 6 * 3600
# The time for all questions of a run: times the limit of an answer, as some follow others, and seconds for each
# certificate.
_PATIENCE, _PATIENCE_EACH = 3, 0.1


@dataclass(frozen=True)
class LookUpOptions:
    """Options of a look-up.

    cache: a folder, or None. ca_path: roots for https URLs. timeout: seconds for each answer. largest: bytes
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
    fetcher = Fetcher(clock, options.largest, options.ca_path, options.timeout)
    deadline = Deadline(clock, _PATIENCE * options.timeout + _PATIENCE_EACH * len(contents))
    run = LookUp(fetcher, StatusCache(clock, options.cache, options.max_age), deadline)
    try:
        return run.find_all(contents, clock.now()), run.save()
    finally:
        fetcher.close()


class LookUp:
    """A look-up for many certificates. It asks each question once."""

    def __init__(self, fetcher: Fetcher, cache: StatusCache, deadline: Deadline) -> None:
        self._fetcher = fetcher
        self._cache = cache
        self._deadline = deadline
        self._answers: dict[Question, Fetched] = {}

    def find_all(self, contents: Sequence[str], now: datetime) -> list[RevocationStatus]:
        """Return the status of each certificate, PEM with its chain. A failure of one does not affect others."""
        runs = {content: _LookUpRun(consult(content, now)) for content in contents}
        workers = Workers(self._answer, CONNECTIONS, self._deadline)
        waiting: dict[Question, list[_LookUpRun]] = {}

        def proceed(run: _LookUpRun) -> None:
            while run.question and run.question in self._answers:
                run.proceed(self._answers[run.question])
            if run.question:
                workers.add(run.question)
                waiting.setdefault(run.question, []).append(run)

        for run in runs.values():
            proceed(run)
        for question, answer in iter(workers.next, None):
            self._answers[question] = answer
            for run in waiting.pop(question):
                proceed(run)
        workers.end()
        late = f"did not answer within {self._deadline.seconds:g} s, the time limit for all certificates"
        for run in [run for waiters in waiting.values() for run in waiters]:
            while run.question:
                run.proceed(self._answers.get(run.question) or Fetched(problem=f"{run.question.url} {late}"))
        return [runs[content].status for content in contents]

    def _answer(self, question: Question) -> Fetched:
        kept = self._cache.get(question.key, self._fetcher.largest)
        if kept and kept[1] and not question.fresh:
            return Fetched(kept[0], is_cached=True)
        try:
            return Fetched(self._fetch(question))
        except StatusError as error:
            if kept and not question.fresh:
                return Fetched(kept[0], str(error), is_cached=True)  # older than max_age, and perhaps still valid
            return Fetched(problem=str(error))
        except Exception as error:  # otherwise the run would wait for it until the deadline
            return Fetched(problem=f"{one_line(question.url, 200)} cannot be asked ({one_line(error, 200)})")

    def _fetch(self, question: Question) -> bytes:
        if question.kind == CRL:
            return self._fetcher.crl(question.url)
        if question.kind == OCSP:
            return self._fetcher.ocsp(question.url, question.request)
        return self._fetcher.issuer(question.url)

    def save(self) -> str:
        """Write verified answers to the cache. Return an error message, or an empty text."""
        for question, answer in self._answers.items():
            if answer.is_good and not answer.is_cached:
                self._cache.put(question.key, answer.data)
        self._cache.remove_old()
        return self._cache.problem


class _LookUpRun:
    """The questions of one certificate. question: the next one; None once the status is known."""

    def __init__(self, questions: Consultation) -> None:
        self._questions = questions
        self.question: Question | None = None
        self.status = RevocationStatus(UNKNOWN)
        self.proceed(None)

    def proceed(self, answer: Fetched | None) -> None:
        """Pass the answer to the question; None to begin."""
        try:
            self.question = next(self._questions) if answer is None else self._questions.send(answer)
        except StopIteration as end:
            self.question, self.status = None, end.value
        except Exception as error:
            # The library may raise anything for what a host sent; that must not end the run for all.
            problem = f"the certificate cannot be read ({one_line(error, 200)})"
            self.question, self.status = None, RevocationStatus(UNKNOWN, problem=problem)
