# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The revocation status of a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._common.errors import CollectionError
from .._common.times import utc

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
#: The sources of a status. MARK: this collection revoked the certificate, and marked it.
CRL, OCSP, MARK = "crl", "ocsp", "mark"


class StatusError(CollectionError):
    """A CRL, an OCSP answer or a certificate that cannot be used. str(): one line."""


@dataclass(frozen=True)
class RevocationStatus:
    """The revocation status of a certificate.

    source: CRL, OCSP or MARK, empty if none could be used; url: its URL, empty also for MARK. reason: RFC 5280's, in
    snake case. next_update: until when it is valid. problem: why the status is unknown.
    """

    status: str
    source: str = ""
    url: str = ""
    reason: str = ""
    revoked_at: datetime | None = None
    next_update: datetime | None = None
    problem: str = ""

    def result(self) -> dict[str, Any]:
        """Return the status as in the results of modules."""
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
        """Return one line about a revoked certificate; empty for any other."""
        if self.status != REVOKED:
            return ""
        since = f" since {utc(self.revoked_at)}" if self.revoked_at else ""
        return f"{self.reason}{since}, according to {self.url}"


@dataclass(frozen=True)
class RevocationEntry:
    """A revocation: its reason (RFC 5280 section 5.3.1) and its time."""

    reason: str
    at: datetime
