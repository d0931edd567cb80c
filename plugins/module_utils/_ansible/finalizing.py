# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of acme_order_finalize: challenges validated, orders finalized, certificates downloaded and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .._acme.certificate import Chain
from .._acme.client import Client
from .._acme.concurrency import connections_for, run_each
from .._acme.errors import AcmeError, ChainError
from .._acme.issuance import Failure, to_failure
from .._acme.preferred_chain import Preference
from .._common.contracts import CertificateOrder
from .._common.deadline import Deadline
from .._common.errors import CollectionError
from .._common.statuses import Status
from .._common.times import utc
from .._fleet.issuance_history import RecordedCertificate, Recorder
from .._x509.certificates import facts, load_all
from .._x509.csr import to_der
from . import issued, take_overs
from .ca_options import open_client
from .cas import Ca, cas_of
from .controller_module import Warn
from .order_options import ended, from_failure
from .order_preflight import OrderPreflight
from .ordering import OrderTotals
from .same_order import SameOrder, Way, group


def finalize_all(
    params: Mapping[str, Any], orders: Sequence[CertificateOrder], warn: Warn
) -> tuple[OrderTotals, list[CertificateOrder]]:
    """Finalize each order at its CA. Raises AcmeError."""
    cas = cas_of(params)
    results: dict[int, CertificateOrder] = {}
    totals = OrderTotals()
    recorder = Recorder(params["history"])
    preflight = OrderPreflight(params["resolver"], len(cas) > 1) if params["preflight"] else None
    for ca in cas:
        here = [number for number, order in enumerate(orders) if (order.directory or cas[0].directory) == ca.directory]
        if not here:
            continue
        try:
            found = _finalize_at(ca, params, [orders[number] for number in here], preflight, recorder, totals)
        except AcmeError as error:
            if len(cas) == 1:
                raise
            found = [from_failure(orders[number], to_failure(error)) for number in here]
        results.update(zip(here, found if len(cas) == 1 else map(take_overs.with_place, found)))
    recorder.close()
    finals = [results.get(number) or _without_ca(order) for number, order in enumerate(orders)]
    warnings = (recorder.problem, preflight.warning if preflight else "", issued.warning(finals))
    for line in (*warnings, *take_overs.lines(finals)):
        if line:
            warn(line)
    return totals, finals


def check_all(orders: Iterable[CertificateOrder]) -> tuple[OrderTotals, list[CertificateOrder]]:
    """Return what check mode finds without a request to a CA: the orders that would fail."""
    totals, failed = OrderTotals(), []
    for order in orders:
        try:
            to_der(order.csr_content or "", order.identifiers or ())
        except CollectionError as error:
            failed.append(from_failure(order, Failure(str(error))))
        else:
            totals.changed |= order.status != Status.VALID  # a valid one is only downloaded
    return totals, failed


def _without_ca(order: CertificateOrder) -> CertificateOrder:
    message = f"acme_directory does not list the CA of its order, {order.directory}. Add this CA"
    return from_failure(order, Failure(message))


def _finalize_at(
    ca: Ca,
    params: Mapping[str, Any],
    orders: Sequence[CertificateOrder],
    preflight: OrderPreflight | None,
    recorder: Recorder,
    totals: OrderTotals,
) -> list[CertificateOrder]:
    """Return the orders at one CA, and add to *totals*. Raises AcmeError."""
    with open_client(ca, connections_for(len(orders), params["concurrency"])) as client:
        client.account_uri = orders[0].account_uri
        verify_challenges = preflight.verify(client, orders) if preflight else lambda _prepared: None
        preference = Preference(ca.preferred_chain, ca.takes_default_chain)

        way = Way(client, verify_challenges, preference)

        def one(order: CertificateOrder, same: SameOrder) -> CertificateOrder:
            try:
                made, chain = _recorded(recorder, client, order, same)
                times = client.clock.now(), client.http.own_clock.now()
                issued.verify(chain, order.identifiers or (), times, bool(order.not_before))
                found = issued.deviations_of(made, chain)
                return ended(
                    made,
                    status=Status.VALID,
                    certificate=chain.certificate,
                    chain=chain.chain,
                    deviations=found or None,
                )
            except AcmeError as error:  # with what it says of a later run
                was_valid = order.status == Status.VALID
                return from_failure(order, issued.failure_of(error, was_valid, client.clock.now()))
            except CollectionError as error:
                return from_failure(order, Failure(str(error)))
            except Exception as error:
                return from_failure(order, issued.unexpected_failure(error, order.status == Status.VALID))
            finally:
                if same.has_changed:
                    totals.changed = True

        def in_turn(indexes: list[int]) -> list[CertificateOrder]:
            same = SameOrder(way, Deadline(client.clock, params["timeout"]))
            return [one(orders[index], same) for index in indexes]

        groups = list(group(orders))
        results: dict[int, CertificateOrder] = {}
        for indexes, found in zip(groups, run_each(groups, in_turn)):
            results.update(zip(indexes, found))
        totals.requests += client.http.count
        return [results[index] for index in range(len(orders))]


def _recorded(
    recorder: Recorder, client: Client, order: CertificateOrder, same: SameOrder
) -> tuple[CertificateOrder, Chain]:
    """Finalize an order, and record its certificate at once, so that it is recorded if the run is killed later.

    It is recorded even if its chain is refused: the CA has issued it. Raises CollectionError.
    """
    try:
        made, chain = same.finalize(order)
    except ChainError as error:
        with suppress(CollectionError):
            recorder.add(recorded_of(client, order, issued.leaf_first(error.delivered)))
        raise
    recorder.add(recorded_of(client, made, chain))
    return made, chain


def recorded_of(client: Client, order: CertificateOrder, chain: Chain) -> RecordedCertificate:
    """Return the record of a certificate. Raises CollectionError for one that cannot be parsed."""
    (certificate,) = load_all(chain.certificate, "the certificate from the CA")
    known = facts(certificate)
    return RecordedCertificate(
        time=utc(client.clock.now()),
        host=order.host or "",
        name=order.name,
        serial=known["serial"],
        not_after=known["not_after"],
        directory=client.directory.url,
        account_uri=order.account_uri or "",
        names=order.identifiers or (),
        certificate=chain.certificate,
        chain=chain.chain,
    )
