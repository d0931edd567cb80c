# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers: one form for each name, and a sentence for what is none."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils.pki.identifiers import IdentifierError, check, normalize

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
        ("192.0.2.1", "is an IP address"),
        ("\uff11\uff19\uff12.0.2.1", "is an IP address"),
        ("192.0.2.1.", "is an IP address"),
        ("2001:db8::1", "is an IP address"),
        ("[2001:db8::1]", "is an IP address"),
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
    ("identifiers", "names"),
    [
        (["b.example", "a.example"], ["b.example", "a.example"]),
        (["A.example", "b.example", "a.example."], ["a.example", "b.example"]),
        (["bücher.example", "xn--bcher-kva.example"], ["xn--bcher-kva.example"]),
    ],
)
def test_check_gives_each_name_once_in_its_order(identifiers, names):
    assert check(identifiers, "http-01") == names


def test_a_wildcard_needs_dns_01():
    assert check(["*.example.com"], "dns-01") == ["*.example.com"]
    with pytest.raises(IdentifierError, match=r"'\*\.example\.com' is a wildcard.*needs dns-01"):
        check(["a.example", "*.Example.com"], "http-01")


def test_no_identifiers_are_refused():
    with pytest.raises(IdentifierError, match="no identifiers"):
        check([], "http-01")


def test_one_bad_name_is_refused_among_good_ones():
    with pytest.raises(IdentifierError, match="'no good'"):
        check(["a.example", "no good", "b.example"], "http-01")
