# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a certificate's revocation, and what keeps it from being known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._common.errors import CollectionError
from .._common.times import utc

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
CRL, OCSP = "crl", "ocsp"


class StatusError(CollectionError):
    """A CRL, an OCSP answer or a certificate that says nothing. str() is one line for people."""


@dataclass(frozen=True)
class RevocationStatus:
    """What a CA says of a certificate.

    source: CRL or OCSP, empty if none could be used; url: where it was. reason: RFC 5280's, in snake case.
    next_update: until when the CA lets this be taken for true. problem: why nothing, or not all, is known.
    """

    status: str
    source: str = ""
    url: str = ""
    reason: str = ""
    revoked_at: datetime | None = None
    next_update: datetime | None = None
    problem: str = ""

    def result(self) -> dict[str, Any]:
        """As modules return it."""
        return {
            "status": self.status,
            "source": self.source or None,
            "url": self.url or None,
            "reason": self.reason or None,
            "revoked_at": utc(self.revoked_at) if self.revoked_at else None,
            "next_update": utc(self.next_update) if self.next_update else None,
            "problem": self.problem,
        }

    def revocation(self) -> str:
        """One line for people on a certificate that is revoked; empty for any other."""
        if self.status != REVOKED:
            return ""
        since = f" since {utc(self.revoked_at)}" if self.revoked_at else ""
        return f"{self.reason}{since}, says {self.url}"


@dataclass(frozen=True)
class RevocationEntry:
    """That a certificate is revoked: why (RFC 5280 section 5.3.1) and since when."""

    reason: str
    at: datetime
