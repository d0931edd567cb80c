# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many orders side by side, each from newOrder to the certificate (RFC 8555 section 7.1): prepare() and complete().

Between the two, the hosts put the challenges in place. A failing order becomes a Failure and does not stop others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from .._common import contracts
from .._common.deadline import Deadline
from .._common.statuses import FailureKind, Status
from . import challenge_data, deviations, unexpected
from .authorization import Authorization
from .certificate import Chain, download
from .client import Client
from .concurrency import run_each
from .errors import (
    AcmeError,
    AcmeOptionError,
    ChainError,
    OrderTakenError,
    PreflightError,
    ProblemError,
    ProtocolError,
)
from .order import Order
from .preferred_chain import Preference, choose
from .urls import is_same_origin
from .validation import validate_order
from .validity import RequestedValidity

_UNFINISHED = (Status.READY, Status.PROCESSING)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class OrderRequest:
    """A wanted certificate. challenges: the kind of challenge for each normalized identifier.

    replaces_ari_id: the ARI id of the certificate that it replaces, ordered by replaces_account, if that is known.
    order_uri and account_uri: from an earlier run's journal; that order is resumed, whatever validity it asked for.
    is_forced: not if it is finalized, since its certificate is not wanted, or if it cannot be read.
    """

    challenges: Mapping[str, str]
    profile: str | None = None
    replaces_ari_id: str | None = None
    replaces_account: str | None = None
    order_uri: str | None = None
    account_uri: str | None = None
    is_forced: bool = False
    validity: RequestedValidity = field(default_factory=RequestedValidity)

    def can_resume(self, order: Order) -> bool:
        """Return True if the journaled *order* may become the wanted certificate."""
        ended = (Status.INVALID, Status.PROCESSING, Status.VALID) if self.is_forced else (Status.INVALID,)
        return order.status not in ended and not order.missing and order.identifiers == frozenset(self.challenges)

    def kind_for(self, authorization: Authorization) -> str:
        """Return the kind of challenge for an authorization; for one that was not ordered, any kind in use."""
        return self.challenges.get(authorization.name) or next(iter(self.challenges.values()))


@dataclass(frozen=True)
class PreparedOrder:
    """An order that exists at the CA, with the challenges that hosts answer until it is finished.

    validity: as a new order asked for it, with instants; None if the order was resumed.
    """

    order: Order
    challenges: tuple[contracts.ChallengeData, ...] = field(default=())
    validity: RequestedValidity | None = None


@dataclass(frozen=True)
class Failure:
    """The reason why an order failed. resumable: a later run can continue the order.

    is_temporary: that run may succeed without any change. is_mistake: the user's options are wrong. for_all_cas: every
    other CA would fail as well. retry_at: until when the CA asks to wait.
    """

    message: str
    resumable: bool = False
    is_temporary: bool = False
    is_mistake: bool = False
    for_all_cas: bool = False
    kind: FailureKind = FailureKind.LOCAL
    retry_at: datetime | None = None


def run_all(items: Iterable[Item], work: Callable[[Item], Result]) -> list[Result | Failure]:
    """Do *work* for all items side by side, and return the results in order. Any error becomes a Failure."""

    def guarded(item: Item) -> Result | Failure:
        try:
            return work(item)
        except AcmeError as error:
            return to_failure(error)
        except Exception as error:
            return Failure(unexpected.message(error))

    return run_each(items, guarded)


def to_failure(error: AcmeError) -> Failure:
    """Return the failure that an error means for its order."""
    temporary = error.is_temporary
    # Every other refusal that is not temporary would be repeated for the same order.
    is_left = temporary and not isinstance(error, OrderTakenError)
    resumable = is_left or isinstance(error, (ChainError, PreflightError))
    return Failure(
        str(error),
        resumable,
        is_temporary=temporary,
        is_mistake=error.is_mistake,
        for_all_cas=isinstance(error, AcmeOptionError),
        # The CA has not refused a certificate that a later run may get without any change.
        kind=FailureKind.CA if temporary and error.kind == FailureKind.REFUSAL else error.kind,
        retry_at=error.retry_at,
    )


def prepare(client: Client, request: OrderRequest) -> PreparedOrder:
    """Resume the journaled order or create a new one, and read its challenges if it is pending."""
    found = _journaled(client, request)
    stale: tuple[contracts.ChallengeData, ...] = ()
    if found:
        resumed = _with_challenges(client, found, request, resumed=True) if request.can_resume(found) else None
        if resumed:
            return resumed
        stale = _left_behind(client, found, request, Status.STALE)
    request = replace(request, validity=request.validity.fixed(client.clock.now()))
    order = _create(client, request)
    # Later steps do not know an order that is invalid from the beginning.
    prepared = None if order.status == Status.INVALID else _with_challenges(client, _whole(client, order), request)
    if prepared is None:
        raise order.failure(client)
    return replace(prepared, challenges=(*prepared.challenges, *stale), validity=request.validity)


def _whole(client: Client, order: Order) -> Order:
    """Return a new order with the URLs that it needs. Raises ProtocolError if the CA does not give them."""
    order = order.refresh(client) if order.missing else order
    if order.missing:
        raise ProtocolError(f"the order {order.url} is {order.status} and has no {order.missing}")
    return order


def _journaled(client: Client, request: OrderRequest) -> Order | None:
    if not request.order_uri or request.account_uri != client.account_uri:
        return None
    # A host's journal must not choose where this machine connects to.
    if not is_same_origin(request.order_uri, client.directory.new_order):
        return None
    try:
        # The new order needs the time.
        return Order.fetch(client.patient() if request.is_forced else client, request.order_uri)
    except AcmeError as error:
        is_forgotten = isinstance(error, ProblemError) and not error.problem.is_temporary
        if not is_forgotten and not request.is_forced:
            raise
        return None


def _create(client: Client, request: OrderRequest) -> Order:
    client.directory.verify_profile(request.profile)
    # RFC 9773 section 5: only towards a CA that has renewal information, of a certificate of the same account.
    same = request.replaces_account in (None, client.account_uri)
    replaces = request.replaces_ari_id if same and client.directory.renewal_info else None
    names, refusal = list(request.challenges), ""
    try:
        order = Order.create(client, names, request.profile, replaces, request.validity)
    except ProblemError as error:
        if not replaces or (error.is_temporary and error.problem.status != 500):
            raise
        # The certificate was replaced already, or the CA does not know it as this account's, for which Pebble and
        # others return a server error. So this becomes an order without replaces.
        refusal = str(error)
        order = Order.create(client, names, request.profile, validity=request.validity)
    return replace(order, deviations=deviations.of_order(order, request.profile, replaces, refusal))


def order_again(client: Client, request: OrderRequest) -> Order:
    """Return a new order that is ready, as the identifiers are proved already. Raises AcmeError for any other order.

    A CA that answers newOrder with a pending order for the same identifiers makes a new one once that is finalized.
    """
    client.refuse_late("newOrder")
    order = _create(client, request)
    if order.status != Status.READY:
        message = f"the new order {order.url} is {order.status} and not ready, as its identifiers are not proved yet"
        raise OrderTakenError(message, is_temporary=True)
    return order


def _with_challenges(
    client: Client, order: Order, request: OrderRequest, resumed: bool = False
) -> PreparedOrder | None:
    """Return the order with its pending challenges; None if an authorization can no longer become valid.

    A *resumed* order has its valid challenges, too: the earlier run may have left their responses behind.
    """
    if order.status != Status.PENDING:
        return PreparedOrder(order, _left_behind(client, order, request, Status.VALID) if resumed else ())
    challenges: list[contracts.ChallengeData] = []
    for authorization in _authorizations(client, order):
        kind = request.kind_for(authorization)
        if authorization.status == Status.PENDING:
            challenges.append(challenge_data.describe(client, authorization, kind))
        elif authorization.status != Status.VALID:
            return None
        elif resumed:
            challenges.extend(_answered(client, authorization, kind, Status.VALID))
    return PreparedOrder(order, tuple(challenges))


def left_behind(client: Client, request: OrderRequest) -> tuple[contracts.ChallengeData, ...]:
    """Return the stale challenges of the journaled order of *request*, which is given up, at the client's CA."""
    found = _journaled(client, request)
    return _left_behind(client, found, request, Status.STALE) if found else ()


def _left_behind(
    client: Client, order: Order, request: OrderRequest, status: Status
) -> tuple[contracts.ChallengeData, ...]:
    """Return the challenges of an order that needs no more validation, so that their responses are removed."""
    try:
        authorizations = list(_authorizations(client, order))
    except AcmeError:
        return ()  # responses that stay are harmless; failing the order would not be
    return tuple(
        challenge for item in authorizations for challenge in _answered(client, item, request.kind_for(item), status)
    )


def _authorizations(client: Client, order: Order) -> Iterator[Authorization]:
    for url in order.authorizations:
        client.refuse_late("authorization")
        yield Authorization.fetch(client, url)


def _answered(client: Client, authorization: Authorization, kind: str, status: Status) -> list[contracts.ChallengeData]:
    try:
        # If another kind proved it, this challenge is still pending, but must not be answered.
        return [challenge_data.describe(client, authorization, kind, status)]
    except AcmeError:
        return []  # some CAs leave challenges out of a valid authorization


def complete(
    client: Client, prepared: PreparedOrder, csr_der: bytes, deadline: Deadline, preference: Preference | None = None
) -> Chain:
    """Have the challenges validated, finalize the order and download the chain, from where its status says."""
    client = client.within(deadline)
    order = prepared.order
    if order.status == Status.PENDING:
        order = validate_order(client, order, prepared.challenges, deadline)
    is_new = order.status != Status.VALID
    if order.status == Status.READY:
        order, is_new = _finalize(client, order, csr_der)
    # The answer to finalize may still have the status from before, and so may a poll.
    if order.status in _UNFINISHED:
        order = order.wait_past(client, _UNFINISHED, deadline)
    if order.status != Status.VALID:
        raise order.failure(client)
    order = order.with_certificate_uri(client, deadline)
    try:
        chain = download(client, order.certificate_uri)
    except AcmeError as error:
        raise ChainError(f"the certificate is issued, but its download failed: {error}", error.is_temporary) from None
    chain = choose(preference, chain, lambda url: _alternate(client, url)) if preference else chain
    return replace(chain, is_new=is_new)


def _alternate(client: Client, url: str) -> Chain:
    client.refuse_late("alternate chain")
    return download(client, url)


def _finalize(client: Client, order: Order, csr_der: bytes) -> tuple[Order, bool]:
    """Return the finalized order, and False if an earlier run has finalized it."""
    try:
        return order.finalize(client, csr_der), True
    except ProblemError as error:
        if error.problem.type != "orderNotReady":
            raise
        # If the request was repeated because its first answer was lost, the order is finalized (RFC 8555 section 7.4).
        found = order.refresh(client.patient())
        if found.status in (Status.PENDING, Status.READY):
            raise
        return found, error.is_repeated
