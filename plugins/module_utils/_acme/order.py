# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Orders (RFC 8555 sections 7.1.3 and 7.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._common.base64url import encode
from .._common.deadline import Deadline
from .._common.identifiers import canonical
from .._common.statuses import ORDERED, FailureKind, Status
from .._common.text import one_line
from .authorization import Authorization, as_ordered
from .client import Client
from .errors import AcmeError, Cause, DeadlineError, OrderInvalid, ProtocolError
from .http import Response, mappings, texts
from .polling import poll
from .problem import Problem
from .urls import resolve
from .validity import RequestedValidity

# RFC 8555 section 7.1.6. Any other status is an error.
_STATUSES = (*ORDERED, Status.INVALID)
# Fields that an answer may leave out, and that do not change.
_LASTING = ("identifiers", "authorizations", "finalize_uri", "certificate_uri", "deviations")


@dataclass(frozen=True)
class Order:
    """An order, as the CA describes it."""

    url: str
    status: Status
    identifiers: frozenset[str]
    authorizations: tuple[str, ...]
    finalize_uri: str
    certificate_uri: str = ""
    error: Problem | None = None
    retry_after: float | None = None
    #: As the CA has them: the profile, and the ARI id of the certificate that it replaces; empty if it names none.
    profile: str = ""
    replaces: str = ""
    #: The CA did otherwise than it was asked for, in these respects (deviations.py).
    deviations: tuple[str, ...] = ()

    @classmethod
    def create(
        cls,
        client: Client,
        identifiers: Sequence[str],
        profile: str | None = None,
        replaces: str | None = None,
        validity: RequestedValidity | None = None,
    ) -> Order:
        """Create an order. *replaces*: the ARI id of the certificate that this one replaces (RFC 9773 section 5).

        With it, HTTP 500 may mean that the CA cannot handle that certificate, so the request is not repeated.
        """
        payload: dict[str, Any] = {"identifiers": [as_ordered(name) for name in identifiers]}
        if validity:
            payload.update(validity.fields(client.clock.now()))
        if profile:
            payload["profile"] = profile
        if replaces:
            payload["replaces"] = replaces
        no_retry = (500,) if replaces else ()
        answer = client.post(client.directory.new_order, payload, "newOrder", no_retry=no_retry, verify=Response.json)
        order = cls._read(client, client.created_url(answer, "order"), answer)
        return replace(order, identifiers=order.identifiers or frozenset(map(canonical, identifiers)))

    @classmethod
    def fetch(cls, client: Client, url: str) -> Order:
        """Read the order at *url*."""
        return cls._read(client, url, client.post_as_get(url, "order"))

    @property
    def missing(self) -> str:
        """Return the field that it needs in its status and does not have; empty if there is none.

        Some CAs leave URLs out of a polled order.
        """
        if self.status == Status.PENDING and not self.authorizations:
            return "authorizations"
        if self.status in (Status.PENDING, Status.READY) and not self.finalize_uri:
            return "finalize"
        return "certificate" if self.status == Status.VALID and not self.certificate_uri else ""

    def refresh(self, client: Client) -> Order:
        """Read this order again."""
        return self._updated(Order.fetch(client, self.url))

    def _updated(self, found: Order) -> Order:
        """Return the order as it was *found*. Some CAs leave out the URLs once newOrder has given them."""
        return replace(found, **{name: getattr(found, name) or getattr(self, name) for name in _LASTING})

    @classmethod
    def _read(cls, client: Client, url: str, answer: Response) -> Order:
        return cls.parse(url, answer.json(), answer.retry_after(client.clock.now()), answer.url)

    @classmethod
    def parse(
        cls, url: str, document: Mapping[str, Any], retry_after: float | None = None, base: str | None = None
    ) -> Order:
        """Parse an order. *base*: the URL of the request, if that is not *url*. Raises ProtocolError.

        That is for a status that is not in RFC 8555; URLs are verified when they are used.
        """
        base = base or url
        status = document.get("status")
        if status not in _STATUSES:
            raise ProtocolError(f"order {url} has the status {one_line(status, 40)}, which is not in RFC 8555")
        identifiers = (item.get("value", "") for item in mappings(document.get("identifiers")))
        return cls(
            url=url,
            status=Status(status),
            identifiers=frozenset(canonical(str(value)) for value in identifiers),
            authorizations=tuple(resolve(uri, base) for uri in texts(document.get("authorizations"))),
            finalize_uri=resolve(document.get("finalize"), base),
            certificate_uri=resolve(document.get("certificate"), base),
            error=Problem.parse(document["error"]) if document.get("error") else None,
            retry_after=retry_after,
            profile=one_line(document.get("profile") or "", 80),
            replaces=str(document.get("replaces") or ""),
        )

    def finalize(self, client: Client, csr_der: bytes) -> Order:
        """Send the CSR (DER bytes), and return the order, often still processing (RFC 8555 section 7.4)."""
        answer = client.post(self.finalize_uri, {"csr": encode(csr_der)}, "finalize", verify=Response.json)
        return self._updated(self._read(client, self.url, answer))

    def wait_past(self, client: Client, statuses: Collection[Status], deadline: Deadline) -> Order:
        """Poll this order until it has none of *statuses*. Raises DeadlineError, OrderInvalid."""
        what = f"the order {self.url} did not get past '{self.status}'"
        order = self._polled(client, lambda order: order.status not in statuses, deadline, what, self.retry_after)
        if order.status == Status.INVALID:
            raise order.failure(client)
        return order

    def with_certificate_uri(self, client: Client, deadline: Deadline) -> Order:
        """Return this valid order with the URL of its certificate. Raises DeadlineError."""
        if not self.missing:
            return self
        what = f"the order {self.url} is valid, but the CA did not give the URL of its certificate"
        return self._polled(client, lambda order: not order.missing, deadline, what)

    def _polled(
        self,
        client: Client,
        done: Callable[[Order], bool],
        deadline: Deadline,
        what: str,
        retry_after: float | None = None,
    ) -> Order:
        """Read this order until it is *done*; the arguments are those of poll()."""

        def read() -> tuple[Order, float | None]:
            order = self.refresh(client)
            return order, order.retry_after

        return poll(read, done, deadline, what, retry_after)

    def failed_authorizations(self, client: Client) -> list[Cause]:
        """Return the failures of this order's authorizations. They are read only here, after the order has failed.

        An authorization that cannot be read is left out.
        """
        client = client.patient()
        failures: list[Cause | None] = []
        for url in self.authorizations:
            try:
                client.refuse_late("authorization")
                failures.append(Authorization.fetch(client, url).cause())
            except DeadlineError:
                break
            except AcmeError:
                continue
        return [failure for failure in failures if failure]

    def failure(self, client: Client) -> OrderInvalid:
        """Return the error that says why the order is not valid."""
        failed = self.failed_authorizations(client)
        if not failed and self.error:
            failed = [Cause(str(self.error), self.error.kind)]
        unknown = Cause(f"the order {self.url} is {self.status}, and the CA does not say why", FailureKind.CA)
        return OrderInvalid(*failed or [unknown])
