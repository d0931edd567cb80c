# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renewal information: when the CA would have a certificate renewed (ARI, RFC 9773)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..pki.text import one_line
from .errors import AcmeError, ProblemError, ProtocolError, TransportError
from .http import Http, Response, check_url, is_transient
from .polling import Deadline
from .problem import Problem
from .renewal_cache import Cached, RenewalCache
from .times import parse_time

# RFC 9773 section 4.3: never below a minute nor above a day; six hours where nothing is said.
_SHORTEST, _LONGEST, _USUAL = 60.0, 86400.0, 6 * 3600.0
# Seconds for all the questions of a run: some to begin with, and for each certificate.
_PATIENCE, _PATIENCE_EACH = 30.0, 0.1

_WAITS = "the CA asked not to be asked again so soon"


@dataclass(frozen=True)
class RenewalInfo:
    """The window that the CA suggests, in UTC, and why if it says so."""

    start: datetime
    end: datetime
    explanation_url: str = ""
    retry_after: float | None = None

    @classmethod
    def of_answer(cls, answer: Response, now: datetime) -> RenewalInfo:
        """Read the CA's answer. Raises ProblemError or ProtocolError."""
        if answer.status != 200:
            raise ProblemError(Problem.of_response(answer.status, answer.body), "renewal information")
        return cls.parse(answer.json(), answer.retry_after(now))

    @classmethod
    def parse(cls, document: Mapping[str, Any], retry_after: float | None = None) -> RenewalInfo:
        """Raises ProtocolError for a window that is none (RFC 9773 section 4.2: then the lifetime rule holds)."""
        window = document.get("suggestedWindow")
        if not isinstance(window, Mapping):
            raise ProtocolError("renewal information without a suggestedWindow")
        start, end = parse_time(window.get("start")), parse_time(window.get("end"))
        if end <= start:
            raise ProtocolError("renewal information whose window ends before it starts")
        return cls(start, end, one_line(document.get("explanationURL") or "", 300), retry_after)

    def instant(self, ari_id: str, interval: timedelta = timedelta(0)) -> datetime:
        """When in the window this certificate is renewed: uniform over certificates, the same in every run.

        *interval*: how often the job runs, if that is known: the instant leaves as much of the window for the next run.
        """
        share = int.from_bytes(hashlib.sha256(ari_id.encode()).digest()[:8], "big") / 2**64
        return self.start + max(self.end - self.start - interval, timedelta(0)) * share

    def is_open(self, now: datetime) -> bool:
        """Whether *now* lies in the window."""
        return self.start <= now < self.end


def ask_all(
    http: Http, base_url: str, ari_ids: Sequence[str], connections: int, cache: RenewalCache | None = None
) -> tuple[dict[str, RenewalInfo], list[str]]:
    """Ask about many certificates at once: what is known of each, and a warning for the rest.

    Nothing is asked again before the CA's Retry-After, as far as *cache* knows of it. A CA that is down, has had too
    many requests or is slow is not asked on and on: what is left of the certificates is not asked about.
    """
    cache = cache or RenewalCache()
    deadline = Deadline(http.clock, _PATIENCE + _PATIENCE_EACH * len(ari_ids))
    given_up: list[str] = []

    def one(ari_id: str) -> RenewalInfo | str:
        known = cache.get(base_url, ari_id, http.clock.now())
        if known:
            return RenewalInfo(known.start, known.end, known.explanation_url) if known.start and known.end else _WAITS
        if given_up or not deadline.left():
            return given_up[0] if given_up else f"{base_url} is slow"
        try:
            answer = ask(http, base_url, ari_id)
            if is_transient(answer.status):
                given_up.append(
                    str(ProblemError(Problem.of_response(answer.status, answer.body), "renewal information"))
                )
            pause = answer.retry_after(http.clock.now())
            if pause is not None and answer.status != 200:
                cache.put(base_url, ari_id, Cached(_until(http, pause)))
            info = RenewalInfo.of_answer(answer, http.clock.now())
        except TransportError as error:
            given_up.append(str(error))
            return str(error)
        except AcmeError as error:
            return str(error)
        cache.put(base_url, ari_id, Cached(_until(http, info.retry_after), info.start, info.end, info.explanation_url))
        return info

    with ThreadPoolExecutor(max_workers=connections) as pool:
        answers = dict(zip(ari_ids, pool.map(one, ari_ids)))
    found = {ari_id: answer for ari_id, answer in answers.items() if isinstance(answer, RenewalInfo)}
    troubles = [answer for answer in answers.values() if isinstance(answer, str)]
    if not troubles:
        return found, []
    return found, [
        f"no renewal information for {len(troubles)} of {len(answers)} certificates ({troubles[0]}): "
        "their lifetime decides when they are renewed"
    ]


def ask(http: Http, base_url: str, ari_id: str) -> Response:
    """Unsigned (RFC 9773 section 4.1); patience is not worth it, as the lifetime rule decides otherwise."""
    return http.get(check_url(f"{base_url.rstrip('/')}/{ari_id}"), attempts=2)


def _until(http: Http, retry_after: float | None) -> datetime:
    """Until when the CA is not asked again."""
    pause = _USUAL if retry_after is None else min(max(retry_after, _SHORTEST), _LONGEST)
    return http.clock.now() + timedelta(seconds=pause)
