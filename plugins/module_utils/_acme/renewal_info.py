# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renewal information: when the CA suggests to renew a certificate (ARI, RFC 9773), and a cache of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .._common.deadline import Deadline
from .._common.entry_file import EntryFile
from .._common.errors import OptionError
from .._common.names import ARI_ID
from .._common.text import one_line
from .._common.times import parse_time
from .errors import ProblemError, ProtocolError, TransportError
from .http import Http, Response
from .problem import Problem
from .retry import is_retryable

# RFC 9773 section 4.3: between a minute and a day; six hours without Retry-After.
_SHORTEST, _LONGEST, _USUAL = 60.0, 86400.0, 6 * 3600.0
# Seconds for all requests of a run: a base, and more for each certificate.
_PATIENCE, _PATIENCE_EACH = 30.0, 0.1
_LONGEST_QUESTION = 10.0  # seconds
# For a CA that is down, the last known window is used for so long.
_LAST_KNOWN = timedelta(days=30)
# If so many requests fail before one succeeds, the CA is down.
_FRUITLESS = 30

_CACHE_FILE = "renewal-info.json"
_WAITS = "the CA asks for a longer pause between requests"


@dataclass(frozen=True)
class RenewalInfo:
    """The window that the CA suggests (aware UTC datetimes), and the URL of an explanation, if there is one."""

    start: datetime
    end: datetime
    explanation_url: str = ""

    @classmethod
    def of_answer(cls, answer: Response) -> RenewalInfo:
        """Parse the CA's answer. Raises ProblemError, ProtocolError."""
        if answer.status != 200:
            raise ProblemError(Problem.of_response(answer.status, answer.body), "renewal information")
        return cls.parse(answer.json())

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> RenewalInfo:
        """Parse renewal information. Raises ProtocolError for an invalid window (RFC 9773 section 4.2)."""
        window = document.get("suggestedWindow")
        if not isinstance(window, Mapping):
            raise ProtocolError("renewal information without a suggestedWindow")
        try:
            start, end = parse_time(window.get("start")), parse_time(window.get("end"))
        except OptionError as error:
            raise ProtocolError(error) from None
        if end <= start:
            raise ProtocolError("renewal information whose window ends before it starts")
        return cls(start, end, one_line(document.get("explanationURL") or "", 300))

    def instant(self, ari_id: str, interval: timedelta = timedelta(0)) -> datetime:
        """Return the instant in the window to renew this certificate: random by its id, and the same in each run.

        *interval*: how often the job runs, if that is known. The instant is at least that long before the end.
        """
        share = int.from_bytes(hashlib.sha256(ari_id.encode()).digest()[:8], "big") / 2**64
        return self.start + max(self.end - self.start - interval, timedelta(0)) * share

    def is_open(self, now: datetime) -> bool:
        """Return True if *now* is in the window."""
        return self.start <= now < self.end


@dataclass(frozen=True)
class Cached:
    """An answer, and until when no new request is sent. info: None if the CA only asked for a pause."""

    until: datetime
    info: RenewalInfo | None = None

    @classmethod
    def of_json(cls, entry: Mapping[str, str]) -> Cached:
        """Return an entry of the cache's file. Raises OptionError, TypeError, KeyError."""
        info = None
        if entry["start"]:
            info = RenewalInfo(parse_time(entry["start"]), parse_time(entry["end"]), str(entry["explanation_url"]))
        return cls(parse_time(entry["until"]), info)

    def to_json(self) -> dict[str, str | None]:
        """Return it as an entry of the cache's file."""
        return {
            "until": self.until.isoformat(),
            "start": self.info.start.isoformat() if self.info else None,
            "end": self.info.end.isoformat() if self.info else None,
            "explanation_url": self.info.explanation_url if self.info else "",
        }


class RenewalCache:
    """Answers by URL: until the CA allows the next request (RFC 9773 section 4.3), and later while it does not answer.

    They are in a folder of the controller; only in memory if there is no folder. An entry that is missing or damaged
    only costs a request.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._file = EntryFile(folder, _CACHE_FILE)
        self._entries = self._file.read(Cached.of_json)
        self._changed = False

    def get(self, url: str, now: datetime) -> Cached | None:
        """Return the entry, if there is one that is still valid."""
        entry = self._entries.get(url)
        return entry if entry and now < entry.until else None

    def last_known(self, ari_ids: Iterable[str]) -> dict[str, RenewalInfo]:
        """Return the windows that their CAs gave last, by ARI id, however long ago that was."""
        by_id = {url.rpartition("/")[2]: entry.info for url, entry in self._entries.items() if entry.info}
        return {ari_id: by_id[ari_id] for ari_id in ari_ids if ari_id in by_id}

    def put(self, url: str, entry: Cached) -> None:
        """Keep an answer. One without a window keeps the last known one."""
        before = self._entries.get(url)
        self._entries[url] = replace(entry, info=entry.info or (before.info if before else None))
        self._changed = True

    def save(self, now: datetime) -> str:
        """Write the entries that may be of use. Return an error message, or an empty text."""
        if not self._changed:
            return ""
        entries = {
            url: entry.to_json()
            for url, entry in self._entries.items()
            if now < entry.until + (_LAST_KNOWN if entry.info else timedelta(0))
        }
        return self._file.write(entries)


def ask_all(
    http: Http, base_url: str, ari_ids: Sequence[str], connections: int, cache: RenewalCache | None = None
) -> tuple[dict[str, RenewalInfo], list[str]]:
    """Return the renewal information of many certificates by ARI id, and warnings about the others.

    *cache* has answers, and when the CA allows the next request. Hosts choose their ids, so no failure of one request
    affects others. If many fail before one succeeds, or the time is over, the CA is taken to be down, and no other
    request is sent. The last known window is better than none.
    """
    deadline = Deadline(http.clock, _PATIENCE + _PATIENCE_EACH * len(ari_ids))
    cache = cache or RenewalCache()
    questions = _Questions(http, base_url, cache, deadline)
    # In random order: no host can choose ids that all come first.
    mixed = sorted(ari_ids, key=lambda _ari_id: http.clock.chance())
    with ThreadPoolExecutor(max_workers=connections) as pool:
        answers = dict(zip(mixed, pool.map(questions.ask, mixed)))
    problems = {ari_id: problem for ari_id, problem in answers.items() if isinstance(problem, str)}
    last = cache.last_known(problems)
    found = {ari_id: last.get(ari_id) if ari_id in problems else answers[ari_id] for ari_id in ari_ids}
    known = {ari_id: info for ari_id, info in found.items() if isinstance(info, RenewalInfo)}
    if not problems:
        return known, []
    deciding = "their lifetime decides when they are renewed"
    if last:
        deciding = f"{deciding}, but for {len(last)} of them the window that the CA gave last"
    why = next(iter(problems.values()))
    return known, [f"no renewal information for {len(problems)} of {len(answers)} certificates ({why}): {deciding}"]


class _Questions:
    """The requests of a run to one CA, sent by several threads."""

    def __init__(self, http: Http, base_url: str, cache: RenewalCache, deadline: Deadline) -> None:
        self._http = http
        self._base_url = base_url
        self._cache = cache
        self._deadline = deadline
        self._failed: list[str] = []
        self._answered = False

    def ask(self, ari_id: str) -> RenewalInfo | str:
        """Return the renewal information of a certificate, or why there is none. Raises nothing."""
        known = self._cache.get(_url(self._base_url, ari_id), self._http.clock.now())
        if known:
            return known.info or _WAITS
        if len(self._failed) >= _FRUITLESS and not self._answered:
            return self._failed[-1]
        if not self._deadline.left():
            return f"{one_line(self._base_url, 200)} did not answer in time"
        try:
            return self._request(ari_id)
        except TransportError as error:
            self._failed.append(str(error))
            return str(error)
        except Exception as error:
            # A malformed answer must not end the other requests.
            return one_line(error) or type(error).__name__

    def _request(self, ari_id: str) -> RenewalInfo:
        clock = self._http.clock
        time = min(_LONGEST_QUESTION, self._deadline.left())
        answer = ask(self._http, self._base_url, ari_id, Deadline(clock, time))
        retry_after, retryable = answer.retry_after(clock.now()), is_retryable(answer.status)
        self._answered = self._answered or not retryable
        try:
            info = RenewalInfo.of_answer(answer)
        except ProblemError as error:
            if retryable:
                self._failed.append(str(error))
            if retry_after is not None:
                self._put(ari_id, retry_after)
            raise
        self._put(ari_id, retry_after, info)
        return info

    def _put(self, ari_id: str, retry_after: float | None, info: RenewalInfo | None = None) -> None:
        """Keep an answer for as long as the CA asks for; None for one without a window."""
        pause = _USUAL if retry_after is None else min(max(retry_after, _SHORTEST), _LONGEST)
        until = self._http.clock.now() + timedelta(seconds=pause)
        self._cache.put(_url(self._base_url, ari_id), Cached(until, info))


def ask(http: Http, base_url: str, ari_id: str, deadline: Deadline | None = None) -> Response:
    """Send an unsigned request (RFC 9773 section 4.1), repeated once: without an answer, the lifetime decides.

    Raises ProtocolError for a malformed id, TransportError.
    """
    if not ARI_ID.fullmatch(ari_id):
        raise ProtocolError(f"'{one_line(ari_id, 60)}' is not an ARI certificate id (RFC 9773 section 4.1)")
    return http.get(_url(base_url, ari_id), attempts=2, deadline=deadline)


def _url(base_url: str, ari_id: str) -> str:
    return f"{base_url.rstrip('/')}/{ari_id}"
