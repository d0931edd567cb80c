# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders (RFC 8555 sections 7.1.3 and 7.4): creating, reading, finalizing, polling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    DeadlineError,
    OrderInvalid,
    ProblemError,
    ProtocolError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.order import Order
from ansible_collections.certfleet.tls.plugins.module_utils._acme.problem import Problem
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind
from tests.unit.acme import jose
from tests.unit.acme.server import NAMESPACE, Answer, html, problem

URL = "https://ca.example/order/1"


@pytest.fixture
def place(ca, client):
    """Return place(status, *names), which creates an order at the CA and returns it."""

    def place_(status="pending", *names):
        url = ca.order(client.account_uri, names or ["a.example"], "ready" if status == "processing" else status)
        ca.orders[ca.path(url)]["status"] = status
        return Order(url=url, status=status, identifiers=frozenset(names), authorizations=(), finalize_uri="")

    return place_


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({}, {}),
        ({"profile": None, "replaces": None}, {}),
        ({"profile": "", "replaces": ""}, {}),
        ({"profile": "shortlived"}, {"profile": "shortlived"}),
        ({"replaces": "a.b"}, {"replaces": "a.b"}),
    ],
)
def test_create_order_sends_identifiers_and_options(ca, client, options, more):
    order = Order.create(client, ["a.example", "*.b.example"], **options)
    (request,) = ca.signed()
    identifiers = [{"type": "dns", "value": "a.example"}, {"type": "dns", "value": "*.b.example"}]
    assert request.payload == {"identifiers": identifiers, **more}
    assert request.path == "/new-order"
    assert order.url.startswith(f"{ca.url}/order/")
    assert (order.status, order.identifiers) == ("pending", {"a.example", "*.b.example"})
    assert len(order.authorizations) == 2
    assert order.finalize_uri.startswith(f"{ca.url}/finalize/")


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, r"/new-order returned no order URL$"),
        ({"Location": "http://192.0.2.1/order/1"}, r"ACME requires https \(from the CA at http://127.0.0.1:\d+\)$"),
    ],
)
def test_create_without_order_uri_raises(ca, client, headers, message):
    ca.always("/new-order", Answer(201, {"status": "pending"}, headers))
    with pytest.raises(ProtocolError, match=message):
        Order.create(client, ["a.example"])


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {},
            {
                "identifiers": frozenset(),
                "authorizations": (),
                "finalize_uri": "",
                "certificate_uri": "",
            },
        ),
        ({"identifiers": None, "authorizations": None, "error": None}, {"identifiers": frozenset(), "error": None}),
        ({"identifiers": 5, "authorizations": 5}, {"identifiers": frozenset(), "authorizations": ()}),
        ({"identifiers": {"type": "dns"}, "authorizations": "x"}, {"identifiers": frozenset(), "authorizations": ()}),
        ({"identifiers": [None, "a", {"value": "B.Example"}]}, {"identifiers": frozenset({"b.example"})}),
        ({"expires": "2030-01-01T00:00:00Z", "odd": 1}, {"status": "pending"}),
    ],
)
def test_parse_only_status_required(document, expected):
    order = Order.parse(URL, {"status": "pending", **document})
    assert {name: getattr(order, name) for name in expected} == expected


@pytest.mark.parametrize("status", ["pending", "ready", "processing", "valid", "invalid"])
def test_parse_all_statuses(status):
    assert Order.parse(URL, {"status": status}).status == status


@pytest.mark.parametrize("status", [None, "", "Valid", "expired", "deactivated", ["valid"], {}, 1])
def test_parse_unknown_status_raises(status):
    with pytest.raises(
        ProtocolError, match=r"^order https://ca.example/order/1 has the status .*, which is not in RFC 8555"
    ):
        Order.parse(URL, {"status": status})


@pytest.mark.parametrize(
    ("answer", "error"),
    [(html(), ProtocolError), (Answer(200, []), ProtocolError), (problem("malformed", 404), ProblemError)],
)
def test_fetch_malformed_answer_raises(ca, client, answer, error):
    ca.always("/order", answer)
    with pytest.raises(error):
        Order.fetch(client, f"{ca.url}/order/1")


@pytest.mark.parametrize("value", ["3", "Mon, 23 Nov 2026 12:00:03 GMT"], ids=["seconds", "date"])
def test_fetch_reads_retry_after(ca, client, value):
    ca.always("/order", Answer(200, {"status": "processing"}, {"Retry-After": value}))
    assert Order.fetch(client, f"{ca.url}/order/1").retry_after == 3


def test_finalize_sends_the_csr(ca, client):
    ca.ready_orders = True
    order = Order.create(client, ["a.example"]).finalize(client, b"\x30\xff\xfe")
    assert order.status == "processing"
    assert ca.signed("/finalize")[0].payload == {"csr": jose.encode(b"\x30\xff\xfe")}


def test_finalize_keeps_the_orders_url(ca, client):
    # The answer has a Location at some CAs; the order is what it was made as.
    ca.ready_orders = True
    order = Order.create(client, ["a.example"])
    ca.script("/finalize", Answer(200, {"status": "processing"}, {"Location": f"{ca.url}/elsewhere"}))
    assert order.finalize(client, b"csr").url == order.url


def test_finalize_without_url_raises(client):
    with pytest.raises(ProtocolError, match=r"^the CA returned no URL where one is required \(from the CA at "):
        Order.parse(URL, {"status": "ready"}).finalize(client, b"csr")


class TestLeftOut:
    """Some CAs give the URLs in the answer to newOrder only."""

    def test_refresh_keeps_what_is_left_out(self, ca, client):
        order = Order.create(client, ["a.example"])
        ca.always("/order", Answer(200, {"status": "ready"}))
        assert order.refresh(client) == replace(order, status="ready")

    def test_refresh_takes_what_has_changed(self, ca, client):
        order = Order.create(client, ["a.example"])
        ca.always("/order", Answer(200, {"status": "valid", "finalize": f"{ca.url}/f", "certificate": f"{ca.url}/c"}))
        found = order.refresh(client)
        assert (found.finalize_uri, found.certificate_uri) == (f"{ca.url}/f", f"{ca.url}/c")

    def test_create_answer_without_identifiers_has_those_that_were_asked_for(self, ca, client):
        ca.script("/new-order", Answer(201, {"status": "pending"}, {"Location": f"{ca.url}/order/1"}))
        assert Order.create(client, ["A.Example"]).identifiers == {"a.example"}


def test_create_relative_urls_are_of_the_request(ca, client):
    document = {
        "status": "valid",
        "authorizations": ["/authz/1", "authz/2"],
        "finalize": "//evil.example/f",
        "certificate": "?c=1",
    }
    ca.script("/new-order", Answer(201, document, {"Location": "/order/9"}))
    order = Order.create(client, ["a.example"])
    assert order.url == f"{ca.url}/order/9"
    assert order.authorizations == (f"{ca.url}/authz/1", f"{ca.url}/authz/2")
    assert order.certificate_uri == f"{ca.url}/new-order?c=1"
    with pytest.raises(ProtocolError, match=r"^http://evil.example/f is refused: "):
        order.finalize(client, b"csr")


class TestWaiting:
    def test_wait_past_returns_order_in_next_status(self, ca, client, place, time):
        ca.processing_polls = 3
        order = place("processing").wait_past(client, ("processing",), Deadline(time.clock, 100))
        assert order.status == "valid"
        assert order.certificate_uri.startswith(f"{ca.url}/cert/")
        assert time.pauses == pytest.approx([0.3, 0.48, 0.768, 1.2288])

    def test_wait_past_invalid_order_raises(self, ca, client, place, time):
        order = place("pending")
        ca.orders[ca.path(order.url)].update(status="invalid", error={"type": NAMESPACE + "caa", "detail": "forbidden"})
        with pytest.raises(OrderInvalid, match=r"^caa: forbidden$"):
            order.wait_past(client, ("pending",), Deadline(time.clock, 100))

    def test_wait_past_raises_at_deadline(self, place, client, time):
        order, start = place("pending"), time.monotonic()
        with pytest.raises(DeadlineError, match=rf"^the order {order.url} did not get past 'pending' within 30 s$"):
            order.wait_past(client, ("pending",), Deadline(time.clock, 30))
        assert time.monotonic() - start == pytest.approx(30)

    def test_wait_past_retry_after_is_minimum_pause(self, ca, client, place, time):
        order = place("processing")
        ca.script(ca.path(order.url), Answer(200, {"status": "processing"}, {"Retry-After": "3"}))
        order.wait_past(client, ("processing",), Deadline(time.clock, 100))
        assert time.pauses == [0.3, 3]

    def test_wait_past_retry_after_of_a_day_is_polled_on(self, ca, client, place, time):
        ca.processing_polls = 2
        order = place("processing")
        a_day = Answer(200, {"status": "processing"}, {"Retry-After": "86400"})
        ca.script(ca.path(order.url), a_day, a_day)
        assert order.wait_past(client, ("processing",), Deadline(time.clock, 300)).status == "valid"
        assert time.pauses == pytest.approx([0.3, 10, 10, 1.2288, 1.96608], abs=0.01)


class TestFailure:
    """The reason why an order is invalid, as the CA gives it."""

    def test_failure_of_authorizations_is_named(self, ca, client):
        error = {"type": NAMESPACE + "unauthorized", "detail": "404"}
        order = Order.create(client, ["a.example", "b.example", "c.example"])
        for path, status, why in zip(order.authorizations, ("invalid", "valid", "expired"), (error, None, None)):
            ca.authorizations[ca.path(path)].update(status=status, error=why)
        assert str(order.failure(client)) == (
            "a.example: http-01: unauthorized: 404; dns-01: unauthorized: 404; c.example: its authorization has expired"
        )

    def test_failure_of_authorization_precedes_error_of_order(self, ca, client):
        made = Order.create(client, ["a.example"])
        ca.authorizations[ca.path(made.authorizations[0])].update(status="expired")
        order = replace(made, status="invalid", error=Problem("malformed", "an authorization is not valid"))
        assert str(order.failure(client)) == "a.example: its authorization has expired"

    def test_failure_error_of_order(self, client):
        order = Order.parse(URL, {"status": "invalid", "error": {"type": NAMESPACE + "caa", "detail": "forbidden"}})
        assert str(order.failure(client)) == "caa: forbidden"

    def test_failure_has_subproblems(self, client):
        identifier = {"type": "dns", "value": "a.example"}
        sub = {"type": NAMESPACE + "rejectedIdentifier", "detail": "blocked", "identifier": identifier}
        error = {"type": NAMESPACE + "rejectedIdentifier", "detail": "1 of 2", "subproblems": [sub]}
        order = Order.parse(URL, {"status": "invalid", "error": error})
        assert str(order.failure(client)) == "rejectedIdentifier: 1 of 2 [a.example: rejectedIdentifier: blocked]"

    def test_failure_after_the_deadline_is_found_out(self, ca, client, time):
        """Also without a nonce on hand."""
        error = {"type": NAMESPACE + "unauthorized", "detail": "404"}
        order = Order.create(client, ["a.example"])
        ca.authorizations[ca.path(order.authorizations[0])].update(status="invalid", error=error)
        late = client.within(Deadline(time.clock, 5))
        time.sleep(5)
        client._nonces._on_hand.clear()
        assert str(order.failure(late)).startswith("a.example: http-01: unauthorized: 404")

    def test_failure_authorization_that_cannot_be_read_is_left_out(self, ca, client):
        error = {"type": NAMESPACE + "unauthorized", "detail": "404"}
        order = Order.create(client, ["a.example", "b.example"])
        ca.authorizations[ca.path(order.authorizations[1])].update(status="invalid", error=error)
        ca.always(ca.path(order.authorizations[0]), problem("malformed", 404))
        assert str(order.failure(client)).startswith("b.example: http-01: unauthorized: 404")

    def test_failure_without_reason_names_order(self, client):
        order = Order.parse(URL, {"status": "invalid"})
        assert str(order.failure(client)) == f"the order {URL} is invalid, and the CA does not say why"

    @pytest.mark.parametrize(
        ("of_authorizations", "of_order", "kind"),
        [
            (["unauthorized"], None, FailureKind.VALIDATION),
            (["caa"], None, FailureKind.REFUSAL),
            (["serverInternal"], None, FailureKind.CA),
            # A name that cannot be validated is so at every CA.
            (["caa", "connection"], None, FailureKind.VALIDATION),
            (["caa", "serverInternal"], None, FailureKind.REFUSAL),
            ([], "caa", FailureKind.REFUSAL),
            ([], "rateLimited", FailureKind.CA),
            ([], None, FailureKind.CA),
        ],
    )
    def test_failure_kind_says_if_another_ca_may_help(self, ca, client, of_authorizations, of_order, kind):
        order = Order.create(client, ["a.example", "b.example"])
        for path, problem_type in zip(order.authorizations, of_authorizations):
            error = {"type": NAMESPACE + problem_type, "detail": "no"}
            ca.authorizations[ca.path(path)].update(status="invalid", error=error)
        order = replace(order, status="invalid", error=Problem(of_order) if of_order else None)
        assert order.failure(client).kind == kind
