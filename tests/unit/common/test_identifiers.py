# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers: one form for each name, and a message for invalid ones."""

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
def test_normalize_valid_identifier(text, name):
    assert normalize(text) == name
    assert normalize(name) == name


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "an identifier is empty"),
        (" \t\n", "an identifier is empty"),
        ("shop example.com", "contains a space"),
        ("a.example,\tb.example", "contains a space"),
        ("a.example\nb.example", "contains a space"),
        ("a.example\u00a0b.example", "contains a space"),
        ("https://shop.example.com", "is a URL or a path"),
        ("shop.example.com/", "is a URL or a path"),
        ("../../etc/passwd", "is a URL or a path"),
        ("999.0.2.1", "is not an IP address"),
        ("192.0.2.01", "is not an IP address"),
        ("[2001:db8::1]", "is not an IP address. Give one without brackets"),
        ("::ffff:192.0.2.1", "is the IPv4 address 192.0.2.1. Give that"),
        ("fe80::1%eth0", "is not an IP address"),
        ("2001:db8:::1", "is not an IP address"),
        ("*.192.0.2.1", "is a wildcard for an IP address, which does not exist"),
        ("shop.example.com:443", "has a port"),
        (f"{NAME_253}a", "is too long: 254 characters"),
        (f"a.{NAME_253}", "is too long: 255 characters"),
        (f"{LABEL_63}a.example", "label that is too long: 64 characters"),
        (".", "empty label"),
        (".example", "empty label"),
        ("a..example", "empty label"),
        ("a.example..", "empty label"),
        ("*", "has a '*' that"),
        ("*.", "has a '*' that"),
        ("a.*.example", "has a '*' that"),
        ("*.*.example", "has a '*' that"),
        ("*a.example", "has a '*' that"),
        ("a*.example", "has a '*' that"),
        ("a.example.*", "has a '*' that"),
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
        ("ü\u2028.example", "contains a space"),
        ("\ud800.example", "cannot be encoded"),
        ("\uff41\uff0f\u00fc.example", "has a character"),
    ],
)
def test_normalize_invalid_identifier_is_refused(text, what):
    with pytest.raises(IdentifierError) as error:
        normalize(text)
    message = str(error.value)
    assert what in message
    assert len(message.splitlines()) == 1
    if text.strip():
        assert repr(text.strip())[:20] in message


def test_normalize_error_is_value_error():
    with pytest.raises(ValueError, match="empty"):
        normalize("")


def test_normalize_long_name_is_shortened_in_message():
    with pytest.raises(IdentifierError) as error:
        normalize("a b" * 10_000)
    assert len(str(error.value)) < 150


@pytest.mark.parametrize(
    ("name", "is_one"), [("192.0.2.1", True), ("2001:db8::1", True), ("1.2.3.4.example", False), ("example", False)]
)
def test_is_address_name_returns_bool(name, is_one):
    assert is_address(name) == is_one


@pytest.mark.parametrize(
    ("text", "compared"),
    [("Shop.example.", "shop.example"), ("2001:DB8::0", "2001:db8::"), ("A_b.example", "a_b.example")],
)
def test_canonical_accepts_invalid_identifiers(text, compared):
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
def test_parse_identifiers_gives_each_once_in_order(identifiers, found):
    assert names(parse_identifiers(identifiers, "http-01")) == found


def test_parse_identifiers_with_own_challenge_and_webroot():
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
        ("*.example.com", "http-01", "is a wildcard, which http-01 cannot prove. Use dns-01"),
        ("*.example.com", "tls-alpn-01", "is a wildcard, which tls-alpn-01 cannot prove"),
        ("192.0.2.1", "dns-01", "is an IP address, which dns-01 cannot prove. Use http-01 or tls-alpn-01"),
        ("2001:db8::1", "dns-persist-01", "is an IP address, which dns-persist-01 cannot prove"),
        ("a.onion", "dns-01", "is an onion service, which dns-01 cannot prove. Use http-01 or tls-alpn-01"),
        ("*.a.onion", "http-01", "is a wildcard below .onion, which only onion-csr-01 can prove"),
        ("a.example", "dns-02", "has the challenge 'dns-02', which is not one of http-01, dns-01, "),
        ({"value": "a.example", "challenge": "x"}, "http-01", "has the challenge 'x'"),
        (
            {"value": "a.example", "port": 80},
            "http-01",
            "has 'port'. Give a name, or a mapping with value",
        ),
        ({"challenge": "dns-01"}, "http-01", "an identifier has a value that is not a text"),
        (7, "http-01", "an identifier has a value that is not a text"),
        (None, "http-01", "an identifier has a value that is not a text"),
    ],
)
def test_parse_identifiers_unsuitable_challenge_is_refused(identifier, challenge, what):
    with pytest.raises(IdentifierError) as error:
        parse_identifiers(["b.example", identifier], challenge if isinstance(identifier, str) else "http-01")
    assert what in str(error.value)
    assert len(str(error.value).splitlines()) == 1


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
def test_parse_identifiers_suitable_challenge(identifier, challenge):
    assert parse_identifiers([identifier], challenge) == [Identifier(identifier, challenge)]


def test_parse_identifiers_different_duplicates_are_refused():
    with pytest.raises(IdentifierError, match=r"'a\.example' is given twice with different challenges"):
        parse_identifiers(["a.example", {"value": "A.example", "challenge": "dns-01"}], "http-01")


def test_parse_identifiers_empty_list_is_refused():
    with pytest.raises(IdentifierError, match="no identifiers"):
        parse_identifiers([], "http-01")


def test_parse_identifiers_one_invalid_name_is_refused():
    with pytest.raises(IdentifierError, match="'no good'"):
        parse_identifiers(["a.example", "no good", "b.example"], "http-01")
