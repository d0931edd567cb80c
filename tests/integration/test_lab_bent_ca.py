# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bent CA of the lab: real clients get what its sentences say, and what Pebble says where nothing is bent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.hosts import msg_of
from tests.integration.orders import ALWAYS_VALID, Customer, order
from tests.lab import Lab
from tests.lab.bent_ca import bent_ca

PEBBLE = ALWAYS_VALID


@pytest.fixture
def customer(lab: Lab, tmp_path: Path) -> Customer:
    return Customer(lab, tmp_path)


def test_bent_ca_without_faults_is_pebble(customer: Customer, lab: Lab) -> None:
    mark = lab.pebble.mark()
    with bent_ca(lab) as ca:
        issued = customer.issue("a.web1.lab.test", acme_directory=ca.url)
    assert lab.pebble.issued(mark) == [one.serial for one in issued]
    assert len(ca.asked) == len(lab.pebble.requests(mark))
    assert {"directory", "newNonce", "newAccount", "newOrder", "authorization", "challenge", "finalize"} < set(ca.asked)


def test_bent_ca_fault_for_a_name_leaves_others_alone(customer: Customer, lab: Lab) -> None:
    with bent_ca(lab, "rejectedIdentifier at newOrder of b.web1.lab.test") as ca:
        result = customer.order(order("a"), order("b"), acme_directory=ca.url)
        assert "the bent CA says rejectedIdentifier" in msg_of(result)
        assert [item["status"] for item in result["hosts"]["localhost"]] == ["pending", "failed"]
        ca.straighten()
        assert customer.order(order("b"), acme_directory=ca.url).ok


def test_bent_ca_is_taken_down_while_it_is_silent(customer: Customer, lab: Lab) -> None:
    with bent_ca(lab, "be silent at newOrder") as ca:
        result = customer.order(order("a"), acme_directory=ca.url, request_timeout=1, timeout=4)
        assert "did not answer within 1 s" in msg_of(result)
        assert ca.acted("be silent at newOrder") == ca.count("newOrder")
