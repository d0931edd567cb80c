# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Authorizations: an identifier, and the challenges that prove control of it (RFC 8555 section 7.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..pki.identifiers import canonical
from .challenge import Challenge
from .client import Client
from .errors import AcmeError
from .http import check_url
from .problem import one_line

_STATUS_TEXT = {
    "deactivated": "has been deactivated",
    "expired": "has expired",
    "revoked": "has been revoked by the CA",
}


@dataclass(frozen=True)
class Authorization:
    """An authorization as the CA tells it."""

    url: str
    status: str
    identifier: str
    wildcard: bool
    challenges: tuple[Challenge, ...]

    @classmethod
    def fetch(cls, client: Client, url: str) -> Authorization:
        """Read the authorization at *url*."""
        return cls.parse(url, client.post_as_get(check_url(url), "authorization").json())

    @classmethod
    def parse(cls, url: str, document: Mapping[str, Any]) -> Authorization:
        """Read what is needed; some CAs leave challenges out of a valid authorization."""
        identifier = document.get("identifier")
        challenges = document.get("challenges")
        return cls(
            url=url,
            status=str(document.get("status") or "pending"),
            identifier=canonical(one_line(identifier.get("value", ""), 260)) if isinstance(identifier, Mapping) else "",
            wildcard=document.get("wildcard") is True,
            challenges=tuple(Challenge.parse(item) for item in challenges if isinstance(item, Mapping))
            if isinstance(challenges, list)
            else (),
        )

    @property
    def name(self) -> str:
        """The identifier as it was ordered (RFC 8555 section 7.1.3)."""
        return f"*.{self.identifier}" if self.wildcard else self.identifier

    def challenge(self, kind: str) -> Challenge:
        """The challenge of a type. Raises AcmeError, naming what is offered instead."""
        for challenge in self.challenges:
            if challenge.type == kind:
                return challenge
        offered = ", ".join(challenge.type for challenge in self.challenges) or "none"
        raise AcmeError(f"{self.identifier}: the CA offers no {kind} challenge (offered: {offered})")

    def failure(self) -> str:
        """Why this authorization is not valid, in one line; empty where there is nothing to say."""
        errors = [f"{challenge.type}: {challenge.error}" for challenge in self.challenges if challenge.error]
        if errors:
            return f"{self.identifier}: " + "; ".join(errors)
        if self.status in _STATUS_TEXT:
            return f"{self.identifier}: its authorization {_STATUS_TEXT[self.status]}"
        return f"{self.identifier}: validation failed" if self.status == "invalid" else ""
