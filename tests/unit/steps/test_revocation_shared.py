# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that several hosts have are revoked once none of them uses them."""

from __future__ import annotations

import pytest

from tests.unit.steps.revocations import NEW, SERIAL, T, entry, found, host, line, version

SHARED = [entry("a.example", shared=True)]
BEHIND = "web2 still uses it: replace it there first"


def shares(*versions, **more):
    return host(*versions, lists=SHARED, **more)


@pytest.mark.parametrize(
    ("web2", "options", "chosen", "problem"),
    [
        (shares(version("a1"), version("a2", NEW, live=True)), {}, ["web1", "web2"], None),
        # It has not switched.
        (shares(version("a1", live=True)), {}, [], BEHIND),
        # It failed after it was looked at, or said nothing of use.
        ({"acme_certificates": SHARED, "_acme_found": {"certificates": [found("a1")]}}, {"lost": ["web2"]}, [], BEHIND),
        (
            {"acme_certificates": SHARED, "_acme_found": {"certificates": [found("a3")]}},
            {"lost": ["web2"]},
            ["web1"],
            None,
        ),
        (
            {"acme_certificates": SHARED},
            {"lost": ["web2"]},
            [],
            "web2 shares it and could not be asked whether it still uses it",
        ),
        # Not yet its turn (serial).
        ({"acme_certificates": SHARED}, {}, ["web1"], None),
        # It had its turn before, and has switched since.
        (
            shares(version("a1"), version("a2", NEW, live=True), first=[found("a1")]),
            {"hosts": ["web1"]},
            ["web1"],
            None,
        ),
        # It does not share it: any host could keep any certificate else.
        (host(version("a1", live=True), lists=[entry("b.example")]), {"hosts": ["web1"]}, ["web1"], None),
        (
            {"acme_certificates": [entry("b.example")], "_acme_found": {"certificates": [found("a1")]}},
            {"lost": ["web2"]},
            ["web1"],
            None,
        ),
        ({"acme_certificates": [entry("b.example")]}, {"lost": ["web2"]}, ["web1"], None),
    ],
)
def test_choose_certificate_in_use_by_other_host_is_a_problem(choose, web2, options, chosen, problem):
    hosts = ["web1", "web2"] if "_acme_past_versions" in web2 else ["web1"]
    hostvars = {"web1": shares(version("a1"), version("a2", NEW, live=True)), "web2": web2}
    result = choose(hostvars, T, **{"hosts": hosts, **options})
    assert [name for name, number in result["chosen"] if number == "a1"] == chosen
    assert [told for name, told in result["told"] if name == "web1"] == ([problem] if problem else [])


def test_choose_record_of_other_host_does_not_prevent_revocation(choose):
    """Both have the name, each with a certificate of its own."""
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": host(version("a1", NEW, live=True), version("a3")),
    }
    record = [line("a1"), line("a2", time=NEW), line("a3", host="web2")]
    result = choose(hostvars, T, record)
    assert result["chosen"] == [("web1", "a1"), ("web2", "a3")]
    # Without a record it can, but not quietly.
    result = choose(hostvars, T, unverified=True)
    assert ("web1", BEHIND) in result["told"]


@pytest.mark.parametrize("odd", [None, "x", [], {"certificates": 5}, {"certificates": [{"live": "x"}, 5]}], ids=str)
def test_choose_malformed_answer_of_failed_host_is_ignored(choose, odd):
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": {"_acme_found": odd, "acme_certificates": [entry("b.example")]},
    }
    assert choose(hostvars, T, hosts=["web1"], lost=["web2"])["chosen"] == [("web1", "a1")]


def test_choose_record_of_shared_certificate_is_for_all_hosts(choose):
    hostvars = {"web1": shares(version("a2", NEW, live=True)), "web2": shares(version("a2", NEW, live=True))}
    record = [line("a1"), line("a2", time=NEW)]
    for hosts in (["web2"], ["web1", "web2"]):
        result = choose(hostvars, T, record, hosts=hosts, all_hosts=hosts)
        assert result["chosen"] == [(name, "a1") for name in hosts]
        assert result["told"] == []


def test_choose_host_added_later_to_shared_certificate_succeeds(choose):
    hostvars = {
        "web1": shares(version("a1"), version("a2", NEW, live=True)),
        "web2": shares(version("a2", NEW, live=True)),
    }
    result = choose(hostvars, T)
    assert (result["chosen"], result["told"]) == ([("web1", "a1")], [])


def test_choose_certificates_of_missing_hosts_are_noted(choose):
    hostvars = {
        "web1": host(version("a1"), version("a2", NEW, live=True)),
        "web2": {"acme_certificates": [entry("b.example")]},
    }
    record = [line("a1"), line("b1", "web2"), line("b2", "web2", NEW), line("c1", "web2", name="mail")]
    result = choose(hostvars, T, record, hosts=["web1"], lost=["web2"])
    number = SERIAL["b1"]
    assert result["notes"] == [
        f"web2 did not get this far, so its certificate shop (serial {number}) is not revoked. Run again as before, or "
        f"revoke it now with -e acme_revoke_serials={number}"
    ]
    assert result["chosen"] == [("web1", "a1")]


def test_choose_serial_number_in_use_by_other_host_is_revoked(choose):
    web2 = shares(version("a1", live=True))
    hostvars = {"web1": shares(version("a1"), version("a2", NEW, live=True)), "web2": web2}
    assert ("web1", BEHIND) in choose(hostvars, T)["told"]
    result = choose(hostvars, T, [line("a1")], hosts=["web1"], serials=[SERIAL["a1"]])
    assert (result["chosen"], result["told"]) == ([("web1", "a1")] * 2, [])
