# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_authorization at a CA that makes authorizations before orders, which Pebble does not."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.modules.acme_authorization import run
from tests.unit.acme.server import NAMESPACE, problem


@pytest.fixture
def work(ca, key, options):
    """Return work(state, ...): what the module returns, with the key of an account that exists."""
    ca.new_authz = True
    ca.register(key)

    def work_(state, identifiers=(), authorizations=()):
        given = [{"identifier": None, "type": None, **item} for item in authorizations]
        asked = {"state": state, "identifiers": list(identifiers), "authorizations": given, "challenge": "http-01"}
        result = run({**options(), **asked, "timeout": 20, "concurrency": 8}, False, lambda _line: None)
        return {name: value for name, value in result.items() if name not in ("failed", "msg")}

    return work_


def test_made_validated_and_given_up(ca, work, key):
    names = ["b.example", {"value": "A.example.", "challenge": "dns-01"}]
    made = work("present", names)
    assert made["changed"]
    first, second = made["authorizations"]
    assert (first["identifier"], first["type"], first["status"], first["problem"]) == (
        "b.example",
        "http-01",
        "pending",
        "",
    )
    assert first["challenges"][0]["key_authorization"].endswith(f".{key.thumbprint}")
    assert (second["type"], second["challenges"][0]["record_name"]) == ("dns-01", "_acme-challenge.a.example")

    valid = work("valid", authorizations=made["authorizations"])
    assert valid["changed"]
    assert [item["status"] for item in valid["authorizations"]] == ["valid", "valid"]
    assert ca.counts()["/challenge"] == 2
    assert not work("valid", authorizations=made["authorizations"])["changed"]
    assert ca.counts()["/challenge"] == 2, "each is told once"

    by_url = [{"uri": item["uri"]} for item in made["authorizations"]]
    gone = work("absent", authorizations=by_url)
    assert gone["changed"]
    assert [item["status"] for item in gone["authorizations"]] == ["deactivated", "deactivated"]
    assert not work("absent", authorizations=by_url)["changed"]


def test_one_that_fails_stops_no_other(ca, work):
    ca.rejected = {"bad.example": {"type": NAMESPACE + "unauthorized", "detail": "404"}}
    made = work("present", ["bad.example", "good.example"])
    done = work("valid", authorizations=made["authorizations"])
    bad, good = done["authorizations"]
    assert (bad["status"], good["status"]) == ("failed", "valid")
    assert bad["problem"].startswith("bad.example: http-01: unauthorized: 404")
    missing = f"{ca.url}/authz/999"
    ca.script("/authz/999", problem("malformed", 404, "no such authorization"))
    lost = work("absent", authorizations=[{"uri": missing}, {"uri": good["uri"]}])
    assert [item["status"] for item in lost["authorizations"]] == ["failed", "deactivated"]
    assert lost["authorizations"][0]["problem"] == f"{missing}: authorization: malformed: no such authorization"


def test_a_ca_without_pre_authorization(ca, work):
    ca.new_authz = False
    (item,) = work("present", ["a.example"])["authorizations"]
    assert item["status"] == "failed"
    assert item["problem"].endswith("does not offer authorizations before orders (it has no newAuthz)")
