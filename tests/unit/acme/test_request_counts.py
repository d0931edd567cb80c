# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The number of requests for a certificate."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import issuance
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import run_all
from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from tests.unit.acme.ca import pem
from tests.unit.acme.orders import CSR, wanted
from tests.unit.acme.server import Answer


@pytest.mark.parametrize(("names", "total"), [(1, 7), (2, 9), (10, 25)])
def test_requests_of_a_new_order(ca, client, prepare, complete, names, total):
    chain = complete(prepare(wanted(*(f"{number}.example" for number in range(names)))))
    assert chain.certificate == pem("leaf")
    assert ca.counts() == {
        "/new-order": 1,
        "/authz": names,
        "/challenge": names,
        "/order": 2,
        "/finalize": 1,
        "/cert": 1,
    }
    assert len(ca.signed()) == total == 2 * names + 5
    # One nonce to begin with; no other request.
    assert len(ca.requests) == total + 1


def test_requests_of_a_ready_order(ca, prepare, complete):
    ca.ready_orders = True
    assert complete(prepare()).certificate == pem("leaf")
    assert ca.counts() == {"/new-order": 1, "/finalize": 1, "/order": 1, "/cert": 1}


def test_requests_of_a_ready_order_with_immediate_certificate(ca, prepare, complete):
    ca.ready_orders, ca.processing_polls = True, None
    assert complete(prepare()).certificate == pem("leaf")
    assert ca.counts() == {"/new-order": 1, "/finalize": 1, "/cert": 1}


def test_requests_valid_authorizations_get_no_challenge(ca, prepare, complete):
    first = prepare(wanted("a.example", "b.example"))
    ca.authorizations[ca.path(first.order.authorizations[0])]["status"] = "valid"
    ca.script(
        "/new-order",
        Answer(201, ca.order_document(ca.orders[ca.path(first.order.url)]), {"Location": first.order.url}),
    )
    second = prepare(wanted("a.example", "b.example"))
    assert [challenge.identifier for challenge in second.challenges] == ["b.example"]
    complete(second)
    assert ca.counts()["/challenge"] == 1


@pytest.mark.parametrize("connections", [1, 4])
def test_requests_many_orders_share_one_nonce_pool(ca, open_client, connections):
    # Sleeping takes no time here, and moves no clock: for the pool, all requests are answered soon.
    http = Http(Clock(monotonic=lambda: 0.0, sleep=lambda _seconds: None), ca.url, timeout=20.0, connections=4)
    client = open_client(connections=connections, session=http)
    deadline = Deadline(http.clock, 10**9)

    def work(number):
        return issuance.complete(client, issuance.prepare(client, wanted(f"{number}.example")), CSR, deadline)

    chains = run_all(range(20), work)
    http.close()
    assert [chain.certificate for chain in chains] == [pem("leaf")] * 20
    assert len(ca.signed()) == 20 * 7
    assert 1 <= ca.lines().count("HEAD /new-nonce") <= connections
    assert len({request.peer for request in ca.requests}) <= connections


def test_requests_of_slow_validation_read_no_valid_authorization_twice(ca, prepare, complete):
    ca.pending_polls = 12
    complete(prepare(wanted("a.example", "b.example")))
    assert ca.counts()["/authz"] == 4
