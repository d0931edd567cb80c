# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Location of a record: CNAMEs, zones, and problems with them."""

from __future__ import annotations

from threading import Event

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import WaitMode
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.locator import Locator
from ansible_collections.certfleet.tls.plugins.module_utils._dns.resolver import Resolver
from ansible_collections.certfleet.tls.plugins.module_utils._dns.servers import Authorities
from ansible_collections.certfleet.tls.plugins.module_utils._dns.wait_rules import Wait, WaitRules
from ansible_collections.certfleet.tls.plugins.module_utils._dns.zones import Location
from tests.unit.dns.conftest import OTHERS
from tests.unit.dns.scripted_server import Zone

NAME = "_acme-challenge.www.example.com"


def locate(authorities, name, zones=(), mode=WaitMode.AUTHORITATIVE):
    return Locator(authorities, WaitRules(dict(zones), Wait(mode))).locate(name)


def locate_records(authorities, records):
    return Locator(authorities, WaitRules({})).locate_records(records)


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
def test_locate_missing_names_and_cnames(internet, authorities, name, target, zone, aliases):
    internet["example.com"].add("_acme-challenge.one.example.com", "CNAME", "One.ACME.example.net.")
    internet["example.com"].add("_acme-challenge.two.example.com", "CNAME", "_acme-challenge.one.example.com.")
    internet["example.com"].add("_acme-challenge.apex.example.com", "CNAME", "sub.example.com.")
    found = locate(authorities, name)
    assert found == Location(name.lower().removesuffix("."), target, zone, tuple(aliases))


def test_locate_existing_record(internet, authorities):
    internet["example.com"].add(NAME, "TXT", '"v"')
    assert locate(authorities, NAME) == Location(NAME, NAME, "example.com")


def _chain(zone, hops):
    for hop in range(hops):
        zone.add(f"h{hop}.example.com", "CNAME", f"h{hop + 1}.example.com.")


def test_locate_more_than_eight_cnames_raises(internet, authorities):
    _chain(internet["example.com"], 9)
    assert locate(authorities, "h1.example.com").target == "h9.example.com"
    with pytest.raises(DnsError, match=r"^h0\.example\.com leads through more than 8 CNAMEs: h0\S* -> .* -> h9\S*$"):
        locate(authorities, "h0.example.com")


@pytest.mark.parametrize(
    ("start", "chain"),
    [
        ("self.example.com", "self.example.com -> self.example.com"),
        ("a.example.com", "a.example.com -> b.example.net -> a.example.com"),
        ("c.example.com", "c.example.com -> a.example.com -> b.example.net -> a.example.com"),
    ],
)
def test_locate_cname_loop_raises(internet, authorities, start, chain):
    internet["example.com"].add("self.example.com", "CNAME", "self.example.com.")
    internet["example.com"].add("a.example.com", "CNAME", "b.example.net.")
    internet["example.com"].add("c.example.com", "CNAME", "a.example.com.")
    internet["example.net"].add("b.example.net", "CNAME", "a.example.com.")
    with pytest.raises(DnsError) as caught:
        locate(authorities, start)
    assert str(caught.value) == f"the CNAMEs of {start} form a loop: {chain}"


def test_locate_record_precedes_cname_of_wildcard(internet, authorities):
    internet["example.com"].add("*.example.com", "CNAME", "hosting.example.net.")
    assert locate(authorities, "_acme-challenge.example.com").target == "_acme-challenge.example.com"
    assert locate(authorities, "_acme-challenge.example.com").zone == "example.com"
    internet["example.com"].add("_acme-challenge.shop.example.com", "CNAME", "shop.acme.example.net.")
    assert locate(authorities, "_acme-challenge.shop.example.com").target == "shop.acme.example.net"


def test_locate_cname_to_invalid_name_raises(internet, authorities):
    internet["example.com"].add(NAME, "CNAME", "a\\032b.example.net.")
    with pytest.raises(DnsError, match=rf"^the CNAME of {NAME} points to an invalid record name: "):
        locate(authorities, NAME)


def test_locate_name_in_no_zone_raises(authorities):
    with pytest.raises(DnsError, match=r"^www\.internal\.invalid is in no zone that the resolver knows"):
        locate(authorities, "www.internal.invalid")


def test_locate_records_one_failure_does_not_affect_others(recursor, world, authorities):
    recursor.failing_names["bad.example.com"] = "SERVFAIL"
    world.failing_names["_acme-challenge.worse.example.com"] = "SERVFAIL"
    names = [f"w{n}.example.com" for n in range(40)]
    bad, worse = "_acme-challenge.bad.example.com", "_acme-challenge.worse.example.com"
    asked = [TxtRecord(name, "v") for name in (*names, bad, worse, "no name", *names)]
    found = locate_records(authorities, asked)
    assert [record.name for record in found] == [record.name for record in asked]
    located = {record.name: record for record in found}
    assert [Location.of(located[name]) for name in names] == [Location(name, name, "example.com") for name in names]
    assert (located[bad].target, located[bad].zone, located[bad].aliases) == ("", "", ())
    assert located[bad].problem.startswith("bad.example.com SOA: resolver 127.0.0.1:")
    assert located[bad].problem.endswith("answers SERVFAIL. Check resolver (acme_dns_resolver)")
    assert located[worse].problem.startswith(f"no name server of zone example.com can be asked about {worse}: ns1.")
    assert located["no name"].problem


def test_locate_records_slow_name_has_a_problem_after_the_time_limit(authorities, monkeypatch):
    locate, release = Locator.locate, Event()

    def hang(self, name):
        if name == "slow.example.com":
            release.wait(20)
        return locate(self, name)

    monkeypatch.setattr(Locator, "locate", hang)
    records = [TxtRecord("slow.example.com", "v"), TxtRecord(NAME, "v")]
    slow, other = Locator(authorities, WaitRules({}), timeout=2).locate_records(records)
    release.set()
    assert slow.problem.startswith("its zone was not found within 2 s. Let the controller reach port 53")
    assert (slow.zone, other.zone, other.problem) == ("", "example.com", "")


def test_locate_records_bug_is_no_problem_of_a_record(authorities, monkeypatch):
    monkeypatch.setattr(Locator, "locate", lambda _self, name: {}[name])
    with pytest.raises(KeyError):
        locate_records(authorities, [TxtRecord(NAME, "v")])


def test_locate_records_asks_few_questions(recursor, world, authorities):
    locate_records(authorities, [TxtRecord(f"_acme-challenge.w{n}.example.com", "v") for n in range(100)])
    assert recursor.count("SOA").total() == 100
    assert recursor.asked() == 105  # the name servers of the zone, once
    assert world.asked() == 100


@pytest.mark.parametrize(
    "name", [NAME, "_acme-challenge.one.example.com", "_label._acme-challenge.www.example.com", "_acme-challenge.b.com"]
)
def test_locate_name_is_not_asked_of_a_resolver(internet, recursor, authorities, name):
    """A resolver keeps the answer that a name does not exist, and the CA may ask the same one."""
    internet["example.com"].add("_acme-challenge.one.example.com", "CNAME", "one.acme.example.net.")
    locate(authorities, name)
    assert not [asked for asked in recursor.count() if asked.startswith("_") or asked == "one.acme.example.net"]


@pytest.mark.parametrize("cut", [NAME, "_acme-challenge.sub.example.com", "www.example.com"])
@pytest.mark.parametrize("same_server", [True, False])
def test_locate_zone_cut_at_the_name_is_found(serve, internet, resolver, cut, same_server):
    """The challenges alone may be delegated, as a zone that nothing else is in."""
    zone = internet[cut] = Zone(cut).add(cut, "NS", f"ns1.{cut}.").add(f"ns1.{cut}", "A", "127.0.0.15")
    upper = serve(*internet.values(), address=OTHERS)
    for other in ("example.com", "sub.example.com"):
        internet[other].add(f"ns1.{other}", "A", OTHERS)
    lower = serve(zone, address="127.0.0.15", port=upper.port)
    recursor = serve(*internet.values(), recursive=True)
    if not same_server:
        upper.zones.remove(zone)
        upper.cuts.append(cut)
    authorities = Authorities(Resolver([f"127.0.0.1:{recursor.port}"]), port=upper.port, timeout=2)
    name = cut if cut.startswith("_") else NAME
    assert locate(authorities, name) == Location(name, name, cut)
    if not same_server and name == cut:
        assert lower.count("CNAME") == {name: 1}


UNASKED = [WaitMode.RESOLVER, WaitMode.NONE]
WRITER = {"provider": "exec"}


@pytest.mark.parametrize("mode", UNASKED)
@pytest.mark.parametrize("key", ["example.com", NAME, "*"])
def test_locate_unasked_name_with_entry_is_not_looked_up(recursor, authorities, mode, key):
    """The resolver may be the CA's, and would keep the answer that there is no such name."""
    assert locate(authorities, NAME, {key: WRITER}, mode) == Location(NAME, NAME, "example.com")
    assert not [name for name in recursor.count() if name.startswith("_")]


@pytest.mark.parametrize("mode", UNASKED)
def test_locate_unasked_name_without_entry_has_cname_of_resolver(internet, recursor, authorities, mode):
    target = "_acme-challenge.www.example.net"
    internet["example.com"].add(NAME, "CNAME", f"{target}.")
    assert locate(authorities, NAME, {"example.net": WRITER}, mode) == Location(NAME, target, "example.net", (NAME,))
    assert recursor.count()[target] == 0


@pytest.mark.parametrize("mode", list(WaitMode))
@pytest.mark.parametrize("key", ["example.com", NAME])
def test_locate_cname_of_entry_is_not_looked_up(recursor, authorities, mode, key):
    zones = {key: {"cname": "www.acme.example.net"}, "example.net": WRITER}
    found = locate(authorities, NAME, zones, mode)
    assert found == Location(NAME, "www.acme.example.net", "example.net", (NAME,))
    assert recursor.count()[NAME] == 0


def test_locate_cname_of_entry_into_its_own_names_ends(authorities):
    zones = {"example.com": {**WRITER, "cname": "acme.example.com"}}
    name = "acme.example.com"
    assert locate(authorities, NAME, zones) == Location(NAME, name, "example.com", (NAME,))
    assert locate(authorities, name, zones) == Location(name, name, "example.com")
