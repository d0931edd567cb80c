# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authoritative servers of a zone, and questions to one of them."""

from __future__ import annotations

import errno
import os

import dns.flags
import dns.query
import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import (
    DnsError,
    LameError,
    NoRouteError,
    SilentError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._dns.servers import NameServer, Reply
from tests.unit.dns.conftest import FIRST, OTHERS, SECOND

NAME = "_acme-challenge.www.example.com"


def asked(pair, name=NAME, address=FIRST, **more):
    return pair.authorities.read_values("example.com", address, name, **more)


def test_find_servers_with_all_addresses(internet, pair):
    internet["example.com"].add("ns2.example.com", "AAAA", "2001:db8::12")
    assert pair.authorities.find_servers("example.com") == (
        NameServer("ns1.example.com", (FIRST,)),
        NameServer("ns2.example.com", (SECOND, "2001:db8::12")),
    )


def test_find_servers_are_looked_up_once(recursor, pair):
    for _again in range(3):
        pair.authorities.find_servers("example.com")
    assert recursor.count() == {"example.com": 1, "ns1.example.com": 2, "ns2.example.com": 2}


def test_find_servers_without_address_have_trouble(internet, recursor, pair):
    internet["example.com"].add("example.com", "NS", "gone.example.com.", "odd.example.com.")
    recursor.failing_names["odd.example.com"] = "SERVFAIL"
    troubles = {server.name: server.trouble for server in pair.authorities.find_servers("example.com")}
    assert troubles["ns1.example.com"] == ""
    assert troubles["gone.example.com"] == "has no address"
    assert "answers SERVFAIL" in troubles["odd.example.com"]
    recursor.failing_names.clear()
    internet["example.com"].add("odd.example.com", "A", "127.0.0.13")
    for again, addresses in ((False, ()), (True, ("127.0.0.13",))):
        found = {s.name: s.addresses for s in pair.authorities.find_servers("example.com", again)}
        assert found["odd.example.com"] == addresses


def test_find_servers_that_failed_are_looked_up_once_for_all_names(internet, recursor, pair):
    internet["example.com"].add("example.com", "NS", "odd.example.com.")
    recursor.failing_names |= {"odd.example.com": "SERVFAIL", "example.net": "SERVFAIL"}
    for number in range(5):
        pair.authorities.ask_zone("example.com", f"_acme-challenge.h{number}.example.com", "CNAME")
        with pytest.raises(DnsError, match=r"example\.net NS: .* answers SERVFAIL"):
            pair.authorities.ask_zone("example.net", f"_acme-challenge.h{number}.example.net", "CNAME")
    assert recursor.count()["odd.example.com"] == 2  # IPv4 and IPv6
    assert recursor.count()["example.net"] == 1
    with pytest.raises(DnsError):
        pair.authorities.find_servers("example.net", again=True)
    assert recursor.count()["example.net"] == 2


def test_find_servers_too_many_are_not_asked(internet, pair):
    internet["example.com"].add("ns1.example.com", "A", *(f"192.0.2.{number}" for number in range(20)))
    assert pair.authorities.find_servers("example.com")[0].trouble == "has 21 addresses, more than 20"
    internet["example.net"].add("example.net", "NS", *(f"ns{number}.example.net." for number in range(31)))
    with pytest.raises(DnsError, match=r"^zone example\.net has 31 name servers, more than 30, so none is asked$"):
        pair.authorities.find_servers("example.net")


def test_find_servers_failed_ipv6_look_up_is_ignored(internet, pair, monkeypatch):
    look_up = pair.resolver.look_up

    def no_ipv6(name, kind):
        if kind == "AAAA":
            raise DnsError("SERVFAIL")
        return look_up(name, kind)

    monkeypatch.setattr(pair.resolver, "look_up", no_ipv6)
    assert pair.authorities.find_servers("example.com")[0] == NameServer("ns1.example.com", (FIRST,))


def test_find_servers_of_zone_without_servers_raises(pair):
    with pytest.raises(DnsError, match=r"^zone none\.example\.com has no name servers"):
        pair.authorities.find_servers("none.example.com")


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ([], set()),
        (['"one"'], {"one"}),
        (['"one"', '"two"'], {"one", "two"}),
        (['"one" "and" " the rest"'], {"oneand the rest"}),
        ([f'"{"a" * 255}" "b"'], {"a" * 255 + "b"}),
        (['""'], {""}),
    ],
)
def test_ask_values_are_joined_strings(pair, texts, values):
    pair.copies[0].add(NAME, "A", "192.0.2.1")
    pair.copies[0].add(NAME, "TXT", *texts)
    assert asked(pair) == values


def test_ask_missing_name_is_empty(pair):
    assert asked(pair) == frozenset()


def test_ask_without_recursion_and_edns(pair):
    asked(pair)
    [(name, kind, way, flags)] = pair.first.queries
    assert (name, kind, way) == (NAME, "TXT", "udp")
    assert not flags & dns.flags.RD


def test_ask_cname_is_not_followed(pair):
    pair.copies[0].add(NAME, "CNAME", "other.example.com.")
    pair.copies[0].add("other.example.com", "TXT", '"elsewhere"')
    assert asked(pair) == frozenset()


def test_ask_truncated_answer_is_repeated_by_tcp(pair):
    values = {f"{n:043}" for n in range(40)}
    pair.add(NAME, *values)
    pair.first.truncating = True
    assert asked(pair) == values
    assert [way for _name, _kind, way, _flags in pair.first.queries] == ["udp", "tcp"]


@pytest.mark.parametrize(
    ("misbehave", "says"),
    [
        ({"failing": "REFUSED"}, "does not serve it (it answers REFUSED)"),
        ({"failing": "NOTAUTH"}, "does not serve it (it answers NOTAUTH)"),
        ({"failing": "SERVFAIL"}, "has a problem with it (it answers SERVFAIL)"),
        ({"authoritative": False}, "does not serve it (it answers without authority)"),
        (
            {"authoritative": False, "recursive": True},
            "a resolver answers at its address, as where a firewall redirects port 53",
        ),
        (
            {"authoritative": False, "recursive": True, "failing": "REFUSED"},
            "a resolver answers at its address, as where a firewall redirects port 53",
        ),
    ],
)
def test_ask_server_without_the_zone_is_lame(pair, misbehave, says):
    pair.add(NAME, "v")
    vars(pair.first).update(misbehave)
    for question in (asked, lambda pair: pair.authorities.ask("example.com", FIRST, NAME, "CNAME")):
        with pytest.raises(LameError) as caught:
            question(pair)
        assert str(caught.value) == f"is listed as a name server of zone example.com, but {says}"


def test_ask_server_with_authority_that_is_a_resolver_too_is_believed(pair):
    pair.add(NAME, "v")
    pair.first.recursive = True
    assert asked(pair) == {"v"}


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize(
    ("cut", "referral"), [("www.example.com", "www.example.com"), (NAME, NAME), ("example.com", None), ("com", None)]
)
def test_ask_referral_counts_below_the_zone_only(pair, cut, referral, recursive):
    pair.first.cuts = [cut]
    pair.first.recursive = recursive
    if referral:
        assert pair.authorities.ask("example.com", FIRST, NAME, "CNAME") == Reply(referral=referral)
    else:
        with pytest.raises(LameError):
            pair.authorities.ask("example.com", FIRST, NAME, "CNAME")


def test_ask_lost_question_is_repeated(pair, monkeypatch):
    pair.add(NAME, "v")
    answer, lost = pair.first.answer, []

    def lose_first(wire, way):
        if lost:
            return answer(wire, way)
        lost.append(wire)
        return None

    monkeypatch.setattr(pair.first, "answer", lose_first)
    pair.authorities = pair.ask_with(1)
    assert asked(pair) == {"v"}


def test_ask_zone_next_server_is_asked_and_silent_one_only_once(pair):
    for copy in pair.copies:
        copy.add(NAME, "CNAME", "a.example.com.")
    authorities = pair.ask_with(0.2)
    pair.first.silent = True
    for _again in range(3):
        assert authorities.ask_zone("example.com", NAME, "CNAME") == Reply(alias="a.example.com")
    assert (pair.first.asked(), pair.second.asked()) == (2, 3)  # two tries


def test_ask_zone_no_server_answers_names_all_and_the_options(pair):
    pair.first.silent = True
    vars(pair.second).update(authoritative=False, recursive=True)
    with pytest.raises(DnsError) as caught:
        pair.ask_with(0.2).ask_zone("example.com", NAME, "CNAME")
    assert str(caught.value) == (
        f"no name server of zone example.com can be asked about {NAME}: ns1.example.com ({FIRST}) does not answer "
        f"within 0.2 s; ns2.example.com ({SECOND}) is listed as a name server of zone example.com, but a resolver "
        "answers at its address, as where a firewall redirects port 53. Let the controller reach port 53 of the zone's "
        "name servers, or set wait (acme_dns_wait) to resolver, or to none with a delay (acme_dns_delay)"
    )


def test_ask_zone_servers_without_address_are_named(internet, pair):
    internet["example.net"].remove("ns1.example.net", "A", OTHERS)
    internet["example.net"].remove("ns2.example.net", "A", OTHERS)
    with pytest.raises(
        DnsError, match=r": ns1\.example\.net has no address; ns2\.example\.net has no address\. Let the"
    ):
        pair.authorities.ask_zone("example.net", NAME, "CNAME")


def test_ask_zone_without_name_servers_says_so(pair):
    with pytest.raises(DnsError, match=r"none\.example\.com has no name servers that the resolver knows\. Let the"):
        pair.authorities.ask_zone("none.example.com", NAME, "CNAME")


@pytest.mark.parametrize(("limit", "given", "seconds"), [(0.2, None, "0.2"), (0.2, 9, "0.2"), (9, 0.2, "0.2")])
def test_ask_silent_server_times_out(pair, limit, given, seconds):
    pair.first.silent = True
    pair.authorities = pair.ask_with(limit)
    with pytest.raises(SilentError, match=rf"^does not answer within {seconds} s$"):
        asked(pair, timeout=given)


def test_ask_server_closed_by_tcp_raises(pair):
    pair.add(NAME, "v")
    pair.first.truncating = True
    pair.first._tcp.socket.close()
    pair.authorities = pair.ask_with(0.3)
    with pytest.raises(DnsError, match=r"cannot be reached|does not answer"):
        asked(pair)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENETUNREACH, NoRouteError),
        (errno.EHOSTUNREACH, NoRouteError),
        (errno.EAFNOSUPPORT, NoRouteError),
        (errno.EADDRNOTAVAIL, NoRouteError),
        (errno.ECONNREFUSED, DnsError),
    ],
)
def test_ask_address_without_route_raises_its_own_error(pair, monkeypatch, code, kind):
    def unreachable(*_args, **_more):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(dns.query, "udp_with_fallback", unreachable)
    with pytest.raises(kind, match=r"^cannot be reached \(") as caught:
        asked(pair)
    assert caught.type is kind


def test_ask_malformed_answer_raises(pair, monkeypatch):
    monkeypatch.setattr(pair.first, "answer", lambda wire, _way: wire[:2] + b"nonsense")
    with pytest.raises(DnsError, match=r"^gives an invalid answer \(\w+\)$"):
        asked(pair)
