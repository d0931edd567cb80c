# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authoritative servers of a zone, and questions to one of them."""

from __future__ import annotations

import errno
import os

import dns.flags
import dns.query
import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError, NoRouteError, SilentError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.servers import NameServer
from tests.unit.dns.conftest import FIRST, SECOND

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
    # It is looked up again next time.
    recursor.failing_names.clear()
    internet["example.com"].add("odd.example.com", "A", "127.0.0.13")
    assert {s.name: s.addresses for s in pair.authorities.find_servers("example.com")}["odd.example.com"] == (
        "127.0.0.13",
    )


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


@pytest.mark.parametrize("code", ["REFUSED", "SERVFAIL", "NOTAUTH"])
def test_ask_refusing_server_is_lame(pair, code):
    pair.first.failing = code
    with pytest.raises(DnsError, match=rf"^is lame: it answers {code} for zone example\.com$"):
        asked(pair)


def test_ask_server_without_authority_is_lame(pair):
    pair.add(NAME, "v")
    pair.first.authoritative = False
    with pytest.raises(DnsError, match=r"^is lame: it is not authoritative for zone example\.com$"):
        asked(pair)


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
