# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources that requests to the CA are for, and the certificates that these belong to."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .answers import Answer
from .certificates import ari_id
from .places import Place, Subject

# Pebble's paths; those that end in a slash go on with an id.
_PATHS = {
    "/dir": "directory",
    "/nonce-plz": "newNonce",
    "/sign-me-up": "newAccount",
    "/my-account/": "account",
    "/order-plz": "newOrder",
    "/my-order/": "order",
    "/authZ/": "authorization",
    "/chalZ/": "challenge",
    "/finalize-order/": "finalize",
    "/certZ/": "certificate",
    "/draft-ietf-acme-ari-03/renewalInfo/": "renewalInfo",
    "/revoke-cert": "revokeCert",
    "/rollover-account-key": "keyChange",
}


@dataclass(eq=False)
class Ordered:
    """A certificate that was ordered: its number, its names, and all that the CA made for it.

    challenges: the last seen document of each, by path. csr: of the last finalize, base64url. notes: of faults.
    """

    number: int
    names: frozenset[str]
    challenges: dict[str, dict[str, Any]] = field(default_factory=dict)
    csr: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A request to the CA. *payload*: of a signed request, None without one. *of*: None if it is for no certificate."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    resource: str
    payload: dict[str, Any] | None
    protected: dict[str, Any]
    of: Ordered | None

    def is_at(self, place: Place) -> bool:
        """Return True if a fault at this place, but for its status, is about the request."""
        return self.resource in (place.resources or (self.resource,)) and self.is_about(place.subject)

    def is_about(self, subject: Subject) -> bool:
        """Return True if the request is for such a certificate."""
        if not (subject.name or subject.number or subject.each):
            return True
        if self.of is None:
            return False
        return subject.each or subject.name in self.of.names or subject.number == self.of.number


class Resources:
    """Paths and certificates that the answers of the CA have named."""

    def __init__(self) -> None:
        self._ordered: dict[frozenset[str], Ordered] = {}
        self._by_path: dict[str, Ordered] = {}

    def request(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
        """Return a request with what it is for. newOrder for new names counts one certificate more."""
        protected, payload = _signed(body)
        resource = resource_of(path)
        of = self._by_path.get(_known_path(path))
        if resource == "newOrder" and payload:
            names = frozenset(str(item.get("value")) for item in payload.get("identifiers", []))
            of = self._ordered.setdefault(names, Ordered(len(self._ordered) + 1, names))
        if resource == "finalize" and of and payload:
            of.csr = str(payload.get("csr", ""))
        return Request(method, path, headers, body, resource, payload, protected, of)

    def see(self, request: Request, answer: Answer) -> None:
        """Remember what the CA's answer names."""
        of = request.of
        if of is None:
            return
        document = answer.json()
        named = [answer.headers.get("Location"), document.get("finalize"), document.get("certificate")]
        self._remember(of, [*named, *document.get("authorizations", [])])
        for challenge in document.get("challenges", []):
            self._remember(of, [challenge["url"]])
            of.challenges[_known_path(challenge["url"])] = challenge
        if request.resource == "challenge" and document.get("url"):
            of.challenges[_known_path(request.path)] = document
        if request.resource == "certificate" and answer.status == 200:
            self._by_path[ari_id(answer.body)] = of

    def _remember(self, of: Ordered, urls: Iterable[object]) -> None:
        self._by_path.update({_known_path(url): of for url in urls if isinstance(url, str)})


def resource_of(path: str) -> str:
    """Return the name of the resource at a path; "other" if there is none."""
    found = (name for start, name in _PATHS.items() if path == start or (start[-1] == "/" and path.startswith(start)))
    return next(found, "other")


def _known_path(url: str) -> str:
    """Return the path by which a resource is known: an alternate chain by its certificate's, ARI by its id."""
    path = urlsplit(url).path
    if resource_of(path) == "renewalInfo":
        return path.rpartition("/")[2]
    return path.partition("/alternate/")[0]


def _signed(body: bytes) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return header and payload of a JWS (RFC 8555 section 6.2); the payload of POST-as-GET is None."""
    try:
        jws = json.loads(body)
        protected, payload = (_decoded(jws[part]) for part in ("protected", "payload"))
    except (ValueError, KeyError, TypeError):
        return {}, None
    return protected or {}, payload


def _decoded(text: str) -> Any:
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))) if text else None
