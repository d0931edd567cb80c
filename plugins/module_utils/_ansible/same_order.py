# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates whose newOrder got one and the same order, each finalized in turn with an order of its own.

Let's Encrypt and others answer newOrder with the account's pending order for the same identifiers, if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .._acme.certificate import Chain
from .._acme.client import Client
from .._acme.errors import AcmeError, OrderTakenError, RefusedCertificateError
from .._acme.issuance import PreparedOrder, complete, order_again
from .._acme.preferred_chain import Preference
from .._common.contracts import CertificateOrder
from .._common.deadline import Deadline
from .._common.statuses import Status
from .._x509.csr import to_der
from .issued import in_order, is_due, is_for
from .order_options import to_new_request, to_prepared


@dataclass(frozen=True)
class Way:
    """The way from an order to its certificate at one CA. preflight: verifies the challenges of a pending order."""

    client: Client
    preflight: Callable[[PreparedOrder], None]
    preference: Preference


def group(orders: Sequence[CertificateOrder]) -> Iterator[list[int]]:
    """Yield the indexes of the orders, those with the same URL together."""
    by_url: dict[str | None, list[int]] = {}
    for index, order in enumerate(orders):
        by_url.setdefault(order.order_uri, []).append(index)
    yield from by_url.values()


@dataclass
class SameOrder:
    """The certificates that one order is for, mostly a single one. deadline: of all of them together.

    has_changed: the latest finalize() has changed something at the CA, or may have before it failed.
    """

    way: Way
    deadline: Deadline
    has_changed: bool = field(default=False, init=False)
    _is_taken: bool = field(default=False, init=False)
    _is_first: bool = field(default=True, init=False)

    def finalize(self, order: CertificateOrder) -> tuple[CertificateOrder, Chain]:
        """Return the order that the certificate has in the end, and its chain. Raises CollectionError."""
        self.has_changed = False
        # Before the CA is asked: a request that does not fit would only fail at the end.
        csr = to_der(order.csr_content or "", order.identifiers or ())
        why = f"another certificate took the order {order.order_uri}"
        if not self._is_taken:
            chain = self._complete(order, csr)
            # An earlier run finalized it, and no host could use it until now.
            is_late = order.status == Status.VALID and is_due(chain.certificate, self.way.client.clock.now())
            if is_for(csr, chain) and not is_late:
                self._is_taken = True
                return order, chain
            why = f"the certificate of the order {order.order_uri} {'came due' if is_late else 'is for another key'}"
        try:
            return self._finalize_again(order, csr)
        except RefusedCertificateError:
            raise
        except AcmeError as error:
            advice = "Run again" if error.is_temporary else "Correct this and run again"
            message = f"cannot order again after {why}: {error}. {advice}"
            raise OrderTakenError(message, error.is_temporary, error.kind, error.retry_at) from None

    def _complete(self, order: CertificateOrder, csr: bytes) -> Chain:
        way, prepared = self.way, to_prepared(order)
        if not self._is_first:  # the one before has failed on its way
            prepared = replace(prepared, order=prepared.order.refresh(way.client.within(self.deadline)))
        self._is_first = False
        way.preflight(prepared)
        self.has_changed = prepared.order.status != Status.VALID
        chain = in_order(complete(way.client, prepared, csr, self.deadline, way.preference))
        self.has_changed = chain.is_new
        return chain

    def _finalize_again(self, order: CertificateOrder, csr: bytes) -> tuple[CertificateOrder, Chain]:
        client = self.way.client.within(self.deadline)
        made = order_again(client, to_new_request(order, client.directory.url))
        self.has_changed = True
        chain = in_order(complete(client, PreparedOrder(made), csr, self.deadline, self.way.preference))
        if not is_for(csr, chain):
            raise RefusedCertificateError(
                f"the certificate of the order {order.order_uri} cannot be used, and that of the new order {made.url} "
                "is for another key. Check whether another client orders with the same account"
            )
        return replace(order, order_uri=made.url, deviations=made.deviations), chain
