# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Authorizations: an identifier, and the challenges that prove control of it (RFC 8555 section 7.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._common.identifiers import canonical, is_address
from .._common.statuses import FailureKind, Status
from .._common.text import one_line
from .challenge import Challenge
from .client import Client
from .directory import Directory
from .errors import AcmeError, Cause, ProblemError, ProtocolError
from .http import Response, mappings

_BY_WEIGHT = (FailureKind.VALIDATION, FailureKind.REFUSAL, FailureKind.CA)
_STATUS_TEXT = {
    Status.INVALID.value: "is invalid, and the CA does not say why",
    Status.DEACTIVATED.value: "has been deactivated",
    "expired": "has expired",
    "revoked": "has been revoked by the CA",
}


def as_ordered(identifier: str) -> dict[str, str]:
    """Return the JSON of an identifier (RFC 8555 section 9.7.7)."""
    # RFC 8738 section 3: addresses have their own type.
    return {"type": "ip" if is_address(identifier) else "dns", "value": identifier}


def new_authz_url(directory: Directory) -> str:
    """Return the URL for authorizations before any order. Raises ProtocolError if the CA has none."""
    if not directory.new_authz:
        raise ProtocolError(f"{directory.url} does not offer authorizations before orders (it has no newAuthz)")
    return directory.new_authz


@dataclass(frozen=True)
class Authorization:
    """An authorization, as the CA describes it."""

    url: str
    status: str
    identifier: str
    wildcard: bool
    challenges: tuple[Challenge, ...]

    @classmethod
    def create(cls, client: Client, identifier: str) -> Authorization:
        """Ask for an authorization before any order (RFC 8555 section 7.4.1); the CA may return an existing one."""
        url, what = new_authz_url(client.directory), f"{identifier}: newAuthz"
        answer = client.post(url, {"identifier": as_ordered(identifier)}, what, verify=Response.json)
        return cls.parse(client.created_url(answer, "authorization"), answer.json())

    @classmethod
    def fetch(cls, client: Client, url: str) -> Authorization:
        """Read the authorization at *url*."""
        return cls.parse(url, client.post_as_get(url, "authorization").json())

    @classmethod
    def parse(cls, url: str, document: Mapping[str, Any]) -> Authorization:
        """Parse an authorization. Some CAs leave the challenges out of a valid one."""
        identifier = document.get("identifier")
        return cls(
            url=url,
            status=str(document.get("status") or "pending"),
            identifier=canonical(one_line(identifier.get("value", ""), 260)) if isinstance(identifier, Mapping) else "",
            wildcard=document.get("wildcard") is True,
            challenges=tuple(Challenge.parse(item, url) for item in mappings(document.get("challenges"))),
        )

    def deactivate(self, client: Client) -> Authorization:
        """Deactivate it: control of the identifier has to be proved again (RFC 8555 section 7.5.2).

        Raises AcmeError if it can still be used afterwards: some CAs answer 200 and ignore the request.
        """
        refused = None
        try:
            deactivated = {"status": Status.DEACTIVATED}
            answer = client.post(self.url, deactivated, f"{self.identifier}: deactivation", verify=Response.json)
            if answer.json().get("status") == Status.DEACTIVATED:
                return replace(self, status=Status.DEACTIVATED)
        except ProblemError as error:
            if error.is_temporary:
                raise
            # The request may have been repeated because its first answer was lost.
            refused = error
        found = Authorization.fetch(client, self.url)
        if not found.is_usable:
            return found
        raise refused or AcmeError(
            f"{self.identifier}: the authorization {self.url} is not deactivated: the CA accepted the request, and the "
            f"authorization is still {found.status}. Ask the CA to deactivate it"
        )

    @property
    def is_usable(self) -> bool:
        """Return True if orders can use it, now or once it is validated: other states are final (section 7.1.6)."""
        return self.status in (Status.PENDING, Status.VALID)

    @property
    def name(self) -> str:
        """Return the identifier as it was ordered (RFC 8555 section 7.1.3)."""
        return f"*.{self.identifier}" if self.wildcard else self.identifier

    def challenge(self, kind: str) -> Challenge:
        """Return the challenge of a type. Raises AcmeError, which names the types that are offered."""
        for challenge in self.challenges:
            if challenge.type == kind:
                return challenge
        offered = ", ".join(challenge.type for challenge in self.challenges) or "none"
        raise AcmeError(f"{self.identifier}: the CA offers no {kind} challenge (offered: {offered})")

    @property
    def has_failed(self) -> bool:
        """Return True if it can no longer become valid (RFC 8555 section 7.1.6)."""
        return self.status in _STATUS_TEXT

    def cause(self) -> Cause | None:
        """Return why this authorization is not valid; None if no reason is known."""
        text = self.failure()
        problems = [challenge.error for challenge in self.challenges if challenge.error]
        # An authorization that has expired says nothing against its name.
        kinds = {problem.kind_of_validation for problem in problems} or {
            FailureKind.VALIDATION if self.status == Status.INVALID else FailureKind.CA
        }
        return Cause(text, next(kind for kind in _BY_WEIGHT if kind in kinds)) if text else None

    def failure(self) -> str:
        """Return why this authorization is not valid, in one line; empty if no reason is known."""
        errors = [f"{challenge.type}: {challenge.error}" for challenge in self.challenges if challenge.error]
        if errors:
            return f"{self.identifier}: " + "; ".join(errors)
        if self.status in _STATUS_TEXT:
            return f"{self.identifier}: its authorization {_STATUS_TEXT[self.status]}"
        return ""
