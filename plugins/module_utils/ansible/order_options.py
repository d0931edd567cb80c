# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orders as they go in and out of the batch modules: options to requests, orders to results and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..acme.challenge_data import ChallengeData
from ..acme.issuance import Failure, OrderRequest, Prepared
from ..acme.order import Order
from ..acme.validity import Validity
from ..pki.identifiers import CHALLENGES, HTTP_01, Identifier

VALID, FAILED, DEFERRED = "valid", "failed", "deferred"

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
    "status": {"type": "str", "required": True, "choices": ["pending", "ready", "processing", "valid"]},
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


def by_host(items: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Results grouped by host: each host finds its own at once, however many there are."""
    hosts: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        hosts.setdefault(item["host"], []).append(item)
    return hosts


def to_request(option: Mapping[str, Any], identifiers: Iterable[Identifier], directory: str) -> OrderRequest:
    """An order as the CA of a *directory* is asked for it."""
    # RFC 9773 section 5: a CA is told only of certificates of its own.
    replaces = option["replaces_cert_id"] if option["replaces_directory"] in (None, directory) else None
    return OrderRequest(
        challenges={identifier.name: identifier.challenge for identifier in identifiers},
        profile=option["profile"],
        replaces=replaces,
        replaces_account=option["replaces_account"],
        order_uri=option["order_uri"],
        account_uri=option["account_uri"],
        validity=Validity(option["not_before"], option["not_after"]),
    )


def from_prepared(
    option: Mapping[str, Any], prepared: Prepared, directory: str, account_uri: str | None
) -> dict[str, Any]:
    """An order and its open challenges, as a result that to_prepared() reads again in the next module run."""
    order = prepared.order
    return {
        "host": option["host"],
        "name": option["name"],
        "status": order.status,
        "problem": "",
        "identifiers": sorted(order.identifiers),
        "order_uri": order.url,
        "finalize_uri": order.finalize_url,
        "certificate_uri": order.certificate_url,
        "authorizations": list(order.authorizations),
        "account_uri": account_uri,
        "directory": directory,
        "can_wait": option["can_wait"],
        "challenges": [vars(challenge) for challenge in prepared.challenges],
    }


def to_prepared(option: Mapping[str, Any]) -> Prepared:
    """The order that from_prepared() described."""
    order = Order(
        url=option["order_uri"],
        status=option["status"],
        identifiers=frozenset(option["identifiers"]),
        authorizations=tuple(option["authorizations"]),
        finalize_url=option["finalize_uri"],
        certificate_url=option["certificate_uri"],
    )
    return Prepared(order, tuple(ChallengeData(**challenge) for challenge in option["challenges"]))


def from_failure(option: Mapping[str, Any], failure: Failure) -> dict[str, Any]:
    """What a host is told of an order that came to nothing: deferred where a live certificate bridges the wait."""
    waits = failure.passes and option["can_wait"]
    return {
        "host": option["host"],
        "name": option["name"],
        "status": DEFERRED if waits else FAILED,
        "problem": failure.message,
        "resumable": failure.resumable,
        "order_uri": option["order_uri"],
        "account_uri": option["account_uri"],
    }


def summary(items: Iterable[Mapping[str, Any]]) -> str:
    """One line that names each failed certificate and why; empty if none failed."""
    return "; ".join(
        f"certificate {item['name']} of {item['host']}: {item['problem']}" for item in items if item["status"] == FAILED
    )
