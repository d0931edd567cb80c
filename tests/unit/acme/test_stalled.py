# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders beside one that stalls: it costs a connection and a nonce, and none of the time of others."""

from __future__ import annotations

from contextlib import closing
from time import monotonic, sleep

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import issuance
from ansible_collections.certfleet.tls.plugins.module_utils._acme.client import Client
from ansible_collections.certfleet.tls.plugins.module_utils._acme.concurrency import connections_for
from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import Failure, run_all
from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from tests.unit.acme.ca import pem
from tests.unit.acme.orders import CSR, wanted
from tests.unit.acme.server import DRIP_BODY, DRIP_HEAD, HANG

#: The clock runs that much faster than that of the wall: the time limit of a request is 30 s of it, an order's 80 s.
SCALE = 20
REQUEST, ORDER = 30, 80
BAD = "7.example"


@pytest.fixture
def quick():
    return Clock(monotonic=lambda: SCALE * monotonic(), sleep=lambda seconds: sleep(seconds / SCALE))


@pytest.fixture
def issue(ca, key, quick):
    """Return issue(orders), which issues certificates side by side as the modules do, and returns the results."""

    def issue_(orders):
        connections = connections_for(orders, 8)
        with closing(Http(quick, ca.url, timeout=REQUEST / SCALE, connections=connections.bound)) as http:
            client = Client(http, Directory.parse(f"{ca.url}/directory", ca.directory()), key, connections)
            client.account_uri = ca.register(key)

            def work(number):
                within = client.within(Deadline(quick, ORDER))
                prepared = issuance.prepare(within, wanted(f"{number}.example"))
                return issuance.complete(within, prepared, CSR, Deadline(quick, ORDER))

            return run_all(range(orders), work)

    return issue_


def of_bad_order(ca, behavior):
    """Return an answer to requests for the order of one name, on its challenge, order, finalize and certificate."""

    def answer(request):
        number = request.path.split("/")[-1]
        named = ca.authorizations.get(f"/authz/{number}") or ca.orders.get(f"/order/{number}")
        return behavior(request) if BAD in (named.get("name"), *named.get("names", ())) else None

    return answer


@pytest.mark.parametrize(
    ("path", "behavior"),
    [("/authz", HANG), ("/challenge", HANG), ("/order", DRIP_HEAD), ("/finalize", DRIP_BODY), ("/cert", HANG)],
)
def test_one_stalled_order_of_21_others_are_issued(ca, issue, path, behavior):
    ca.always(path, of_bad_order(ca, lambda _request: behavior))
    results = issue(21)
    failures = {number: result for number, result in enumerate(results) if isinstance(result, Failure)}
    assert set(failures) == {7}
    assert "did not answer within" in failures[7].message
    assert failures[7].resumable


@pytest.mark.parametrize("path", ["/challenge", "/finalize"])
def test_one_slow_order_of_21_all_are_issued(ca, issue, path):
    def slow(request):
        found = ca.behave(request)
        found.after = 10 / SCALE
        return found

    ca.always(path, of_bad_order(ca, slow))
    assert [result.certificate for result in issue(21)] == [pem("leaf")] * 21


@pytest.mark.hard
def test_20_stalled_orders_of_21_the_other_is_issued(ca, issue):
    def all_but_one(request):
        name = ca.authorizations[request.path.replace("/challenge/", "/authz/")]["name"]
        return None if name == BAD else HANG

    ca.always("/challenge", all_but_one)
    results = issue(21)
    assert [number for number, result in enumerate(results) if not isinstance(result, Failure)] == [7]
    reasons = [result.message.partition(": ") for result in results if isinstance(result, Failure)]
    assert all("http-01 challenge" in reason and "did not answer within" in reason for _name, _colon, reason in reasons)
    assert [name for name, _colon, _reason in reasons] == [f"{number}.example" for number in range(21) if number != 7]


def test_slow_ca_all_are_issued_with_few_nonces(ca, issue):
    """Each request takes five seconds: 21 orders one after the other would take longer than the time of one."""

    def slow(request):
        found = ca.behave(request)
        found.after = 5 / SCALE
        return found

    ca.always("/", slow)
    assert [result.certificate for result in issue(21)] == [pem("leaf")] * 21
    assert ca.lines().count("HEAD /new-nonce") <= 16
