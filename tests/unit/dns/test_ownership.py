# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ownership of a CNAME: the zone's own servers are asked, because the owner of a zone below may hide that zone."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils._dns.changes import Entries, assign
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError, SilentError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.locator import Locator
from ansible_collections.certfleet.tls.plugins.module_utils._dns.ownership import Ownership
from ansible_collections.certfleet.tls.plugins.module_utils._dns.resolver import Resolver
from ansible_collections.certfleet.tls.plugins.module_utils._dns.servers import Authorities, NameServer, Reply
from ansible_collections.certfleet.tls.plugins.module_utils._dns.wait_rules import WaitRules
from ansible_collections.certfleet.tls.plugins.module_utils._dns.zones import Location
from tests.unit.dns.scripted_server import Zone

NAME, EVIL = "_acme-challenge.www.example.com", "_acme-challenge.x.evil.example.com"


def locate(authorities, name):
    return Locator(authorities, WaitRules({})).locate(name)


class Hidden(Zone):
    """A zone whose servers answer so that no resolver sees that there is one."""

    def __init__(self, name, others):
        super().__init__(name)
        self._records = {(EVIL, "CNAME"): ["www.example.com."]}
        self._others = others

    def texts(self, name, kind):
        return super().texts(name, kind) or (self._others if kind == "CNAME" else [])

    def exists(self, name):
        return True


@pytest.fixture
def add(pair, internet):
    """Add records to all servers of example.com, and to what the resolver says."""

    def added(name, *record):
        for zone in (*pair.copies, internet["example.com"]):
            zone.add(name, *record)

    return added


def is_own(pair, place, **options):
    """*place*: a location, or a name to locate."""
    found = locate(pair.authorities, place) if isinstance(place, str) else place
    return Ownership(pair.ask_with(**options)).is_own(found)


def alias(name, target="www.example.com", zone="example.com"):
    return Location(name, target, zone, (name,))


@pytest.mark.parametrize("others", [[], ["example.com."]], ids=["no SOA", "a CNAME for every name"])
@pytest.mark.parametrize("cut", ["evil.example.com", EVIL])
def test_is_own_hidden_delegated_zone_is_false(pair, recursor, others, cut):
    recursor.zones.append(Hidden(cut, others))
    recursor.soa = False
    for server in pair.servers:
        server.cuts.append(cut)
    place = alias(EVIL)  # to the resolver, it is all one zone
    assert Resolver([f"127.0.0.1:{recursor.port}"]).find_alias(EVIL) == place.target
    assert pair.resolver.find_zone(EVIL) == place.zone
    entries = Entries({"example.com": {"provider": "exec", "program": "/bin/true"}})
    record = TxtRecord(EVIL, "v", place.target, place.zone, place.aliases)
    (item,), (job,) = assign([record], entries, Ownership(pair.authorities).is_own)
    assert "allows such records only for _acme-challenge.*" in item.problem
    assert "cannot be asked" not in item.problem
    assert job.records == []


@pytest.mark.parametrize("more", [[], ["*.evil.example.com"], ["x.evil.example.com"]])
def test_is_own_zone_below_on_same_servers_is_false(pair, more):
    """The owner of that zone may have a resolver ask other servers than these."""
    for server in pair.servers:
        server.zones.append(Zone("evil.example.com").add(EVIL, "CNAME", "www.example.com."))
        for name in more:
            server.zones[-1].add(name, "CNAME", "www.example.com.")
    assert not Ownership(pair.authorities).is_own(alias(EVIL))


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("inside.example.com", True),
        ("twice.example.com", True),
        ("_acme-challenge.www.example.com", True),
        ("_acme-challenge.a.b.c.example.com", True),
        ("_acme-challenge.no-host.example.com", True),
        ("down.example.com", False),
        ("up.sub.example.com", False),
        ("below.nothing.sub.example.com", False),
        ("there-and-back.example.com", False),
    ],
)
def test_is_own_of_visible_zones(pair, add, internet, name, own):
    """A zone below another one has another owner, and so has a zone on the way."""
    for server in pair.servers:
        server.cuts.append("sub.example.com")
    add("inside.example.com", "CNAME", "a.example.com.")
    add("twice.example.com", "CNAME", "inside.example.com.")
    add("www.example.com", "CNAME", "hosting.example.net.")
    add("_acme-challenge.www.example.com", "CNAME", "www-acme.example.com.")
    add("_acme-challenge.a.b.c.example.com", "CNAME", "a-acme.example.com.")
    add("b.c.example.com", "CNAME", "host.example.com.")
    add("_acme-challenge.no-host.example.com", "CNAME", "a-acme.example.com.")
    add("down.example.com", "CNAME", "a.sub.example.com.")
    add("there-and-back.example.com", "CNAME", "hop.example.net.")
    internet["example.net"].add("hop.example.net", "CNAME", "_dmarc.example.com.")
    internet["sub.example.com"].add("up.sub.example.com", "CNAME", "example.com.")
    internet["sub.example.com"].add("below.nothing.sub.example.com", "CNAME", "a.example.com.")
    assert is_own(pair, name) is own


WITHIN = alias(NAME, "www-acme.example.com")


def test_is_own_within_zone_asks_few_questions(pair, add):
    add("www.example.com", "A", "192.0.2.1")
    add(NAME, "CNAME", "www-acme.example.com.")
    add("_acme-challenge.example.com", "CNAME", "acme.example.com.")
    assert is_own(pair, alias("_acme-challenge.example.com", "acme.example.com"))
    assert [query[:2] for query in pair.first.queries] == [("_acme-challenge.example.com", "CNAME")]
    pair.first.forget()
    assert is_own(pair, WITHIN)
    assert [query[:2] for query in pair.first.queries] == [(NAME, "CNAME"), ("www.example.com", "SOA")]
    assert not any(query[3] for query in pair.first.queries)  # without recursion
    assert pair.second.asked() == 0


@pytest.mark.parametrize(
    "place",
    [
        Location(NAME, NAME, "example.com"),
        alias(EVIL, "www.example.net", "example.net"),
        Location(NAME, "www.example.com", "example.com", (NAME, "a.example.net")),
    ],
)
def test_is_own_by_names_alone_asks_no_question(pair, recursor, place):
    recursor.forget()
    assert Ownership(pair.authorities).is_own(place) is not place.aliases
    assert recursor.asked() + pair.first.asked() + pair.second.asked() == 0


def test_is_own_ignores_answer_without_authority(pair, add):
    add(NAME, "CNAME", "www-acme.example.com.")
    pair.first.authoritative = False
    assert is_own(pair, WITHIN)
    pair.second.authoritative = False
    with pytest.raises(DnsError, match=r"but does not serve it \(it answers without authority\)$"):
        is_own(pair, WITHIN)


def test_is_own_ignores_negative_answer_without_soa(pair, add):
    add(NAME, "CNAME", "www-acme.example.com.")
    for server in pair.servers:
        server.soa = False
    assert not is_own(pair, NAME)


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"silent": True}, r"does not answer within 0\.2 s"),
        ({"failing": "REFUSED"}, r"is listed as .*, but does not serve it \(it answers REFUSED\)"),
        ({"failing": "SERVFAIL"}, r"is listed as .*, but has a problem with it \(it answers SERVFAIL\)"),
    ],
)
def test_is_own_no_server_answers_raises(pair, add, trouble, says):
    add(NAME, "CNAME", "www-acme.example.com.")
    vars(pair.first).update(trouble)
    assert is_own(pair, WITHIN, timeout=0.2)
    vars(pair.second).update(trouble)
    with pytest.raises(DnsError, match=rf"^ns2\.example\.com \(127\.0\.0\.12\) {says}$"):
        is_own(pair, WITHIN, timeout=0.2)


def test_is_own_zone_without_servers_raises(resolver):
    with pytest.raises(DnsError, match=r"^zone example\.com has no name server with an address$"):
        Ownership(Authorities(resolver)).is_own(WITHIN)


def test_is_own_asks_three_silent_addresses_at_most():
    """A silent address is not asked again, and after three of them nothing is."""
    asked = []

    class Closed(Authorities):
        def find_servers(self, _zone):
            return [NameServer(f"ns{n}.example.com", (f"192.0.2.{n}", f"198.51.100.{n}")) for n in range(5)]

        def _exchange(self, address, *_more):
            asked.append(address)
            raise SilentError("does not answer within 5 s")

    ownership = Ownership(Closed(None))
    for number in range(5):
        with pytest.raises(DnsError, match=r"^ns1\.example\.com \(192\.0\.2\.1\) does not answer within 5 s$"):
            ownership.is_own(alias(f"_acme-challenge.w{number}.example.com"))
    assert asked == ["192.0.2.0", "198.51.100.0", "192.0.2.1"]


def test_is_own_slow_servers_are_asked_until_the_deadline(time):
    class Slow(Authorities):
        asked = 0

        def find_servers(self, _zone):
            return [NameServer(f"ns{n}.example.com", (f"192.0.2.{n}",)) for n in range(30)]

        def ask(self, _zone, _address, _name, _rdtype):
            self.asked += 1
            time.clock.sleep(4)
            raise DnsError("answers REFUSED")

    authorities = Slow(None)
    ownership = Ownership(authorities, Deadline(time.clock, 20))
    for number in range(3):
        with pytest.raises(
            DnsError, match=r"^ns29\.example\.com \(192\.0\.2\.29\) was not asked, since 20 s were over$"
        ):
            ownership.is_own(alias(f"_acme-challenge.w{number}.example.com"))
    assert authorities.asked == 5


def test_is_own_cname_at_apex_ends_questions():
    """No name server should have one, but the owner of a zone may run a server that has."""

    class Odd(Authorities):
        asked = 0

        def find_servers(self, _zone):
            return [NameServer("ns.evil.example.com", ("192.0.2.1",))]

        def ask(self, _zone, _address, _name, _rdtype):
            self.asked += 1
            assert self.asked < 10, "without an end"
            return Reply("x.evil.example.com", "")

    assert Ownership(Odd(None)).is_own(alias("evil.example.com", "x.evil.example.com", "evil.example.com"))
