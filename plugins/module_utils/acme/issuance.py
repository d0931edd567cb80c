# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many certificates at once: each order's way from newOrder to the certificate (RFC 8555 section 7.1), in two halves.

Between the halves the challenges are put in place on the hosts. A failing order stops no other: it becomes a Failure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from .authorization import Authorization
from .certificate import Chain, download
from .challenge import Challenge
from .client import Client
from .errors import AcmeError, DeadlineError, OrderInvalid, ProblemError, TransportError
from .http import check_url
from .order import Order
from .polling import Deadline

# An order that waits holds a thread, and nothing else; beyond these, orders queue.
_IN_FLIGHT = 64
_ORDERS_PER_CONNECTION = 25

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class ChallengeData:
    """What a host must serve for one identifier, and the URL at which the CA is then told."""

    type: str
    identifier: str
    url: str
    status: str
    token: str
    key_authorization: str


@dataclass(frozen=True)
class OrderRequest:
    """A certificate that is wanted; order_uri and account_uri are of an earlier run's journal."""

    identifiers: Sequence[str]
    challenge: str
    profile: str | None = None
    replaces: str | None = None
    order_uri: str | None = None
    account_uri: str | None = None


@dataclass(frozen=True)
class Prepared:
    """An order that exists at the CA, and the challenges that hosts serve for it until it is finished."""

    order: Order
    challenges: tuple[ChallengeData, ...] = field(default=())


@dataclass(frozen=True)
class Failure:
    """Why an order came to nothing. retry_at is set for a rate limit; resumable: a later run may take the order up."""

    message: str
    rate_limited: bool = False
    resumable: bool = False
    retry_at: datetime | None = None


def connections_for(orders: int, most: int) -> int:
    """How many connections *orders* are worth: each costs a request for its nonce, which enough orders have to earn."""
    return max(1, min(most, math.ceil(orders / _ORDERS_PER_CONNECTION)))


def run_all(items: Iterable[Item], work: Callable[[Item], Result]) -> list[Result | Failure]:
    """Do *work* for all items side by side; an AcmeError becomes that item's Failure. Results in the items' order."""

    def guarded(item: Item) -> Result | Failure:
        try:
            return work(item)
        except AcmeError as error:
            return describe(error)

    with ThreadPoolExecutor(max_workers=_IN_FLIGHT) as pool:
        return list(pool.map(guarded, items))


def describe(error: AcmeError) -> Failure:
    """A failure, as it is told to people and to the next run."""
    if isinstance(error, ProblemError):
        problem = error.problem
        # Any other refusal says that going on with the order is of no use.
        return Failure(str(error), rate_limited=problem.rate_limited, resumable=problem.passes, retry_at=error.retry_at)
    return Failure(str(error), resumable=isinstance(error, (DeadlineError, TransportError)))


def prepare(client: Client, request: OrderRequest) -> Prepared:
    """Resume the journaled order, or create one; read the challenges of a pending one."""
    prepared = _resume(client, request)
    if prepared:
        return prepared
    order = _create(client, request)
    prepared = _with_challenges(client, order, request.challenge)
    if prepared is None:
        raise OrderInvalid(order.failure(client))
    return prepared


def _resume(client: Client, request: OrderRequest) -> Prepared | None:
    if not request.order_uri or request.account_uri != client.account_uri:
        return None
    try:
        order = Order.fetch(client, request.order_uri)
    except ProblemError as error:
        if error.problem.passes:
            raise
        return None  # expired and forgotten by the CA
    if order.status == "invalid" or order.identifiers != frozenset(request.identifiers):
        return None
    return _with_challenges(client, order, request.challenge, resumed=True)


def _create(client: Client, request: OrderRequest) -> Order:
    client.directory.check_profile(request.profile)
    # RFC 9773 section 5: only towards a CA that has renewal information.
    replaces = request.replaces if client.directory.renewal_info else None
    try:
        return Order.create(client, request.identifiers, request.profile, replaces)
    except ProblemError as error:
        if not replaces or error.problem.passes:
            raise
    # The certificate is replaced already, or the CA does not know it as this account's: an order like any other.
    return Order.create(client, request.identifiers, request.profile)


def _with_challenges(client: Client, order: Order, kind: str, resumed: bool = False) -> Prepared | None:
    """The order with its open challenges; None if one of its authorizations can no longer become valid.

    Of a *resumed* order the answered ones, too: the run that answered them may have left its responses on the host.
    """
    if order.status != "pending":
        return Prepared(order, _left_behind(client, order, kind) if resumed else ())
    challenges: list[ChallengeData] = []
    for url in order.authorizations:
        authorization = Authorization.fetch(client, url)
        if authorization.status == "pending":
            challenges.append(_challenge(client, authorization, kind))
        elif authorization.status != "valid":
            return None
        elif resumed:
            challenges.extend(_answered(client, authorization, kind))
    return Prepared(order, tuple(challenges))


def _left_behind(client: Client, order: Order, kind: str) -> tuple[ChallengeData, ...]:
    try:
        authorizations = [Authorization.fetch(client, url) for url in order.authorizations]
    except AcmeError:
        return ()  # responses that stay do no harm; going without the order would
    return tuple(challenge for item in authorizations for challenge in _answered(client, item, kind))


def _answered(client: Client, authorization: Authorization, kind: str) -> list[ChallengeData]:
    try:
        # Another kind may have proved it: then this one is left pending, and is not to be answered.
        return [replace(_challenge(client, authorization, kind), status="valid")]
    except AcmeError:
        return []  # some CAs leave challenges out of a valid authorization


def _challenge(client: Client, authorization: Authorization, kind: str) -> ChallengeData:
    challenge = authorization.challenge(kind)
    return ChallengeData(
        type=challenge.type,
        identifier=authorization.identifier,
        url=challenge.url,
        status=challenge.status,
        token=challenge.token,
        key_authorization=challenge.key_authorization(client.key),
    )


def complete(client: Client, prepared: Prepared, csr_der: bytes, deadline: Deadline) -> Chain:
    """Have the challenges validated, finalize, and download. Enters where the order's status says."""
    client = client.within(deadline)
    order = prepared.order
    if order.status == "pending":
        for challenge in prepared.challenges:
            if challenge.status == "pending":
                _answer(client, challenge)
        order = _wait_for_validation(client, order, deadline)
    if order.status == "ready":
        order = _finalize(client, order, csr_der)
    # The answer to finalize may still show the order as it was before.
    for status in ("ready", "processing"):
        if order.status == status:
            order = order.wait_past(client, status, deadline)
    if order.status != "valid":
        raise OrderInvalid(order.failure(client))
    return download(client, order.certificate_url)


def _answer(client: Client, challenge: ChallengeData) -> None:
    url = check_url(challenge.url)
    what = f"{challenge.identifier}: {challenge.type} challenge"
    try:
        client.post(url, {}, what)
    except ProblemError as error:
        # A post that is repeated because its answer was lost finds the challenge under way.
        if error.problem.passes or Challenge.parse(client.post_as_get(url, what).json()).status == "pending":
            raise


def _finalize(client: Client, order: Order, csr_der: bytes) -> Order:
    try:
        return order.finalize(client, csr_der)
    except ProblemError as error:
        if error.problem.type != "orderNotReady":
            raise
        # A post that is repeated because its answer was lost finds the order finalized (RFC 8555 section 7.4).
        found = Order.fetch(client, order.url)
        if found.status in ("pending", "ready"):
            raise
        return found


def _wait_for_validation(client: Client, order: Order, deadline: Deadline) -> Order:
    try:
        return order.wait_past(client, "pending", deadline)
    except DeadlineError:
        # Some CAs leave an order pending though an authorization of it has failed.
        failed = order.failed_authorizations(client)
        if failed:
            raise OrderInvalid("; ".join(failed)) from None
        raise
