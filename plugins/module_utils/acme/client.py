# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signed requests: a nonce and a signature over a plain request, repeated where it helps (RFC 8555 section 6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .directory import Directory
from .errors import ProblemError, ProtocolError, TransportError
from .http import Http, Response, check_url, is_transient
from .jws import AccountKey
from .nonce import NoncePool
from .problem import Problem

_JOSE = {"Content-Type": "application/jose+json"}  # RFC 8555 section 6.2
# A nonce costs nothing but a round trip, so a server that forgets half of them is borne with;
# one that refuses this many in a row is broken.
_BAD_NONCES = 25
_ATTEMPTS = 6


class Client:
    """An account key's voice at one CA. Safe to share between threads: all use one session and one pool of nonces."""

    def __init__(self, http: Http, directory: Directory, key: AccountKey, connections: int = 1) -> None:
        """*connections* is how many signed requests may be under way at once."""
        self.http = http
        self.clock = http.clock
        self.directory = directory
        self.key = key
        #: The account URL, once known; it is the kid of every request but newAccount.
        self.account_uri: str | None = None
        self._nonces = NoncePool(self._new_nonce, connections)

    def post(self, url: str, payload: Mapping[str, Any], what: str, with_jwk: bool = False) -> Response:
        """Post a signed object. *what* is attempted, in a few words, goes into the ProblemError of a refusal.

        *with_jwk* sends the public key itself instead of the account URL (newAccount, and revokeCert by another key).
        """
        return self._signed(url, json.dumps(payload).encode(), what, with_jwk)

    def post_as_get(self, url: str, what: str) -> Response:
        """Read a resource: a signed post of nothing (RFC 8555 section 6.3)."""
        return self._signed(url, b"", what, with_jwk=False)

    def _signed(self, url: str, payload: bytes, what: str, with_jwk: bool) -> Response:
        check_url(url)
        attempt = bad_nonces = 0
        while True:
            try:
                answer = self._signed_once(url, payload, None if with_jwk else self.account_uri)
            except TransportError:
                attempt += 1
                if attempt >= _ATTEMPTS:
                    raise
                self.clock.sleep(self.clock.pause(attempt))
                continue
            if answer.status < 400:
                return answer
            problem = Problem.of_response(answer.status, answer.body)
            # RFC 8555 section 6.5: by the problem's type; with the nonce this answer brought, and a new signature.
            if problem.type == "badNonce" and bad_nonces < _BAD_NONCES:
                bad_nonces += 1
                continue
            attempt += 1
            pause = self.http.pause_for(answer, attempt) if is_transient(answer.status) else None
            if pause is None or attempt >= _ATTEMPTS or _is_final(problem):
                raise ProblemError(problem, what, self.http.retry_at(answer))
            self.clock.sleep(pause)

    def _signed_once(self, url: str, payload: bytes, kid: str | None) -> Response:
        nonce = self._nonces.take()
        replay_nonce = None
        try:
            answer = self.http.request_once("POST", url, self.key.sign(url, payload, nonce, kid), _JOSE)
            replay_nonce = answer.headers.get("Replay-Nonce")
            return answer
        finally:
            self._nonces.give(replay_nonce)

    def _new_nonce(self) -> str:
        # RFC 8555 section 7.2
        answer = self.http.get(self.directory.new_nonce, method="HEAD")
        nonce = answer.headers.get("Replay-Nonce")
        if is_transient(answer.status):
            problem = Problem(type="rateLimited" if answer.status in (429, 503) else "serverInternal")
            raise ProblemError(problem, "newNonce", self.http.retry_at(answer))
        if not nonce:
            raise ProtocolError(f"{self.directory.new_nonce} gave no nonce (HTTP {answer.status})")
        return nonce


def _is_final(problem: Problem) -> bool:
    # A rate limit counts in hours: asking again at once only counts further (RFC 8555 section 6.6).
    return problem.type == "rateLimited"
