# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validation of challenges: asking the CA for it, and finding out what came of it (RFC 8555 section 7.5.1)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from .._common.clock import Clock
from .._common.contracts import ChallengeData
from .._common.deadline import Deadline
from .._common.statuses import Status
from .authorization import Authorization
from .challenge import Challenge
from .client import Client
from .errors import AcmeError, Cause, DeadlineError, OrderInvalid, ProblemError
from .http import Response
from .order import Order
from .polling import poll
from .problem import Problem

# Seconds until the authorizations of an order that stays pending are read. They double from one time to the next.
_FIRST_REVIEW = 4.0
# The CA is asked so often to validate a challenge that it keeps pending with an error.
_MOST_POSTS = 3


class Step(Enum):
    """The next step of a validation."""

    WAIT = "wait"
    POST = "post"
    FAIL = "fail"


def next_step(challenge: Challenge, posts: int) -> Step:
    """Return what follows from a *challenge* that was posted so often. Pure."""
    if challenge.status == Status.INVALID:
        return Step.FAIL
    # RFC 8555 section 8.2: an error alone is not the end, and the client may ask for another attempt. While the
    # challenge is processing, the CA makes it by itself.
    if challenge.status == Status.PENDING and challenge.error:
        return Step.POST if posts < _MOST_POSTS else Step.FAIL
    return Step.WAIT


class Validation:
    """The validation of a challenge. It fails with the CA's reason."""

    def __init__(self, client: Client, data: ChallengeData) -> None:
        self._client = client
        self._data = data
        self._posts = 0
        self._error: Problem | None = None

    def post(self) -> Cause | None:
        """Ask the CA to validate the challenge, and return why this failed; None if that is unknown."""
        what = f"{self._data.identifier}: {self._data.type} challenge"
        self._client.refuse_late(what)
        self._posts += 1
        challenge = _post(self._client, self._data.url, what)
        self._note(challenge)
        return self._cause() if challenge.status == Status.INVALID else None

    def review(self, authorization: Authorization) -> Cause | None:
        """Return why the validation failed, by its *authorization*; None if it is not decided.

        The CA is asked once more if it waits for that.
        """
        challenge = next((item for item in authorization.challenges if item.type == self._data.type), None)
        if challenge:
            self._note(challenge)
        if authorization.has_failed:
            # Some CAs give the reason in the answer to the challenge only.
            is_shown = any(item.error for item in authorization.challenges) or not self._error
            return authorization.cause() if is_shown else self._cause()
        step = next_step(challenge, self._posts) if challenge else Step.WAIT
        if step == Step.POST:
            try:
                return self.post()
            except AcmeError as error:
                if error.is_temporary or not isinstance(error, ProblemError):
                    return None
                step = Step.FAIL  # it cannot be posted again, so the error is the end
        if step != Step.FAIL:
            return None
        return self._cause(f" (the CA was asked {self._posts} times)" if self._posts > 1 else "")

    def _note(self, challenge: Challenge) -> None:
        self._error = challenge.error or self._error

    def _cause(self, more: str = "") -> Cause:
        name, error = self._data.identifier, self._error
        if error is None:
            return Cause(f"{name}: validation failed{more}")
        return Cause(f"{name}: {self._data.type}: {error}{more}", error.kind_of_validation)


class _Reviews:
    """The instants of reviews."""

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._pause = _FIRST_REVIEW
        self._next = self._monotonic() + self._pause

    def is_due(self) -> bool:
        """Return True if it is time for a review, which then counts as made."""
        now = self._monotonic()
        if now < self._next:
            return False
        self._pause *= 2
        self._next = now + self._pause
        return True


def validate_order(client: Client, order: Order, challenges: Iterable[ChallengeData], deadline: Deadline) -> Order:
    """Have the pending *challenges* of an *order* validated, and return it once it is no longer pending.

    The order alone is polled. Its authorizations are read if it does not move, as some CAs leave it pending although
    one of them has failed. Raises OrderInvalid with the reasons, DeadlineError.
    """
    pending = [item for item in challenges if item.status == Status.PENDING]
    validations = [Validation(client, item) for item in pending]
    by_name = {(item.identifier, item.wildcard): each for item, each in zip(pending, validations)}
    _raise_any([validation.post() for validation in validations])
    reviews, unproved = _Reviews(client.clock), list(order.authorizations)

    def read() -> tuple[Order, float | None]:
        found = order.refresh(client)
        if found.status == Status.PENDING and reviews.is_due():
            _raise_any(list(map(review, list(unproved))))
        return found, found.retry_after

    def review(url: str) -> Cause | None:
        try:
            authorization = Authorization.fetch(client, url)
        except AcmeError:
            return None  # the order is what counts
        if authorization.status == Status.VALID:
            unproved.remove(url)
            return None
        validation = by_name.get((authorization.identifier, authorization.wildcard))
        if validation:
            return validation.review(authorization)
        return authorization.cause() if authorization.has_failed else None

    what = f"the order {order.url} did not get past '{Status.PENDING}'"
    try:
        found = poll(read, lambda found: found.status != Status.PENDING, deadline, what)
    except DeadlineError:
        _raise_any(order.failed_authorizations(client))
        raise
    if found.status == Status.INVALID:
        raise found.failure(client)
    return found


def validate_authorization(
    client: Client, authorization: Authorization, data: ChallengeData, deadline: Deadline
) -> Authorization:
    """Have the challenge of an *authorization* validated, and return it once it is valid.

    Raises OrderInvalid with the reason, DeadlineError.
    """
    validation, reviews = Validation(client, data), _Reviews(client.clock)
    if data.status == Status.PENDING:
        _raise_any([validation.post()])

    def read() -> tuple[Authorization, float | None]:
        answer = client.post_as_get(authorization.url, "authorization")
        found = Authorization.parse(authorization.url, answer.json())
        if found.status == Status.PENDING and reviews.is_due():
            _raise_any([validation.review(found)])
        return found, answer.retry_after(client.clock.now())

    what = f"{authorization.identifier}: the authorization {authorization.url} did not get past '{Status.PENDING}'"
    found = poll(read, lambda found: found.status != Status.PENDING, deadline, what)
    if found.status != Status.VALID:
        raise OrderInvalid(validation.review(found) or Cause(f"{found.identifier}: it is {found.status}"))
    return found


def _raise_any(causes: Iterable[Cause | None]) -> None:
    known = [cause for cause in causes if cause]
    if known:
        raise OrderInvalid(*known)


def _post(client: Client, url: str, what: str) -> Challenge:
    try:
        answer = client.post(url, {}, what, verify=_verify_document)
    except ProblemError as error:
        if error.is_temporary:
            raise
        # If the request was repeated because its first answer was lost, the challenge is no longer pending.
        found = _find(client.patient(), url, what)
        if found is None or found.status == Status.PENDING:
            raise
        return found
    return Challenge.parse(answer.json(), url) if answer.body else Challenge.parse({})


def _verify_document(answer: Response) -> None:
    """Raise UnreadableError for an answer that is not a challenge; some CAs send none."""
    if answer.body:
        answer.json()


def _find(client: Client, url: str, what: str) -> Challenge | None:
    try:
        return Challenge.parse(client.post_as_get(url, what).json(), url)
    except AcmeError:
        return None
