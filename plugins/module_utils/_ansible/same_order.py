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
from .._acme.errors import AcmeError, OrderTakenError
from .._acme.issuance import PreparedOrder, complete, order_again
from .._acme.preferred_chain import Preference
from .._common.contracts import CertificateOrder
from .._common.deadline import Deadline
from .._x509.certificates import load_all
from .._x509.csr import is_answered_by, to_der
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
    """The certificates that one order is for, mostly a single one. deadline: of all of them together."""

    way: Way
    deadline: Deadline
    _is_taken: bool = field(default=False, init=False)
    _is_first: bool = field(default=True, init=False)

    def finalize(self, order: CertificateOrder) -> tuple[CertificateOrder, Chain]:
        """Return the order that the certificate has in the end, and its chain. Raises CollectionError."""
        # Before the CA is asked: a request that does not fit would only fail at the end.
        csr = to_der(order.csr_content or "", order.identifiers or ())
        if not self._is_taken:
            chain = self._complete(order, csr)
            if _is_for(csr, chain):
                self._is_taken = True
                return order, chain
        try:
            return self._finalize_again(order, csr)
        except AcmeError as error:
            advice = "Run again" if error.is_temporary else "Correct this and run again"
            raise OrderTakenError(
                f"cannot order again after another certificate took the order {order.order_uri}: {error}. {advice}",
                error.is_temporary,
            ) from None

    def _complete(self, order: CertificateOrder, csr: bytes) -> Chain:
        way, prepared = self.way, to_prepared(order)
        if not self._is_first:  # the one before has failed on its way
            prepared = replace(prepared, order=prepared.order.refresh(way.client.within(self.deadline)))
        self._is_first = False
        way.preflight(prepared)
        return complete(way.client, prepared, csr, self.deadline, way.preference)

    def _finalize_again(self, order: CertificateOrder, csr: bytes) -> tuple[CertificateOrder, Chain]:
        client = self.way.client.within(self.deadline)
        made = order_again(client, to_new_request(order, client.directory.url))
        chain = complete(client, PreparedOrder(made), csr, self.deadline, self.way.preference)
        if not _is_for(csr, chain):
            raise AcmeError(f"the certificate of the order {made.url} is for another key, too")
        return replace(order, order_uri=made.url), chain


def _is_for(csr: bytes, chain: Chain) -> bool:
    return is_answered_by(csr, load_all(chain.certificate, "the certificate from the CA")[0])
