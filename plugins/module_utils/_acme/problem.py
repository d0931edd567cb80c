# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Problem documents: RFC 7807 with the types and subproblems of RFC 8555 section 6.7."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._common.statuses import FailureKind
from .._common.text import one_line
from .retry import is_retryable

_NAMESPACE = "urn:ietf:params:acme:error:"
# RFC 8555 section 6.7: types that only a validation has, types with which a CA refuses a name that another one may
# accept, and types that concern the account with all its orders.
_OF_VALIDATION = ("connection", "dns", "incorrectResponse", "tls")
_REFUSING_NAMES = ("caa", "rejectedIdentifier", "unsupportedIdentifier")
_OF_ACCOUNT = ("accountDoesNotExist", "externalAccountRequired", "unauthorized", "userActionRequired")
# The URL to unpause an account has a token of a thousand characters.
_LONGEST_URL = 2000


@dataclass(frozen=True)
class Problem:
    """A problem: its type (without the ACME prefix), its detail, the identifier that it concerns, its subproblems.

    instance: the URL that a person has to visit, terms: that of the terms of service (RFC 8555 section 7.3.3).
    """

    type: str
    detail: str = ""
    status: int = 0
    identifier: str = ""
    subproblems: tuple[Problem, ...] = field(default=())
    instance: str = ""
    terms: str = ""

    @classmethod
    def parse(cls, document: object, status: int = 0) -> Problem:
        """Parse a problem document. No field is required: some CAs leave out even the type."""
        if not isinstance(document, Mapping):
            return cls(type="unknown", detail=one_line(document) if document else "", status=status)
        identifier = document.get("identifier")
        subproblems = document.get("subproblems")
        return cls(
            type=one_line(document.get("type") or "unknown").removeprefix(_NAMESPACE),
            detail=one_line(document.get("detail") or document.get("title") or "", _LONGEST_URL),
            status=status or _integer(document.get("status")),
            identifier=one_line(identifier.get("value", "")) if isinstance(identifier, Mapping) else "",
            subproblems=tuple(cls._sub(sub) for sub in subproblems) if isinstance(subproblems, list) else (),
            instance=one_line(document.get("instance") or "", _LONGEST_URL),
        )

    @classmethod
    def of_response(cls, status: int, body: bytes, terms: Sequence[str] = ()) -> Problem:
        """Return the problem of an error answer, whatever its body is. *terms*: its links to the terms of service."""
        try:
            problem = cls.parse(json.loads(body), status)
            return replace(problem, terms=one_line(terms[0], _LONGEST_URL)) if terms else problem
        except (ValueError, RecursionError):
            return cls(type="unknown", detail=f"HTTP {status}, without a problem document", status=status)

    @classmethod
    def _sub(cls, document: object) -> Problem:
        # RFC 8555 section 6.7.1 has one level.
        if isinstance(document, Mapping):
            document = {name: value for name, value in document.items() if name != "subproblems"}
        return cls.parse(document)

    @property
    def is_temporary(self) -> bool:
        """Return True if the same request may succeed later, as after too many of them (RFC 8555 section 6.6)."""
        return self.type in ("rateLimited", "badNonce") or is_retryable(self.status)

    @property
    def kind(self) -> FailureKind:
        """Return what fails because of this problem."""
        if self.is_temporary or self.type in _OF_ACCOUNT:
            return FailureKind.CA
        return FailureKind.VALIDATION if self.type in _OF_VALIDATION else FailureKind.REFUSAL

    @property
    def kind_of_validation(self) -> FailureKind:
        """Return what fails because of this problem of a challenge: mostly the name, and for every CA."""
        if self.is_temporary or self.type == "serverInternal":
            return FailureKind.CA
        return FailureKind.REFUSAL if self.type in _REFUSING_NAMES else FailureKind.VALIDATION

    def __str__(self) -> str:
        """Return 'type: detail [name: detail; ...]' in one line."""
        text = f"{self.type}: {self.detail}" if self.detail else self.type
        if self.identifier:
            text = f"{self.identifier}: {text}"
        if self.subproblems:
            text += " [" + "; ".join(str(sub) for sub in self.subproblems) + "]"
        if self.type == "userActionRequired":
            steps = [f"visit {self.instance}"] if self.instance else []
            steps += [f"read the terms of service {self.terms}"] if self.terms else []
            text += f" ({', '.join(steps)}, then run again)" if steps else ""
        return text


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else 0
