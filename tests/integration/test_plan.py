# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_plan against Pebble. The decisions as such are a table in tests/unit/acme; a CA that is down: test_bad_ca.py."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tests.integration.hosts import DAY, msg_of
from tests.integration.orders import ALWAYS_VALID, Customer
from tests.integration.plans import found
from tests.unit.contracts import utc

PEBBLE = ALWAYS_VALID


@pytest.fixture(scope="module")
def issued(lab, tmp_path_factory):
    names = ["open", "later", "text", "backwards", "plain"]
    certificates = Customer(lab, tmp_path_factory.mktemp("owner")).issue(*(f"{name}.web1.lab.test" for name in names))
    return dict(zip(names, certificates))


def by_name(result):
    assert result.ok, result.text
    assert not result["changed"]
    return {item["name"]: item for item in result["hosts"].get("web1", [])}


def test_plan_follows_renewal_information(ca, lab, issued):
    now = datetime.now(timezone.utc)
    answers = {
        "open": (now - DAY, now + DAY / 86400),
        "later": (now + 20 * DAY, now + 30 * DAY),
        "text": "soon",
        "backwards": (now + 30 * DAY, now + 20 * DAY),
    }
    for name, answer in answers.items():
        lab.pebble.set_renewal_info(issued[name].pem, answer)
    certificates = [
        found(name, now, ari_id=issued[name].ari_id, directory=lab.pebble.directory_url) for name in answers
    ]
    mark = lab.pebble.mark()
    result = ca("acme_plan", certificates=certificates)
    planned = by_name(result)
    assert (planned["open"]["action"], planned["open"]["reason"]) == ("issue", "window open")
    assert planned["open"]["replaces_ari_id"] == issued["open"].ari_id
    assert planned["open"]["can_wait"] is True
    assert planned["later"]["action"] == "keep"
    assert utc(now + 20 * DAY) <= planned["later"]["next"] <= utc(now + 30 * DAY)
    # Then the lifetime decides, at two thirds of it.
    for name in ("text", "backwards"):
        assert (planned[name]["action"], planned[name]["next"]) == ("keep", utc(now + 60 * DAY))
    assert result.unwrapped.count("[WARNING]: ") == 1
    assert "[WARNING]: no renewal information for 2 of 4 certificates (" in result.unwrapped
    assert "): their lifetime decides when they are renewed" in result.unwrapped
    assert result["due"] == ["web1"]
    assert result["lines"] == ["web1: certificate open: issue (window open)"]
    assert lab.pebble.requests(mark) == [("GET", "/dir"), *[("GET", "/draft-ietf-acme-ari-03/renewalInfo/")] * 4]

    mark = lab.pebble.mark()
    offline = ca("acme_plan", certificates=certificates, renewal_information=False)
    assert {item["next"] for item in by_name(offline).values()} == {utc(now + 60 * DAY)}
    assert lab.pebble.requests(mark) == [("GET", "/dir")]


def test_plan_action_and_reason(ca, lab):
    now = datetime.now(timezone.utc)
    # The found state, the action and the reason
    table = {
        "kept": ({}, "keep", ""),
        "missing": ({"live": None}, "issue", "missing"),
        "mixed": ({"live": {"damaged": ["privkey.pem"]}}, "issue", "key does not match"),
        "damaged": ({"live": {"damaged": ["chain.pem"]}}, "issue", "damaged"),
        "renamed": ({"live": {"identifiers": ["www.lab.test"]}}, "issue", "identifiers changed"),
        "rsa": ({"wanted": {"key_type": "rsa2048"}}, "issue", "key changed"),
        "short": ({"wanted": {"profile": "shortlived"}}, "issue", "profile changed"),
        "classic": ({"wanted": {"profile": "classic"}}, "refuse", "profile changed"),
        "moved": ({"directory": "https://ca.example/dir"}, "issue", "issuer changed"),
        "old": ({"since": -61 * DAY}, "issue", "lifetime"),
        "open": ({"live": {"attributes": ["privkey.pem mode 0644 instead of 0600"]}}, "repair", "attributes"),
        "stale": (
            {"wanted": {"reload": ["nginx"]}, "live": {"reloaded": False}},
            "repair",
            "reload outstanding",
        ),
        "hindered": ({"live": None, "problems": ["no room"]}, "refuse", "missing"),
        "wrong": ({"invalid": ["name is bad"]}, "refuse", ""),
    }
    directory = lab.pebble.directory_url
    certificates = [
        found(name, now, **{"directory": directory, **described})
        for name, (described, _unused, _unused) in table.items()
    ]
    mark = lab.pebble.mark()
    result = ca("acme_plan", certificates=[*certificates, *[{**found("twin", now), "host": "web2"}] * 2])
    planned = by_name(result)
    expected = {name: (action, reason) for name, (_unused, action, reason) in table.items()}
    assert {name: (item["action"], item["reason"]) for name, item in planned.items()} == expected
    assert "(offered: default, shortlived)" in planned["classic"]["message"]
    assert [item["action"] for item in result["hosts"]["web2"]] == ["refuse"] * 2
    assert "more than one certificate of this name" in result["hosts"]["web2"][0]["message"]
    assert result["due"] == ["web1", "web2"]
    assert len(result["lines"]) == len(table) - 1 + 2
    assert lab.pebble.requests(mark) == [("GET", "/dir")]  # none has an ARI id

    forced = by_name(ca("acme_plan", certificates=certificates[:1], force=True))
    assert (forced["kept"]["action"], forced["kept"]["reason"]) == ("issue", "forced")


def test_plan_unknown_directory_fails(ca, lab):
    mark = lab.pebble.mark()
    result = ca("acme_plan", acme_directory="letsencrpyt", certificates=[found("shop")])
    assert msg_of(result).startswith("acme_directory 'letsencrpyt' is neither a URL nor a known short name (google, ")
    assert lab.pebble.requests(mark) == []


def test_plan_without_certificates_sends_no_request(ca, lab):
    mark = lab.pebble.mark()
    assert by_name(ca("acme_plan", certificates=[])) == {}
    assert lab.pebble.requests(mark) == []
