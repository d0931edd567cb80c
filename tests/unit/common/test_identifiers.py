# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers: one form for each name, and a sentence for what is none."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import (
    Identifier,
    IdentifierError,
    canonical,
    is_address,
    names,
    normalize,
    parse_identifiers,
)

LABEL_63 = "a" * 63
NAME_253 = ".".join([LABEL_63, LABEL_63, LABEL_63, "a" * 61])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shop.example.com", "shop.example.com"),
        ("Shop.EXAMPLE.Com", "shop.example.com"),
        ("shop.example.com.", "shop.example.com"),
        ("  shop.example.com\n", "shop.example.com"),
        ("*.example.com", "*.example.com"),
        ("*.EXAMPLE.com.", "*.example.com"),
        ("localhost", "localhost"),
        ("0.example", "0.example"),
        ("a-b--c.example", "a-b--c.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example.", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("bücher。example。", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        (f"{LABEL_63}.example", f"{LABEL_63}.example"),
        (NAME_253, NAME_253),
        (NAME_253 + ".", NAME_253),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1.", "192.0.2.1"),
        ("\uff11\uff19\uff12.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("abcdef.onion", "abcdef.onion"),
    ],
)
def test_normalize(text, name):
    assert normalize(text) == name
    assert normalize(name) == name


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "an identifier is empty"),
        (" \t\n", "an identifier is empty"),
        ("shop example.com", "has a space in it"),
        ("a.example,\tb.example", "has a space in it"),
        ("a.example\nb.example", "has a space in it"),
        ("a.example\u00a0b.example", "has a space in it"),
        ("https://shop.example.com", "is a URL or a path"),
        ("shop.example.com/", "is a URL or a path"),
        ("../../etc/passwd", "is a URL or a path"),
        ("999.0.2.1", "is not an IP address"),
        ("192.0.2.01", "is not an IP address"),
        ("[2001:db8::1]", "is not an IP address: give it without brackets"),
        ("::ffff:192.0.2.1", "is the IPv4 address 192.0.2.1: give that"),
        ("fe80::1%eth0", "is not an IP address"),
        ("2001:db8:::1", "is not an IP address"),
        ("*.192.0.2.1", "has a wildcard below an IP address"),
        ("shop.example.com:443", "has a port"),
        (f"{NAME_253}a", "is too long: 254 characters"),
        (f"a.{NAME_253}", "is too long: 255 characters"),
        (f"{LABEL_63}a.example", "label that is too long: 64 characters"),
        (".", "empty label"),
        (".example", "empty label"),
        ("a..example", "empty label"),
        ("a.example..", "empty label"),
        ("*", "wildcard"),
        ("*.", "wildcard"),
        ("a.*.example", "wildcard"),
        ("*.*.example", "wildcard"),
        ("*a.example", "wildcard"),
        ("a*.example", "wildcard"),
        ("a.example.*", "wildcard"),
        ("a_b.example", "has a character"),
        ("-a.example", "has a character"),
        ("a-.example", "has a character"),
        ("a@b.example", "has a character"),
        ("a\x00.example", "has a character"),
        ("a;reboot.example", "has a character"),
        ("$(reboot).example", "has a character"),
        ("a,b.example", "has a character"),
        ("straße.example", "IDNA 2003 and 2008"),
        ("STRA\u1e9eE.example", "IDNA 2003 and 2008"),
        ("φίλος.example", "IDNA 2003 and 2008"),
        ("a\u200db.example", "IDNA 2003 and 2008"),
        ("a\u200cb.example", "IDNA 2003 and 2008"),
        ("ü..example", "cannot be encoded"),
        ("ü" * 63 + ".example", "cannot be encoded"),
        ("ü\u2028.example", "has a space in it"),
        ("\ud800.example", "cannot be encoded"),
        ("\uff41\uff0f\u00fc.example", "has a character"),
    ],
)
def test_what_cannot_be_ordered_is_refused_by_name(text, what):
    with pytest.raises(IdentifierError) as told:
        normalize(text)
    message = str(told.value)
    assert what in message
    assert len(message.splitlines()) == 1
    if text.strip():
        assert repr(text.strip())[:20] in message


def test_a_refused_name_is_a_value_error_too():
    with pytest.raises(ValueError, match="empty"):
        normalize("")


def test_a_long_name_is_shortened_in_its_message():
    with pytest.raises(IdentifierError) as told:
        normalize("a b" * 10_000)
    assert len(str(told.value)) < 150


@pytest.mark.parametrize(
    ("name", "is_one"), [("192.0.2.1", True), ("2001:db8::1", True), ("1.2.3.4.example", False), ("example", False)]
)
def test_is_address(name, is_one):
    assert is_address(name) == is_one


@pytest.mark.parametrize(
    ("text", "compared"),
    [("Shop.example.", "shop.example"), ("2001:DB8::0", "2001:db8::"), ("A_b.example", "a_b.example")],
)
def test_canonical_takes_what_cannot_be_ordered(text, compared):
    assert canonical(text) == compared


@pytest.mark.parametrize(
    ("identifiers", "found"),
    [
        (["b.example", "a.example"], ["b.example", "a.example"]),
        (["A.example", "b.example", "a.example."], ["a.example", "b.example"]),
        (["bücher.example", "xn--bcher-kva.example"], ["xn--bcher-kva.example"]),
        (["2001:db8:0::1", "2001:db8::1"], ["2001:db8::1"]),
    ],
)
def test_check_gives_each_name_once_in_its_order(identifiers, found):
    assert names(parse_identifiers(identifiers, "http-01")) == found


def test_an_identifier_may_have_a_challenge_and_a_webroot_of_its_own():
    identifiers = [
        "a.example",
        {"value": "*.A.example", "challenge": "dns-01"},
        {"value": "b.example", "webroot": "/srv/b"},
        {"value": "c.example", "challenge": "", "webroot": ""},
    ]
    assert parse_identifiers(identifiers, "http-01") == [
        Identifier("a.example", "http-01"),
        Identifier("*.a.example", "dns-01"),
        Identifier("b.example", "http-01", "/srv/b"),
        Identifier("c.example", "http-01"),
    ]


@pytest.mark.parametrize(
    ("identifier", "challenge", "what"),
    [
        ("*.example.com", "http-01", "is a wildcard, which http-01 cannot prove: a wildcard needs dns-01"),
        ("*.example.com", "tls-alpn-01", "is a wildcard, which tls-alpn-01 cannot prove"),
        ("192.0.2.1", "dns-01", "is an IP address, which dns-01 cannot prove: it needs http-01 or tls-alpn-01"),
        ("2001:db8::1", "dns-persist-01", "is an IP address, which dns-persist-01 cannot prove"),
        ("a.onion", "dns-01", "is an onion service, which dns-01 cannot prove: use http-01 or tls-alpn-01"),
        ("*.a.onion", "http-01", "is a wildcard below .onion: only onion-csr-01 proves that"),
        ("a.example", "dns-02", "has the challenge 'dns-02', which is not one of http-01, dns-01, "),
        ({"value": "a.example", "challenge": "x"}, "http-01", "has the challenge 'x'"),
        ({"value": "a.example", "port": 80}, "http-01", "an identifier has 'port': give a name, or a mapping of value"),
        ({"challenge": "dns-01"}, "http-01", "an identifier has no text as its value"),
        (7, "http-01", "an identifier has no text as its value"),
        (None, "http-01", "an identifier has no text as its value"),
    ],
)
def test_what_a_challenge_cannot_prove_is_refused(identifier, challenge, what):
    with pytest.raises(IdentifierError) as told:
        parse_identifiers(["b.example", identifier], challenge if isinstance(identifier, str) else "http-01")
    assert what in str(told.value)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("identifier", "challenge"),
    [
        ("*.example.com", "dns-01"),
        ("*.example.com", "dns-account-01"),
        ("*.example.com", "dns-persist-01"),
        ("192.0.2.1", "http-01"),
        ("2001:db8::1", "tls-alpn-01"),
        ("a.onion", "http-01"),
        ("a.onion", "tls-alpn-01"),
    ],
)
def test_what_a_challenge_can_prove(identifier, challenge):
    assert parse_identifiers([identifier], challenge) == [Identifier(identifier, challenge)]


def test_a_name_that_is_given_twice_has_to_be_given_alike():
    with pytest.raises(IdentifierError, match=r"'a\.example' is given twice, and not alike"):
        parse_identifiers(["a.example", {"value": "A.example", "challenge": "dns-01"}], "http-01")


def test_no_identifiers_are_refused():
    with pytest.raises(IdentifierError, match="no identifiers"):
        parse_identifiers([], "http-01")


def test_one_bad_name_is_refused_among_good_ones():
    with pytest.raises(IdentifierError, match="'no good'"):
        parse_identifiers(["a.example", "no good", "b.example"], "http-01")
