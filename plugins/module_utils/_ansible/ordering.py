# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of acme_order: orders created or resumed, each at the first CA that accepts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._acme.account import Account
from .._acme.client import Client
from .._acme.concurrency import connections_for
from .._acme.directory import Directory
from .._acme.errors import AcmeError, ProblemError
from .._acme.issuance import Failure, prepare, run_all, to_failure
from .._common.clock import Clock
from .._common.contracts import CertificateOrder
from .._common.deadline import Deadline
from .._common.statuses import FailureKind, Status
from .account_limits import AccountLimit
from .ca_options import open_account, open_customer, open_directory
from .cas import Ca, cas_of
from .given_up import with_left_behind
from .key_files import key_would_be_made, load_key
from .order_options import from_failure, from_prepared, to_request
from .take_overs import with_reason


@dataclass
class OrderTotals:
    """The parts of the module's result that are not about one order. requests: the number of HTTP requests."""

    changed: bool = False
    requests: int = 0
    account_uri: str = ""

    def to_result(self) -> dict[str, Any]:
        """Return the totals as the module returns them."""
        account = {"account_uri": self.account_uri} if self.account_uri else {}
        return {"changed": self.changed, "requests": self.requests, **account}


def order_all(
    params: Mapping[str, Any], asked: Sequence[CertificateOrder]
) -> tuple[OrderTotals, list[CertificateOrder]]:
    """Create or resume every order. Raises AcmeError for options that no order can be made with."""
    totals = OrderTotals()
    cas = {ca.directory: ca for ca in cas_of(params)}
    routes = [route(order, list(cas)) for order in asked]
    failures: list[list[tuple[str, Failure]]] = [[] for _order in asked]
    results = [refuse(order) for order in asked]
    while None in results:
        left = [number for number, result in enumerate(results) if result is None]
        url = routes[left[0]][0]
        here = [number for number in left if routes[number][0] == url]
        orders = _order_at(cas[url], params, [asked[number] for number in here], totals, is_only=len(cas) == 1)
        for number, order in zip(here, orders):
            routes[number].pop(0)
            if not isinstance(order, Failure):
                results[number] = with_reason(order, next(iter(cas)), failures[number])
                continue
            failures[number].append((url, order))
            if not routes[number] or order.for_all_cas:
                at = replace(asked[number], directory=decisive(failures[number])[0])
                results[number] = from_failure(at, combine(failures[number]))
    made = [result for result in results if result is not None]
    troubled = {url for at in failures for url, failure in at if failure.kind == FailureKind.CA}
    askable = [ca for url, ca in cas.items() if url not in troubled]
    made, requests = with_left_behind(askable, list(zip(asked, made)))
    totals.requests += requests
    return totals, made


def route(order: CertificateOrder, urls: Sequence[str]) -> list[str]:
    """Return the URLs of the CAs, of which the first choice has to be first, in the order in which they are asked.

    That is as the plan has it. Without a plan, one that already has the order comes first, and then all others.
    """
    if order.other_directories is None:
        return sorted(urls, key=lambda url: url != order.directory)
    planned = [order.directory or urls[0], *order.other_directories]
    return [url for url in dict.fromkeys(planned) if url in urls] or list(urls)


def refuse(order: CertificateOrder) -> CertificateOrder | None:
    """Return the result of an order that no CA can be asked for; None for one that can be asked for."""
    try:
        to_request(order, "").validity.fields(Clock().now())
    except AcmeError as error:
        return from_failure(order, to_failure(error))
    return None


def combine(failures: Sequence[tuple[str, Failure]]) -> Failure:
    """Return the failure of an order at all CAs. It may pass, or be resumed, if that is so at one of them.

    Its kind, and until when to wait, are those of the decisive() one. failures: the URL of each CA's directory with the
    failure there.
    """
    if len(failures) == 1:
        return failures[0][1]
    _directory, decisive_one = decisive(failures)
    return Failure(
        "; ".join(f"{url}: {failure.message}" for url, failure in failures),
        resumable=any(failure.resumable for _url, failure in failures),
        is_temporary=any(failure.is_temporary for _url, failure in failures),
        is_mistake=all(failure.is_mistake for _url, failure in failures),
        kind=decisive_one.kind,
        retry_at=decisive_one.retry_at,
    )


def decisive(failures: Sequence[tuple[str, Failure]]) -> tuple[str, Failure]:
    """Return which of the failures of an order its host records: the next run waits for that CA and asks the others.

    It is the first one that has a CA wait; without any, the first one that a CA has to do with.
    """

    def weight(entry: tuple[str, Failure]) -> int:
        failure = entry[1]
        if failure.kind == FailureKind.LOCAL:
            return 0
        return 1 if failure.kind == FailureKind.CA and failure.retry_at is None else 2

    return max(failures, key=weight)


def check_all(
    params: Mapping[str, Any], asked: Sequence[CertificateOrder]
) -> tuple[OrderTotals, list[CertificateOrder]]:
    """Return what check mode finds without a signed request. Raises AcmeError."""
    cas = {ca.directory: ca for ca in cas_of(params)}
    totals, results = OrderTotals(), [refuse(order) for order in asked]
    for url, ca in cas.items():
        left = [number for number, result in enumerate(results) if result is None]
        here = [number for number in left if route(asked[number], list(cas))[0] == url]
        if not here:
            continue
        if not key_would_be_made(ca):
            load_key(ca.key)
        with open_directory(ca) as (http, directory):
            for number in here:
                order = results[number] = _check_one(directory, ca, asked[number])
                totals.changed |= order.status == Status.PENDING
            totals.requests += http.count
    return totals, [result for result in results if result is not None]


def _order_at(
    ca: Ca, params: Mapping[str, Any], asked: Sequence[CertificateOrder], totals: OrderTotals, is_only: bool
) -> list[CertificateOrder | Failure]:
    """Return the orders at one CA, or their failures there, and add to *totals*. Raises the AcmeError of an only CA."""
    try:
        with open_customer(ca, connections_for(len(asked), params["concurrency"])) as client:
            client.persist_draft = params["dns_persist_draft"]
            try:
                account, made = _prepare_all(client, ca, params, asked)
            finally:
                totals.requests += client.http.count
    except AcmeError as error:
        if is_only:
            raise
        return [to_failure(error)] * len(asked)
    totals.account_uri = totals.account_uri or account.url
    totals.changed |= account.is_new
    orders: list[CertificateOrder | Failure] = []
    for order, found in zip(asked, made):
        totals.changed |= not isinstance(found, Failure) and found.order_uri != order.order_uri
        orders.append(found)
    return orders


def _prepare_all(
    client: Client, ca: Ca, params: Mapping[str, Any], asked: Sequence[CertificateOrder]
) -> tuple[Account, list[CertificateOrder | Failure]]:
    client = client.within(Deadline(client.clock, params["timeout"]))
    account = open_account(client, ca)
    limit = AccountLimit()

    def make(order: CertificateOrder) -> CertificateOrder:
        order = replace(order, profile=client.directory.profile_for(order.profile, ca.profile))
        within = client.within(Deadline(client.clock, params["timeout"]))
        request = to_request(order, ca.directory)
        if not request.order_uri:  # one that the CA has is resumed, which no limit of new orders forbids
            limit.verify()
        try:
            return from_prepared(order, prepare(within, request), ca.directory, account.url)
        except ProblemError as error:
            limit.note(list(request.challenges), error)
            raise

    return account, run_all(asked, make)


def _check_one(directory: Directory, ca: Ca, order: CertificateOrder) -> CertificateOrder:
    try:
        directory.profile_for(order.profile, ca.profile)
    except AcmeError as error:
        return from_failure(order, to_failure(error))
    return replace(order, status=Status.PENDING, challenges=(), forced=None)
