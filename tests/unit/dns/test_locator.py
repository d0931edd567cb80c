# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Location of a record: CNAMEs, zones, and problems with them."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import WaitMode
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.locator import Locator
from ansible_collections.certfleet.tls.plugins.module_utils._dns.wait_rules import Wait, WaitRules
from ansible_collections.certfleet.tls.plugins.module_utils._dns.zones import Location

NAME = "_acme-challenge.www.example.com"


def locate(resolver, name, zones=(), mode=WaitMode.AUTHORITATIVE):
    return Locator(resolver, WaitRules(dict(zones), Wait(mode))).locate(name)


def locate_records(resolver, records):
    return Locator(resolver, WaitRules({})).locate_records(records)


@pytest.mark.parametrize(
    ("name", "target", "zone", "aliases"),
    [
        (NAME, NAME, "example.com", []),
        ("_ACME-challenge.WWW.example.com.", NAME, "example.com", []),
        ("_acme-challenge.example.com", "_acme-challenge.example.com", "example.com", []),
        ("_acme-challenge.a.sub.example.com", "_acme-challenge.a.sub.example.com", "sub.example.com", []),
        ("_acme-challenge.one.example.com", "one.acme.example.net", "example.net", ["_acme-challenge.one.example.com"]),
        (
            "_acme-challenge.two.example.com",
            "one.acme.example.net",
            "example.net",
            ["_acme-challenge.two.example.com", "_acme-challenge.one.example.com"],
        ),
        (
            "_acme-challenge.apex.example.com",
            "sub.example.com",
            "sub.example.com",
            ["_acme-challenge.apex.example.com"],
        ),
    ],
)
def test_locate_missing_names_and_cnames(internet, resolver, name, target, zone, aliases):
    internet["example.com"].add("_acme-challenge.one.example.com", "CNAME", "One.ACME.example.net.")
    internet["example.com"].add("_acme-challenge.two.example.com", "CNAME", "_acme-challenge.one.example.com.")
    internet["example.com"].add("_acme-challenge.apex.example.com", "CNAME", "sub.example.com.")
    found = locate(resolver, name)
    assert found == Location(name.lower().removesuffix("."), target, zone, tuple(aliases))


def test_locate_existing_record(internet, resolver):
    internet["example.com"].add(NAME, "TXT", '"v"')
    assert locate(resolver, NAME) == Location(NAME, NAME, "example.com")


def _chain(zone, hops):
    for hop in range(hops):
        zone.add(f"h{hop}.example.com", "CNAME", f"h{hop + 1}.example.com.")


def test_locate_more_than_eight_cnames_raises(internet, resolver):
    _chain(internet["example.com"], 9)
    assert locate(resolver, "h1.example.com").target == "h9.example.com"
    with pytest.raises(DnsError, match=r"^h0\.example\.com leads through more than 8 CNAMEs: h0\S* -> .* -> h9\S*$"):
        locate(resolver, "h0.example.com")


@pytest.mark.parametrize(
    ("start", "chain"),
    [
        ("self.example.com", "self.example.com -> self.example.com"),
        ("a.example.com", "a.example.com -> b.example.net -> a.example.com"),
        ("c.example.com", "c.example.com -> a.example.com -> b.example.net -> a.example.com"),
    ],
)
def test_locate_cname_loop_raises(internet, resolver, start, chain):
    internet["example.com"].add("self.example.com", "CNAME", "self.example.com.")
    internet["example.com"].add("a.example.com", "CNAME", "b.example.net.")
    internet["example.com"].add("c.example.com", "CNAME", "a.example.com.")
    internet["example.net"].add("b.example.net", "CNAME", "a.example.com.")
    with pytest.raises(DnsError) as caught:
        locate(resolver, start)
    assert str(caught.value) == f"the CNAMEs of {start} form a loop: {chain}"


def test_locate_record_precedes_cname_of_wildcard(internet, resolver):
    internet["example.com"].add("*.example.com", "CNAME", "hosting.example.net.")
    assert locate(resolver, "_acme-challenge.example.com").target == "_acme-challenge.example.com"
    assert locate(resolver, "_acme-challenge.example.com").zone == "example.com"
    internet["example.com"].add("_acme-challenge.shop.example.com", "CNAME", "shop.acme.example.net.")
    assert locate(resolver, "_acme-challenge.shop.example.com").target == "shop.acme.example.net"


def test_locate_cname_to_invalid_name_raises(internet, resolver):
    internet["example.com"].add(NAME, "CNAME", "a\\032b.example.net.")
    with pytest.raises(DnsError, match=rf"^the CNAME of {NAME} points to an invalid record name: "):
        locate(resolver, NAME)


def test_locate_name_in_no_zone_raises(resolver):
    with pytest.raises(DnsError, match=r"^www\.internal\.invalid is in no zone that the resolver knows"):
        locate(resolver, "www.internal.invalid")


def test_locate_records_one_failure_does_not_affect_others(recursor, resolver):
    recursor.failing_names["bad.example.com"] = "SERVFAIL"
    names = [f"w{n}.example.com" for n in range(40)]
    asked = [TxtRecord(name, "v") for name in (*names, "bad.example.com", "no name", *names)]
    found = locate_records(resolver, asked)
    assert [record.name for record in found] == [record.name for record in asked]
    located = {record.name: record for record in found}
    assert [Location.of(located[name]) for name in names] == [Location(name, name, "example.com") for name in names]
    bad, no_name = located["bad.example.com"], located["no name"]
    assert (bad.target, bad.zone, bad.aliases) == ("", "", ())
    assert "bad.example.com CNAME: resolver" in bad.problem
    assert bad.problem.endswith("answers SERVFAIL")
    assert no_name.problem


def test_locate_records_asks_one_question_for_each_name(recursor, resolver):
    locate_records(resolver, [TxtRecord(f"_acme-challenge.w{n}.example.com", "v") for n in range(100)])
    assert recursor.asked() == 100


UNASKED = [WaitMode.RESOLVER, WaitMode.NONE]
WRITER = {"provider": "exec"}


@pytest.mark.parametrize("mode", UNASKED)
@pytest.mark.parametrize("key", ["example.com", NAME, "*"])
def test_locate_unasked_name_with_entry_is_not_looked_up(recursor, resolver, mode, key):
    """The resolver may be the CA's, and would keep the answer that there is no such name."""
    assert locate(resolver, NAME, {key: WRITER}, mode) == Location(NAME, NAME, "example.com")
    assert not [name for name in recursor.count() if name.startswith("_")]


@pytest.mark.parametrize("mode", UNASKED)
def test_locate_unasked_name_without_entry_has_cname_of_resolver(internet, recursor, resolver, mode):
    target = "_acme-challenge.www.example.net"
    internet["example.com"].add(NAME, "CNAME", f"{target}.")
    assert locate(resolver, NAME, {"example.net": WRITER}, mode) == Location(NAME, target, "example.net", (NAME,))
    assert recursor.count()[target] == 0


@pytest.mark.parametrize("mode", list(WaitMode))
@pytest.mark.parametrize("key", ["example.com", NAME])
def test_locate_cname_of_entry_is_not_looked_up(recursor, resolver, mode, key):
    zones = {key: {"cname": "www.acme.example.net"}, "example.net": WRITER}
    found = locate(resolver, NAME, zones, mode)
    assert found == Location(NAME, "www.acme.example.net", "example.net", (NAME,))
    assert recursor.count()[NAME] == 0


def test_locate_cname_of_entry_into_its_own_names_ends(resolver):
    zones = {"example.com": {**WRITER, "cname": "acme.example.com"}}
    name = "acme.example.com"
    assert locate(resolver, NAME, zones) == Location(NAME, name, "example.com", (NAME,))
    assert locate(resolver, name, zones) == Location(name, name, "example.com")
