# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signed requests, each with a nonce (RFC 8555 section 6). Requests that fail temporarily are repeated."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .._common.deadline import Deadline
from .concurrency import Connections
from .directory import Directory
from .errors import (
    DeadlineError,
    ProblemError,
    ProtocolError,
    SilentError,
    TransportError,
    UnreadableError,
    UntrustedError,
)
from .http import Http, Response
from .jws import AccountKey
from .nonce import Nonce, NoncePool
from .problem import Problem
from .retry import MOST_SILENT, Retry, is_retryable, is_too_late
from .urls import resolve

JOSE = {"Content-Type": "application/jose+json"}  # RFC 8555 section 6.2
_NONCE = re.compile(r"[A-Za-z0-9_-]+")
_NO_NONCE = "{0.url} returned no nonce (HTTP {0.status})"
# A nonce costs only a round trip, so a server that forgets half of them is tolerated;
# one that refuses this many in a row is broken.
_BAD_NONCES = 25
_ATTEMPTS = 6
# Seconds for a request whose answer is for a message or decides how to go on after a failure.
_PATIENCE = 30.0

#: Raise UnreadableError for an answer that is not what was asked for.
Verify = Callable[[Response], object]


class Client:
    """Send requests to one CA, signed by one account key. Threads may share it, with its session and its nonces."""

    def __init__(
        self, http: Http, directory: Directory, key: AccountKey, connections: Connections | None = None
    ) -> None:
        """*connections*: how many signed requests may be sent at the same time; by default one."""
        self.http = http
        self.clock = http.clock
        self.directory = directory
        self.key = key
        #: The account URL, once known: the kid of all requests but newAccount.
        self.account_uri: str | None = None
        #: The draft of dns-persist-01 to follow; None: that of the CA's challenge.
        self.persist_draft: str | None = None
        self._nonces = NoncePool(self._new_nonce, http.clock, connections or Connections())
        self._deadline: Deadline | None = None

    def within(self, deadline: Deadline) -> Client:
        """Return a client with the same nonces that repeats no request after *deadline*."""
        bound = copy.copy(self)
        bound._deadline = deadline
        return bound

    def patient(self) -> Client:
        """Return a client with a short time limit of its own, to find out more about a failure after the deadline."""
        return self.within(Deadline(self.clock, _PATIENCE))

    def refuse_late(self, what: str) -> None:
        """Raise DeadlineError if the deadline has passed. For loops whose length the CA decides."""
        if self._deadline is not None and not self._deadline.left():
            raise DeadlineError(f"{what}: no time was left for it after {self._deadline.passed():g} s")

    def with_key(self, key: AccountKey) -> Client:
        """Return a client with another key and the same nonces; the key's account is not known yet."""
        other = copy.copy(self)
        other.key = key
        other.account_uri = None
        return other

    def post(
        self,
        url: str,
        payload: Mapping[str, Any],
        what: str,
        with_jwk: bool = False,
        no_retry: Collection[int] = (),
        verify: Verify | None = None,
    ) -> Response:
        """Post a signed object. *what*: the request in a few words, for the message of an error.

        *with_jwk*: send the public key instead of the account URL (newAccount, and revokeCert by a certificate's key).
        *no_retry*: HTTP statuses after which the request is not repeated. *verify*: after an answer that it refuses,
        such as a maintenance page, the request is repeated, so the CA may get it twice.
        """
        return self._signed(_Signed(url, json.dumps(payload).encode(), what, with_jwk, no_retry, verify))

    def post_as_get(self, url: str, what: str, verify: Verify = Response.json) -> Response:
        """Read a resource with a signed POST without payload (RFC 8555 section 6.3). *verify*: as for post()."""
        return self._signed(_Signed(url, b"", what, verify=verify))

    def created_url(self, answer: Response, resource: str) -> str:
        """Return the URL of a new *resource*, from the answer's Location. Raises ProtocolError."""
        location = answer.headers.get("Location")
        if not location:
            raise ProtocolError(f"{answer.url} returned no {resource} URL")
        return self.http.verify_url(resolve(location, answer.url))

    def _signed(self, asked: _Signed) -> Response:
        self.http.verify_url(asked.url)
        # A CA that hangs from the beginning must not cost minutes, and each step of a run.
        most_silent = {self.directory.new_account: 1, self.directory.new_order: MOST_SILENT}
        retry = Retry(self.clock, _ATTEMPTS, self._deadline, most_silent.get(asked.url, _ATTEMPTS))
        bad_nonces = 0
        while True:
            nonce = self._nonces.take(self._deadline)  # outside of try: it has its own retries
            try:
                answer = self._signed_once(asked, nonce)
                if answer.status < 300:
                    if asked.verify:
                        asked.verify(answer)
                    return answer
                if answer.status < 400:
                    raise _redirected(answer)
            except (TransportError, ProtocolError) as error:
                if not _is_repeatable(error) or not retry.wait(is_silent=isinstance(error, SilentError)):
                    raise type(error)(f"{asked.what}: {error}") from None
                continue
            problem = Problem.of_response(answer.status, answer.body, answer.links("terms-of-service"))
            # RFC 8555 section 6.5: recognized by the problem's type; sent again with a new nonce, from this answer.
            if problem.type == "badNonce" and bad_nonces < _BAD_NONCES and not is_too_late(0.0, self._deadline):
                bad_nonces += 1
                continue
            retryable = is_retryable(answer.status) and answer.status not in asked.no_retry and not _is_final(problem)
            if not retryable or not retry.wait(answer.retry_after(self.clock.now())):
                raise ProblemError(problem, asked.what, self.http.retry_at(answer), retry.has_failed)

    def _signed_once(self, asked: _Signed, nonce: Nonce) -> Response:
        replay_nonce = None
        try:
            kid = None if asked.with_jwk else self.account_uri
            data = self.key.sign(asked.url, asked.payload, nonce.text, kid)
            answer = self.http.request_once("POST", asked.url, data, JOSE, self._deadline)
            replay_nonce = _nonce_of(answer)
            return answer
        finally:
            self._nonces.give(nonce, replay_nonce)

    def _new_nonce(self, deadline: Deadline | None) -> str:
        return fetch_nonce(self.http, self.directory, deadline)


def fetch_nonce(http: Http, directory: Directory, deadline: Deadline | None = None) -> str:
    """Return a new nonce of a CA (RFC 8555 section 7.2)."""
    try:
        answer = http.get(directory.new_nonce, method="HEAD", deadline=deadline, verify=_verify_nonce, most_silent=1)
    except (TransportError, UnreadableError) as error:
        raise type(error)(f"newNonce: {error}") from None
    nonce = _nonce_of(answer)
    if is_retryable(answer.status):
        # An answer to HEAD has no body, and so no problem document.
        kind = "rateLimited" if answer.status in (429, 503) else "serverInternal"
        problem = Problem(kind, f"HTTP {answer.status}", answer.status)
        raise ProblemError(problem, "newNonce", http.retry_at(answer))
    if not nonce:
        raise ProtocolError(_NO_NONCE.format(answer))
    return nonce


@dataclass(frozen=True)
class _Signed:
    """A request to be signed. payload: its bytes; the others: as for Client.post()."""

    url: str
    payload: bytes
    what: str
    with_jwk: bool = False
    no_retry: Collection[int] = ()
    verify: Verify | None = None


def _is_repeatable(error: TransportError | ProtocolError) -> bool:
    """Return True if the same request may get an answer, or a readable one, a moment later."""
    return error.is_temporary and not isinstance(error, UntrustedError)


def _redirected(answer: Response) -> ProtocolError:
    """Return the error for a redirect, which a signed request cannot follow: its URL is a part of what is signed."""
    message = f"{answer.url} redirects, which a signed request cannot follow"
    # RFC 9110 sections 15.4.2 and 15.4.9; the others are temporary, as to a maintenance page.
    return (ProtocolError if answer.status in (301, 308) else UnreadableError)(message)


def _verify_nonce(answer: Response) -> None:
    if not _nonce_of(answer):
        raise UnreadableError(_NO_NONCE.format(answer))


def _nonce_of(answer: Response) -> str | None:
    nonce = answer.headers.get("Replay-Nonce")
    # RFC 8555 section 6.5.1: a nonce that is not base64url is ignored.
    return nonce if nonce and _NONCE.fullmatch(nonce) else None


def _is_final(problem: Problem) -> bool:
    # A rate limit lasts for hours, and repeated requests count towards it (RFC 8555 section 6.6).
    # With 503, only the CA's load balancer is busy.
    return problem.type == "rateLimited" and problem.status != 503
