# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orders in the options and results of the batch modules, converted to requests for a CA and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from .._acme.errors import AcmeError, AcmeOptionError
from .._acme.issuance import Failure, OrderRequest, PreparedOrder, to_failure
from .._acme.order import Order
from .._acme.validity import RequestedValidity
from .._common.contracts import CertificateOrder, Revocation
from .._common.identifiers import CHALLENGES, HTTP_01, IdentifierError, parse_identifiers
from .._common.statuses import ORDERED, Status
from .._common.times import utc
from .._fleet.deferral import status_of
from .option_specs import texts

#: Options with which a certificate is ordered, also again, if its order turns out to be another's.
_ORDERED_WITH = ("profile", "not_before", "not_after", "replaces_ari_id", "replaces_directory", "replaces_account")

# The URL to unpause an account has a token of a thousand characters.
_LONG_URL = re.compile(r"(https?://[^\s?]+)\?[^\s,)]{200,}")

ORDER_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "identifiers": {"type": "list", "elements": "raw", "required": True},
    "challenge": {"type": "str", "default": HTTP_01, "choices": list(CHALLENGES)},
    **texts(*_ORDERED_WITH),
    **texts("order_uri", "account_uri", "directory", "not_first"),
    "other_directories": {"type": "list", "elements": "str"},
    "can_wait": {"type": "bool", "default": False},
    "forced": {"type": "bool", "default": False},
}

_CHALLENGE_SPEC: dict[str, Any] = {
    **texts("type", "identifier", "url", "status", required=True),
    **texts("token", "key_authorization", required=True, no_log=False),
    **texts("record_name", "record_value", default=""),
    "wildcard": {"type": "bool", "default": False},
}

PREPARED_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "status": {"type": "str", "required": True, "choices": [status.value for status in ORDERED]},
    "identifiers": {"type": "list", "elements": "str", "required": True},
    **texts(*_ORDERED_WITH),
    **texts("csr_content", "order_uri", "finalize_uri", required=True),
    "certificate_uri": {"type": "str", "default": ""},
    "authorizations": {"type": "list", "elements": "str", "default": []},
    "deviations": {"type": "list", "elements": "str", "default": []},
    "challenges": {"type": "list", "elements": "dict", "default": [], "options": _CHALLENGE_SPEC},
    "account_uri": {"type": "str", "required": True},
    **texts("directory", "not_first"),
    "can_wait": {"type": "bool", "default": False},
}


def by_host(orders: Iterable[CertificateOrder]) -> dict[str, list[dict[str, Any]]]:
    """Return results grouped by host, so that each host finds its own at once, however many there are."""
    hosts: dict[str, list[dict[str, Any]]] = {}
    for order in orders:
        # Always there, for playbooks that use the modules without the role.
        hosts.setdefault(order.host or "", []).append({**order.to_result(), "problem": order.problem})
    return hosts


def to_request(order: CertificateOrder, directory: str) -> OrderRequest:
    """Return the request for an order to the CA with the URL *directory*. Raises AcmeOptionError."""
    try:
        identifiers = parse_identifiers(order.identifiers or (), order.challenge or HTTP_01)
    except IdentifierError as error:
        raise AcmeOptionError(str(error)) from None
    return OrderRequest(
        challenges={identifier.name: identifier.challenge for identifier in identifiers},
        profile=order.profile,
        replaces_ari_id=_replaces(order, directory),
        replaces_account=order.replaces_account,
        order_uri=order.order_uri,
        account_uri=order.account_uri,
        is_forced=bool(order.forced),
        validity=RequestedValidity(order.not_before, order.not_after),
    )


def to_new_request(order: CertificateOrder, directory: str) -> OrderRequest:
    """Return the request for another order like one that was made at the CA with the URL *directory*."""
    return OrderRequest(
        challenges=dict.fromkeys(order.identifiers or (), ""),  # no challenge is answered for it
        profile=order.profile,
        replaces_ari_id=_replaces(order, directory),
        replaces_account=order.replaces_account,
        validity=RequestedValidity(order.not_before, order.not_after),
    )


def _replaces(order: CertificateOrder, directory: str) -> str | None:
    # RFC 9773 section 5: `replaces` names a certificate of the same CA only.
    return order.replaces_ari_id if order.replaces_directory in (None, directory) else None


def from_prepared(
    asked: CertificateOrder, prepared: PreparedOrder, directory: str, account_uri: str | None
) -> CertificateOrder:
    """Return an order and its open challenges, as to_prepared() reads them in the next module run."""
    order, sent = prepared.order, prepared.validity
    with_instants = {"not_before": sent.not_before, "not_after": sent.not_after} if sent else {}
    return CertificateOrder(
        host=asked.host,
        name=asked.name,
        status=Status(order.status),
        identifiers=tuple(sorted(order.identifiers)),
        order_uri=order.url,
        finalize_uri=order.finalize_uri,
        certificate_uri=order.certificate_uri,
        authorizations=order.authorizations,
        account_uri=account_uri,
        directory=directory,
        not_first=asked.not_first,
        can_wait=asked.can_wait,
        challenges=prepared.challenges,
        deviations=order.deviations or None,
        **{**asked.options(_ORDERED_WITH), **with_instants},
    )


def to_prepared(order: CertificateOrder) -> PreparedOrder:
    """Return the order that from_prepared() described."""
    made = Order(
        url=order.order_uri or "",
        status=order.status or Status.INVALID,
        identifiers=frozenset(order.identifiers or ()),
        authorizations=order.authorizations or (),
        finalize_uri=order.finalize_uri or "",
        certificate_uri=order.certificate_uri or "",
    )
    return PreparedOrder(made, order.challenges or ())


def from_failure(order: CertificateOrder, failure: Failure) -> CertificateOrder:
    """Return the result of an order that failed: deferred if its host can do without the certificate for now."""
    return ended(
        order,
        status=status_of(bool(order.can_wait), failure.is_mistake),
        problem=failure.message,
        resumable=failure.resumable,
        failure_kind=failure.kind,
        retry_at=utc(failure.retry_at) if failure.retry_at else None,
    )


def with_urls_once(orders: Iterable[CertificateOrder]) -> list[CertificateOrder]:
    """Return the orders with each long URL in the first problem that has it; the other problems refer to that one.

    A paused account gets another token for each order, and any of them ends the pause for all of its identifiers.
    """
    first: dict[str, str] = {}
    shown = []
    for order in orders:
        where = f"certificate {order.name} of {order.host}"

        def once(found: re.Match[str], where: str = where) -> str:
            known = first.setdefault(found[1], where)
            return found[0] if known is where else f"{found[1]} (the whole URL is in the problem of {known})"

        shown.append(replace(order, problem=_LONG_URL.sub(once, order.problem)))
    return shown


def all_failed(orders: Iterable[CertificateOrder], error: AcmeError) -> dict[str, Any]:
    """Return the result of a module in which every order failed for the same reason."""
    failure = to_failure(error)
    failed = with_urls_once(from_failure(order, failure) for order in orders)
    return {"failed": True, "msg": str(error), "hosts": by_host(failed)}


def ended(order: CertificateOrder, **more: Any) -> CertificateOrder:
    """Return the result of an order that needs no further step: what it is known by, and *more* fields."""
    known_by = ("host", "name", "order_uri", "account_uri", "directory", "not_first")
    return CertificateOrder(**order.options(known_by), **more)


def summary(items: Iterable[CertificateOrder | Revocation]) -> str:
    """Return one line that names each failed certificate and the reason; empty if none failed."""
    return "; ".join(
        f"certificate {item.name} of {item.host}: {item.problem}" for item in items if item.status == Status.FAILED
    )
