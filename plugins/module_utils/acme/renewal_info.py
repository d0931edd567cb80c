# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renewal information: when the CA would have a certificate renewed (ARI, RFC 9773)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .errors import AcmeError, ProblemError, ProtocolError
from .http import Http, check_url
from .problem import Problem, one_line


@dataclass(frozen=True)
class RenewalInfo:
    """The window that the CA suggests, in UTC, and why if it says so."""

    start: datetime
    end: datetime
    explanation_url: str = ""
    retry_after: float | None = None

    @classmethod
    def fetch(cls, http: Http, base_url: str, ari_id: str) -> RenewalInfo:
        """Ask, unsigned (RFC 9773 section 4.1); patience is not worth it, as the lifetime rule decides otherwise."""
        url = f"{base_url.rstrip('/')}/{ari_id}"
        answer = http.get(check_url(url), attempts=2)
        if answer.status != 200:
            raise ProblemError(Problem.of_response(answer.status, answer.body), "renewal information")
        return cls.parse(answer.json(), answer.retry_after(http.clock.now()))

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

    def instant(self, ari_id: str) -> datetime:
        """When in the window this certificate is renewed: uniform over certificates, the same in every run."""
        share = int.from_bytes(hashlib.sha256(ari_id.encode()).digest()[:8], "big") / 2**64
        return self.start + (self.end - self.start) * share


def ask_all(
    http: Http, base_url: str, ari_ids: Sequence[str], connections: int
) -> tuple[dict[str, datetime], list[str]]:
    """Ask about many certificates at once: the instant of each that is answered for, and a warning for the rest."""

    def ask(ari_id: str) -> datetime | str:
        try:
            return RenewalInfo.fetch(http, base_url, ari_id).instant(ari_id)
        except AcmeError as error:
            return str(error)

    with ThreadPoolExecutor(max_workers=connections) as pool:
        answers = dict(zip(ari_ids, pool.map(ask, ari_ids)))
    instants = {ari_id: answer for ari_id, answer in answers.items() if isinstance(answer, datetime)}
    troubles = [answer for answer in answers.values() if isinstance(answer, str)]
    if not troubles:
        return instants, []
    return instants, [
        f"no renewal information for {len(troubles)} of {len(answers)} certificates ({troubles[0]}): "
        "their lifetime decides when they are renewed"
    ]


def parse_time(value: object) -> datetime:
    """An RFC 3339 time as aware UTC, cut to microseconds. Raises ProtocolError."""
    text = str(value).strip().upper().replace("Z", "+00:00")
    whole, point, fraction = text.partition(".")
    if point:
        digits = len(fraction) - len(fraction.lstrip("0123456789"))
        text = f"{whole}.{fraction[:digits][:6]:0<6}{fraction[digits:]}"
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ProtocolError(f"'{one_line(value, 60)}' has no time zone")
        return instant.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ProtocolError(f"'{one_line(value, 60)}' is not an RFC 3339 time") from None
