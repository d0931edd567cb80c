# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Challenges and key authorizations (RFC 8555 section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._common.names import TOKEN
from .._common.statuses import Status
from .._common.text import one_line
from .errors import ProtocolError
from .jws import AccountKey
from .problem import Problem
from .urls import resolve

_STATUSES = (Status.PENDING, Status.PROCESSING, Status.VALID, Status.INVALID)


@dataclass(frozen=True)
class Challenge:
    """A challenge: one way to prove control of an identifier."""

    type: str
    url: str
    status: Status
    token: str
    error: Problem | None = None
    issuers: tuple[str, ...] = ()
    persist_draft: str = ""

    @classmethod
    def parse(cls, document: Mapping[str, Any], base: str = "") -> Challenge:
        """Parse a challenge in an answer from the URL *base*. Unknown types are kept, since messages name them."""
        error = document.get("error")
        # dns-persist-01: the name of the field changed in draft 02.
        draft = "02" if "issuerDomainNames" in document else "01"
        issuers = document.get("issuerDomainNames" if draft == "02" else "issuer-domain-names")
        return cls(
            type=one_line(document.get("type", "unknown"), 60),
            url=resolve(document.get("url"), base),
            status=_status(document.get("status") or Status.PENDING),
            token=str(document.get("token") or ""),
            error=Problem.parse(error) if error else None,
            issuers=tuple(str(item) for item in issuers) if isinstance(issuers, list) else (),
            persist_draft=draft if isinstance(issuers, list) else "",
        )

    def key_authorization(self, key: AccountKey) -> str:
        """Return token.thumbprint (RFC 8555 section 8.1). Raises ProtocolError for a malformed token."""
        if not TOKEN.fullmatch(self.token):
            raise ProtocolError(f"the CA gave a {self.type} token that RFC 8555 does not allow: it is not used")
        return f"{self.token}.{key.thumbprint}"


def _status(value: Any) -> Status:
    """Return the status; processing, which decides nothing, for one that is not in RFC 8555 section 7.1.6."""
    return Status(value) if value in _STATUSES else Status.PROCESSING
