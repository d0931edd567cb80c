# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_authorization against Pebble, which hands valid authorizations out again and makes none before orders."""

from __future__ import annotations

import pytest

from tests.integration.hosts import msg_of
from tests.integration.orders import ALWAYS_VALID, fitting, local, order, posts

PEBBLE = {**ALWAYS_VALID, "PEBBLE_AUTHZREUSE": "100"}


@pytest.mark.hard
def test_authorization_deactivated_is_not_reused(ca, lab):
    (first,) = local(ca.order(order("shop")))
    assert ca.finalize(fitting(first)).ok
    (again,) = local(ca.order(order("shop")))
    assert again["status"] == "ready", "the name need not be proved again"

    urls = [{"uri": url} for url in again["authorizations"]]
    mark = lab.pebble.mark()
    checked = ca("acme_authorization", check=True, state="absent", authorizations=urls)
    assert (checked["changed"], posts(lab, mark)) == (True, [])
    gone = ca("acme_authorization", state="absent", authorizations=urls)
    assert gone["changed"]
    assert [item["status"] for item in gone["authorizations"]] == ["deactivated"]
    assert gone["authorizations"][0]["identifier"] == "shop.web1.lab.test"
    assert not ca("acme_authorization", state="absent", authorizations=urls)["changed"]
    (third,) = local(ca.order(order("shop")))
    assert third["status"] == "pending"


def test_authorization_pending_is_validated(ca):
    (made,) = local(ca.order(order("mail")))
    urls = [{"uri": url} for url in made["authorizations"]]
    done = ca("acme_authorization", state="valid", authorizations=urls)
    assert done["changed"]
    assert [item["status"] for item in done["authorizations"]] == ["valid"]
    again = ca("acme_authorization", state="valid", authorizations=done["authorizations"])
    assert (again.ok, again["changed"]) == (True, False), "results can be given as they were returned"
    lost = ca("acme_authorization", state="valid", authorizations=[*urls, {"uri": urls[0]["uri"] + "0"}])
    assert not lost.ok
    assert [item["status"] for item in lost["authorizations"]] == ["valid", "failed"]
    assert msg_of(lost).startswith(f"{urls[0]['uri']}0: authorization: ")


def test_authorization_not_offered_before_orders_fails(ca):
    ca.order(order("shop"))
    assert "does not offer authorizations before orders" in msg_of(ca("acme_authorization", identifiers=["a.lab.test"]))
