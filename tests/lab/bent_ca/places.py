# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests that a fault is about: by resource, status, certificate and number."""

from __future__ import annotations

from dataclasses import dataclass

#: As RFC 8555 section 7.1.1 and RFC 9773 name them; an order is polled, newOrder and finalize are apart.
RESOURCES = (
    *("directory", "newNonce", "newAccount", "account", "newOrder", "order", "authorization", "challenge", "finalize"),
    *("certificate", "renewalInfo", "revokeCert", "keyChange"),
)
#: Resources that are asked with GET or HEAD, so without a nonce (RFC 8555 section 6.5, RFC 9773 section 4.1).
WITHOUT_NONCE = ("directory", "newNonce", "renewalInfo")
#: Resources whose answers are orders.
ORDERS = ("newOrder", "order", "finalize")
STATUSES = ("pending", "ready", "processing", "valid", "invalid")


@dataclass(frozen=True)
class Subject:
    """The certificate that requests are for: one of its names, or its number in the order in which they were ordered.

    Without either, all requests are meant; *each*: they are counted for each certificate by itself.
    """

    name: str = ""
    number: int = 0
    each: bool = False


@dataclass(frozen=True)
class Place:
    """Requests for a resource. No resources: any. *status*: only where the CA's answer has this status."""

    resources: tuple[str, ...] = ()
    subject: Subject = Subject()
    status: str = ""


@dataclass(frozen=True)
class Times:
    """The requests at a place that a fault changes: from the *first* to the *last* (None: no end), each *step*-th."""

    first: int = 1
    last: int | None = None
    step: int = 1

    def include(self, number: int) -> bool:
        """Return True if the request with this *number*, from 1, is one of them."""
        return self.first <= number <= (self.last or number) and number % self.step == 0


ALWAYS = Times()
