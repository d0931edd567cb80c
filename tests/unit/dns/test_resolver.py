# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recursive look-ups, against a scripted resolver."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import dns.resolver
import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.resolver import Resolver


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:DB8:0::1]", ("2001:db8::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_resolver_valid_addresses(given, server):
    inner = Resolver([given])._servers[0].fresh
    assert (inner.nameservers, inner.nameserver_ports) == ([server[0]], {server[0]: server[1]})


@pytest.mark.parametrize(
    "given",
    [
        "",
        "dns.example",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:x",
        "[::1",
        "[::1]x",
        "300.0.0.1",
    ],
)
def test_resolver_invalid_address_raises(given):
    with pytest.raises(DnsError, match=r"^invalid resolver .*: expected ADDRESS, "):
        Resolver([given])


@pytest.mark.parametrize("given", ["https://192.0.2.1/dns-query", " https://dns.example/dns-query", "tls://192.0.2.1"])
def test_resolver_url_raises(given):
    with pytest.raises(
        DnsError, match=r"is a URL: DNS over HTTPS, TLS and QUIC are not supported. Give an IP address$"
    ):
        Resolver([given])


def test_resolver_address_with_two_ports_raises():
    with pytest.raises(DnsError, match="resolver has an address twice"):
        Resolver(["192.0.2.1", "192.0.2.1:5353"])
    Resolver(["192.0.2.1", "192.0.2.1:53", "192.0.2.2"])


def test_resolver_none_configured_raises(monkeypatch):
    def none(*_args, **_more):
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", none)
    with pytest.raises(DnsError, match="set the option resolver"):
        Resolver()
    Resolver(["192.0.2.1"])


def test_look_up_existing_and_missing_records(internet, resolver):
    internet["example.com"].add("www.example.com", "A", "192.0.2.7", "192.0.2.8")
    internet["example.com"].add("web.example.com", "CNAME", "www.example.com.")
    assert sorted(record.address for record in resolver.look_up("www.example.com", "A")) == ["192.0.2.7", "192.0.2.8"]
    assert len(resolver.look_up("web.example.com", "A")) == 2
    assert resolver.look_up("www.example.com", "AAAA") == ()
    assert resolver.look_up("none.example.com", "A") == ()
    assert resolver.find_alias("web.example.com") == "www.example.com"
    assert resolver.find_alias("www.example.com") == ""


def test_look_up_answers_are_cached_also_negative_ones(internet, recursor, resolver):
    internet["example.com"].add("www.example.com", "A", "192.0.2.7")
    for name, kind in (("www.example.com", "A"), ("www.example.com", "AAAA"), ("none.example.com", "A")):
        for _again in range(3):
            resolver.look_up(name, kind)
    assert recursor.asked() == 3


def test_look_up_in_threads(internet, resolver):
    for n in range(50):
        internet["example.com"].add(f"w{n}.example.com", "A", f"192.0.2.{n}")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: resolver.look_up(f"w{n}.example.com", "A")[0].address, range(50)))
    assert found == [f"192.0.2.{n}" for n in range(50)]


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED", "NOTIMP"])
def test_look_up_failing_resolver_is_named_with_code(recursor, resolver, code):
    recursor.failing = code
    with pytest.raises(DnsError, match=rf"^www\.example\.com A: resolver \S*127\.0\.0\.1\S* answers {code}$"):
        resolver.look_up("www.example.com", "A")


def test_look_up_silent_resolver_is_named_with_timeout(recursor):
    recursor.silent = True
    with pytest.raises(DnsError, match=r"^www\.example\.com A: no answer within 0\.3 s from resolver .*127\.0\.0\.1"):
        Resolver([f"127.0.0.1:{recursor.port}"], timeout=0.3).look_up("www.example.com", "A")


@pytest.fixture
def first(serve, internet):
    """The first of two resolvers."""
    return serve(*internet.values(), address="127.0.0.2", recursive=True)


def both_of(first, recursor, timeout):
    return Resolver([f"127.0.0.2:{first.port}", f"127.0.0.1:{recursor.port}"], timeout)


def test_look_up_silent_resolver_costs_one_short_try(internet, first, recursor):
    for number in range(32):
        internet["example.com"].add(f"w{number}.example.com", "A", "192.0.2.7")
    first.silent = True
    both = both_of(first, recursor, 10)
    start = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda number: both.look_up(f"w{number}.example.com", "A"), range(32)))
    assert [len(records) for records in found] == [1] * 32
    assert time.monotonic() - start < 2
    assert first.asked() <= 16
    assert both.answering == [f"127.0.0.1:{recursor.port}", f"127.0.0.2:{first.port}"]


def test_answering_is_empty_while_all_answer(internet, first, recursor):
    both = both_of(first, recursor, 10)
    both.look_up("example.com", "NS")
    assert both.answering == []


def test_look_up_resolver_that_answers_again_is_asked_again_after_others_fail(internet, first, recursor):
    internet["example.com"].add("www.example.com", "A", "192.0.2.7")
    both = both_of(first, recursor, 0.8)
    first.silent = True
    both.look_up("example.com", "NS")
    first.silent = False
    recursor.failing = "SERVFAIL"
    assert len(both.look_up("www.example.com", "A")) == 1


def test_look_up_slow_resolvers_have_all_the_time(internet, first, recursor):
    internet["example.com"].add("www.example.com", "A", "192.0.2.7")
    first.delay = recursor.delay = 0.6
    assert len(both_of(first, recursor, 4).look_up("www.example.com", "A")) == 1


def test_look_up_all_resolvers_fail_names_each_with_reason(first, recursor):
    first.silent = True
    recursor.failing = "REFUSED"
    with pytest.raises(DnsError) as caught:
        both_of(first, recursor, 0.4).look_up("www.example.com", "A")
    assert str(caught.value) == (
        f"www.example.com A: no answer within 0.4 s from resolver 127.0.0.2:{first.port}; "
        f"resolver 127.0.0.1:{recursor.port} answers REFUSED"
    )


def test_look_up_malformed_name_raises(resolver):
    with pytest.raises(DnsError, match=r"^a\.\.b A: it is not a valid name \(EmptyLabel\)$"):
        resolver.look_up("a..b", "A")


@pytest.mark.parametrize("soa", [True, False], ids=["negative answers name their zone", "they do not"])
@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("example.com", "example.com"),
        ("_acme-challenge.example.com", "example.com"),
        ("_acme-challenge.deep.down.example.com", "example.com"),
        ("sub.example.com", "sub.example.com"),
        ("_acme-challenge.sub.example.com", "sub.example.com"),
        ("www.example.com", "example.com"),
        ("_acme-challenge.alias.sub.example.com", "sub.example.com"),
        ("lent.sub.example.com", "sub.example.com"),
        ("to-apex.sub.example.com", "sub.example.com"),
        ("unknown.com", "com"),
        ("unknown.invalid", "."),
    ],
)
def test_find_zone_of_existing_and_missing_names(internet, recursor, resolver, name, zone, soa):
    internet["example.com"].add("www.example.com", "A", "192.0.2.7")
    internet["sub.example.com"].add("alias.sub.example.com", "CNAME", "www.example.com.")
    internet["sub.example.com"].add("to-apex.sub.example.com", "CNAME", "example.net.")
    # The zone of what a CNAME points to is above that of the name itself.
    internet["sub.example.com"].add("*.sub.example.com", "CNAME", "www.example.com.")
    recursor.soa = soa
    assert resolver.find_zone(name) == zone


def test_find_zone_asks_one_question(recursor, resolver):
    resolver.find_zone("_acme-challenge.deep.down.example.com")
    assert recursor.asked() == 1


def test_find_zone_ignores_soa_of_other_zone(internet, recursor, resolver):
    recursor.soa = internet["example.net"]
    assert resolver.find_zone("_acme-challenge.www.example.com") == "example.com"
