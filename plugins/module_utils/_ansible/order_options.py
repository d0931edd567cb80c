# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orders in the options and results of the batch modules, converted to requests for a CA and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._acme.errors import AcmeOptionError
from .._acme.issuance import Failure, OrderRequest, PreparedOrder
from .._acme.order import Order
from .._acme.validity import RequestedValidity
from .._common.contracts import CertificateOrder, Revocation
from .._common.identifiers import CHALLENGES, HTTP_01, IdentifierError, parse_identifiers
from .._common.statuses import ORDERED, Status

ORDER_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "identifiers": {"type": "list", "elements": "raw", "required": True},
    "challenge": {"type": "str", "default": HTTP_01, "choices": list(CHALLENGES)},
    "profile": {"type": "str"},
    "not_before": {"type": "str"},
    "not_after": {"type": "str"},
    "replaces_cert_id": {"type": "str"},
    "replaces_directory": {"type": "str"},
    "replaces_account": {"type": "str"},
    "order_uri": {"type": "str"},
    "account_uri": {"type": "str"},
    "directory": {"type": "str"},
    "can_wait": {"type": "bool", "default": False},
}

_CHALLENGE_SPEC: dict[str, Any] = {
    "type": {"type": "str", "required": True},
    "identifier": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "status": {"type": "str", "required": True},
    "token": {"type": "str", "required": True, "no_log": False},
    "key_authorization": {"type": "str", "required": True, "no_log": False},
    "record_name": {"type": "str", "default": ""},
    "record_value": {"type": "str", "default": ""},
    "wildcard": {"type": "bool", "default": False},
}

PREPARED_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "status": {"type": "str", "required": True, "choices": [status.value for status in ORDERED]},
    "problem": {"type": "str"},
    "identifiers": {"type": "list", "elements": "str", "required": True},
    "csr_content": {"type": "str", "required": True},
    "order_uri": {"type": "str", "required": True},
    "finalize_uri": {"type": "str", "required": True},
    "certificate_uri": {"type": "str", "default": ""},
    "authorizations": {"type": "list", "elements": "str", "default": []},
    "challenges": {"type": "list", "elements": "dict", "default": [], "options": _CHALLENGE_SPEC},
    "account_uri": {"type": "str", "required": True},
    "directory": {"type": "str"},
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
    # RFC 9773 section 5: `replaces` names a certificate of the same CA only.
    replaces = order.replaces_cert_id if order.replaces_directory in (None, directory) else None
    return OrderRequest(
        challenges={identifier.name: identifier.challenge for identifier in identifiers},
        profile=order.profile,
        replaces=replaces,
        replaces_account=order.replaces_account,
        order_url=order.order_uri,
        account_url=order.account_uri,
        validity=RequestedValidity(order.not_before, order.not_after),
    )


def from_prepared(
    asked: CertificateOrder, prepared: PreparedOrder, directory: str, account_uri: str | None
) -> CertificateOrder:
    """Return an order and its open challenges, as to_prepared() reads them in the next module run."""
    order = prepared.order
    return CertificateOrder(
        host=asked.host,
        name=asked.name,
        status=Status(order.status),
        identifiers=tuple(sorted(order.identifiers)),
        order_uri=order.url,
        finalize_uri=order.finalize_url,
        certificate_uri=order.certificate_url,
        authorizations=order.authorizations,
        account_uri=account_uri,
        directory=directory,
        can_wait=asked.can_wait,
        challenges=prepared.challenges,
    )


def to_prepared(order: CertificateOrder) -> PreparedOrder:
    """Return the order that from_prepared() described."""
    made = Order(
        url=order.order_uri or "",
        status=order.status or Status.INVALID,
        identifiers=frozenset(order.identifiers or ()),
        authorizations=order.authorizations or (),
        finalize_url=order.finalize_uri or "",
        certificate_url=order.certificate_uri or "",
    )
    return PreparedOrder(made, order.challenges or ())


def from_failure(order: CertificateOrder, failure: Failure) -> CertificateOrder:
    """Return the result of an order that failed: deferred if the problem may pass and a live certificate is valid."""
    waits = failure.is_temporary and order.can_wait
    return CertificateOrder(
        host=order.host,
        name=order.name,
        status=Status.DEFERRED if waits else Status.FAILED,
        problem=failure.message,
        resumable=failure.resumable,
        order_uri=order.order_uri,
        account_uri=order.account_uri,
    )


def summary(items: Iterable[CertificateOrder | Revocation]) -> str:
    """Return one line that names each failed certificate and the reason; empty if none failed."""
    return "; ".join(
        f"certificate {item.name} of {item.host}: {item.problem}" for item in items if item.status == Status.FAILED
    )
