# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that a CA gives one order, as Let's Encrypt does: ordered and finalized, each with its own key."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import (
    finalizing,
    order_preflight,
    ordering,
    same_order,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind, Status
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import keys
from ansible_collections.certfleet.tls.plugins.module_utils._x509.csr import build, is_answered_by
from tests.unit import contracts
from tests.unit.acme.server import problem
from tests.unit.host.ca import Authority, ec_key, key_of, pem

NAME = "lb.example"
LATER = {"Retry-After": "7200"}
AGAIN = "cannot order again after another certificate took the order "


@dataclass
class Customer:
    """A user of the modules acme_order and acme_order_finalize."""

    ca: object
    params: object

    def order(self, *orders):
        _totals, made = ordering.order_all(self.params(), orders)
        return made

    def finalize(self, orders, **more):
        _totals, finals = finalizing.finalize_all(self.params(**more), orders, lambda _line: None)
        return finals

    def paths(self, orders):
        return [self.ca.path(order.order_uri) for order in orders]


@pytest.fixture
def customer(ca, options):
    """Return a customer of a CA that returns open orders and proofs again, and issues for the key of each request."""
    usual = {
        "contact": [],
        "dns_persist_draft": None,
        "account_key_create": True,
        "preferred_chain": [],
        "preferred_chain_missing": "fail",
        "preflight": False,
        "resolver": [],
        "history": None,
        "timeout": 60,
        "concurrency": 8,
    }
    root, now = Authority.root(), datetime.now(timezone.utc)

    @cache
    def issue(csr):
        request = x509.load_der_x509_csr(csr)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        validity = {"not_before": now - timedelta(days=1), "not_after": now + timedelta(days=9)}
        return pem(root.leaf(request.public_key(), list(names), **validity), root.certificate)

    ca.reuses_orders, ca.reuses_authorizations, ca.issue = True, True, issue
    return Customer(ca, lambda **more: options(**{**usual, **more}))


def asked(host="web1", name="lb", **more):
    nothing = dict.fromkeys(("not_before", "not_after", "profile", "replaces_ari_id", "order_uri", "account_uri"))
    usual = {"identifiers": (NAME,), "can_wait": False, "directory": None, **nothing}
    return contracts.asked(**{**usual, "host": host, "name": name, **more})


def requested(orders, keys=None):
    keys = keys or [ec_key() for _order in orders]
    return [replace(order, csr_content=build(key, order.identifiers).decode()) for order, key in zip(orders, keys)]


def has_own_key(order, final):
    """Return True if the certificate is for the key of the order's request."""
    csr = x509.load_pem_x509_csr(order.csr_content.encode())
    certificate = x509.load_pem_x509_certificate(final.certificate.encode())
    # Keys of older releases of cryptography are not equal, only their bytes are.
    return keys.public_der(csr.public_key()) == keys.public_der(certificate.public_key())


def test_finalize_all_hosts_with_the_same_names_get_a_certificate_each(ca, customer, tmp_path):
    asked_for = [asked(host, name) for host in ("web1", "web2", "web3") for name in ("lb", "lb-rsa")]
    made = customer.order(*asked_for, asked(name="other", identifiers=("other.example",)))
    shared = made[0].order_uri
    assert [order.order_uri == shared for order in made] == [True] * 6 + [False]
    assert len({order.challenges for order in made[:6]}) == 1
    orders = requested(made, [key_of("rsa" if order.name == "lb-rsa" else "ec256") for order in made])
    finals = customer.finalize(orders, history=str(tmp_path / "history"))
    assert [(final.host, final.name, final.status) for final in finals] == [
        (order.host, order.name, Status.VALID) for order in orders
    ]
    assert all(map(has_own_key, orders, finals))
    assert len({final.order_uri for final in finals}) == 7
    assert (finals[0].order_uri, finals[6].order_uri) == (shared, made[6].order_uri)
    assert len((tmp_path / "history").read_text().splitlines()) == 7
    assert ca.counts()["/challenge"] == 2


def test_finalize_all_later_one_costs_a_new_order_and_no_validation(ca, customer):
    made = customer.order(asked(), asked("web2"))
    before = ca.counts()
    customer.finalize(requested(made))
    assert ca.counts() - before == {"/challenge": 1, "/new-order": 1, "/order": 3, "/finalize": 2, "/cert": 2}


def test_finalize_all_orders_of_their_own_cost_no_more_requests(ca, customer):
    ca.reuses_orders = ca.reuses_authorizations = False
    orders = requested(customer.order(asked(), asked("web2")))
    finals = customer.finalize(orders)
    assert [final.order_uri for final in finals] == [order.order_uri for order in orders]
    counts = {"/new-account": 1, "/new-order": 2, "/authz": 2, "/challenge": 2, "/order": 4, "/finalize": 2, "/cert": 2}
    assert ca.counts() == counts


def test_finalize_all_new_order_has_the_terms_of_its_certificate(ca, customer):
    ca.meta = {"profiles": {"shortlived": "days"}}
    terms = {"profile": "shortlived", "not_before": "2030-01-01T00:00:00Z", "not_after": "2030-02-01T00:00:00Z"}
    made = customer.order(
        asked(), asked("web2", **terms, replaces_ari_id="a.b", replaces_directory=None, replaces_account=None)
    )
    customer.finalize(requested(made))
    expected = {"profile": "shortlived", "notBefore": terms["not_before"], "notAfter": terms["not_after"]}
    (*_first, last) = ca.signed("/new-order")
    assert last.payload == {"identifiers": [{"type": "dns", "value": NAME}], **expected, "replaces": "a.b"}


@pytest.mark.parametrize(("can_wait", "status"), [(False, Status.FAILED), (True, Status.DEFERRED)])
def test_finalize_all_new_order_that_needs_proofs_is_left_to_a_later_run(ca, customer, can_wait, status):
    ca.reuses_authorizations = False
    made = customer.order(asked(), asked("web2", can_wait=can_wait))
    first, second = customer.finalize(requested(made))
    assert first.status == Status.VALID
    # Its host forgets the journaled order, which is of no use to it.
    assert (second.status, second.resumable, second.order_uri) == (status, False, made[0].order_uri)
    (*_first, new) = ca.orders
    assert second.problem == (
        f"{AGAIN}{made[0].order_uri}: the new order {ca.url}{new} is pending and not ready, as its identifiers are not "
        "proved yet. Run again"
    )
    # The next run gets the new order, with its challenges.
    again = requested(customer.order(asked("web2")))
    assert customer.paths(again) == [new]
    (final,) = customer.finalize(again)
    assert (final.status, final.order_uri) == (Status.VALID, again[0].order_uri)


@pytest.mark.parametrize(
    ("path", "answer", "can_wait", "status", "end"),
    [
        ("/new-order", problem("rateLimited", 429, headers=LATER), True, Status.DEFERRED, ". Run again"),
        ("/new-order", problem("rateLimited", 429, "too many"), False, Status.FAILED, ". Run again"),
        ("/new-order", problem("rejectedIdentifier", 400, "no"), False, Status.FAILED, ". Correct this and run again"),
        ("/finalize", problem("badCSR", 400, "weak"), True, Status.DEFERRED, ". Correct this and run again"),
    ],
    ids=["rate limit", "rate limit without a certificate", "refused", "refused request"],
)
def test_finalize_all_failing_new_order_fails_its_certificate_only(ca, customer, path, answer, can_wait, status, end):
    orders = requested(customer.order(asked(), asked("web2", can_wait=can_wait), asked("web3")))
    ca.script(path, *([lambda _request: None] if path == "/finalize" else []), answer)
    finals = customer.finalize(orders)
    assert [final.status for final in finals] == [Status.VALID, status, Status.VALID]
    assert finals[1].problem.startswith(f"{AGAIN}{orders[0].order_uri}: ")
    assert finals[1].problem.endswith(end)
    assert finals[1].failure_kind == (FailureKind.CA if end == ". Run again" else FailureKind.REFUSAL)
    assert bool(finals[1].retry_at) == ("Retry-After" in answer.headers)
    assert (finals[1].resumable, finals[1].order_uri) == (False, orders[0].order_uri)


def test_finalize_all_failed_validation_fails_each_with_its_reason(ca, customer):
    ca.rejected[NAME] = {"type": "urn:ietf:params:acme:error:dns", "detail": "no such name"}
    finals = customer.finalize(requested(customer.order(asked(), asked("web2"))))
    assert [(final.status, "no such name" in final.problem) for final in finals] == [(Status.FAILED, True)] * 2
    assert (ca.counts()["/challenge"], ca.counts()["/new-order"]) == (1, 2)


def test_finalize_all_first_that_stops_before_the_ca_leaves_the_order_to_the_next(ca, customer):
    made = customer.order(asked(), asked("web2"))
    orders = requested(made)
    orders[0] = replace(orders[0], csr_content=build(ec_key(), ["other.example"]).decode())
    first, second = customer.finalize(orders)
    assert (first.status, second.status, second.order_uri) == (Status.FAILED, Status.VALID, made[0].order_uri)
    assert ca.counts()["/new-order"] == 2


def test_finalize_all_failed_preflight_fails_all_that_have_the_order(ca, customer, monkeypatch):
    """They have the same challenges, which are verified once."""
    made = customer.order(asked(), asked("web2"))
    given = []

    class Preflight:
        warning = ""

        def verify_all(self, orders, caa, ca_host):
            given.extend(orders)
            return ["the web server answers HTTP 404"] * len(orders)

    monkeypatch.setattr(order_preflight, "Preflight", Preflight)
    finals = customer.finalize(requested(made), preflight=True)
    assert [(final.problem, final.resumable) for final in finals] == [("the web server answers HTTP 404", True)] * 2
    assert given == [made[0].challenges]
    assert ca.counts()["/challenge"] == 0


def test_finalize_all_certificates_of_an_order_share_one_deadline(ca, customer):
    orders = requested(customer.order(asked(can_wait=True), asked("web2", can_wait=True)))
    ca.pending_polls = 1000
    begin = datetime.now(timezone.utc)
    finals = customer.finalize(orders, timeout=2)
    assert datetime.now(timezone.utc) - begin < timedelta(seconds=30)
    assert [(final.status, final.resumable) for final in finals] == [(Status.DEFERRED, True)] * 2


def test_finalize_all_no_new_order_after_the_deadline(ca, customer, monkeypatch):
    orders = requested(customer.order(asked(), asked("web2", can_wait=True)))
    whole = same_order.complete

    def late(client, prepared, csr, deadline, preference):
        chain = whole(client, prepared, csr, deadline, preference)
        deadline.clock.sleep(deadline.left())
        return chain

    monkeypatch.setattr(same_order, "complete", late)
    finals = customer.finalize(orders, timeout=5)
    assert [final.status for final in finals] == [Status.VALID, Status.DEFERRED]
    assert "newOrder: no time was left for it after 5 s. Run again" in finals[1].problem
    assert ca.counts()["/new-order"] == 2


@pytest.mark.parametrize("winner", [0, 1, 2])
def test_finalize_all_killed_run_is_resumed_by_all_that_have_its_order(ca, customer, winner):
    """The run was killed after one of three got the certificate: all have the same order in their journals."""
    hosts = ("web1", "web2", "web3")
    made = customer.order(*map(asked, hosts))
    keys = [ec_key() for _host in hosts]
    (only,) = customer.finalize(requested(made[:1], keys[winner:]))
    journaled = {"order_uri": made[0].order_uri, "account_uri": made[0].account_uri}
    again = requested(customer.order(*(asked(host, **journaled) for host in hosts)), keys)
    assert {(order.status, order.order_uri) for order in again} == {(Status.VALID, made[0].order_uri)}
    finals = customer.finalize(again)
    assert [final.status for final in finals] == [Status.VALID] * 3
    assert all(map(has_own_key, again, finals))
    assert finals[winner].certificate == only.certificate
    assert ca.counts()["/finalize"] == 3


@pytest.mark.parametrize("status", [Status.PENDING, Status.VALID])
def test_finalize_all_order_that_another_controller_took_is_replaced(ca, customer, status):
    """It had the same order, and was first: before this one began, or while it was at work."""
    made = requested(customer.order(asked()))
    order = ca.orders[ca.path(made[0].order_uri)]
    for path in order["authorizations"]:
        ca.authorizations[path]["status"] = "valid"
    csr = x509.load_pem_x509_csr(requested(made)[0].csr_content.encode()).public_bytes(Encoding.DER)
    order.update(status="valid", csr=base64.urlsafe_b64encode(csr).decode().rstrip("="))
    (final,) = customer.finalize(
        [replace(made[0], status=status, certificate_uri=made[0].order_uri.replace("/order/", "/cert/"))]
    )
    assert final.status == Status.VALID
    assert final.order_uri != made[0].order_uri
    assert has_own_key(made[0], final)


def test_finalize_all_ca_with_certificates_for_other_keys_fails_after_one_new_order(ca, customer):
    other = requested(customer.order(asked()))
    issue = ca.issue
    ca.issue = lambda _csr: issue(x509.load_pem_x509_csr(other[0].csr_content.encode()).public_bytes(Encoding.DER))
    (final,) = customer.finalize(requested(other))
    assert (final.status, final.resumable, final.failure_kind) == (Status.FAILED, False, FailureKind.CERTIFICATE)
    assert "is for another key. Check whether another client orders with the same account" in final.problem
    assert ca.counts()["/new-order"] == 2


def test_finalize_all_certificate_for_another_key_without_proofs_says_so(ca, customer):
    ca.reuses_authorizations = False
    made = requested(customer.order(asked()))
    issue = ca.issue
    ca.issue = lambda _csr: issue(
        x509.load_pem_x509_csr(requested(made)[0].csr_content.encode()).public_bytes(Encoding.DER)
    )
    (final,) = customer.finalize(made)
    why = f"the certificate of the order {made[0].order_uri} is for another key: the new order "
    assert final.problem.startswith(f"cannot order again after {why}")


def test_group_has_orders_of_one_url_together():
    urls = ["a", "b", "a", "c", "b", "a"]
    assert list(same_order.group([contracts.ordered(order_uri=url) for url in urls])) == [[0, 2, 5], [1, 4], [3]]


def test_is_answered_by_certificate_for_another_key_is_false():
    key, root = ec_key(), Authority.root()
    request = x509.load_pem_x509_csr(build(key, [NAME])).public_bytes(Encoding.DER)
    assert is_answered_by(request, root.leaf(key.public_key(), [NAME]))
    assert not is_answered_by(request, root.leaf(ec_key().public_key(), [NAME]))
