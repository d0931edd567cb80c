# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and values of TXT records."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.records import canonical, is_within, join, relative

LONG = ".".join(["a" * 49] * 5)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("_acme-challenge.www.example.com", "_acme-challenge.www.example.com"),
        ("_ACME-Challenge.WWW.Example.COM.", "_acme-challenge.www.example.com"),
        (" a.example ", "a.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("0a_b-c.example", "0a_b-c.example"),
        ("example", "example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (LONG + ".com", LONG + ".com"),
    ],
)
def test_canonical_valid_name(given, name):
    assert canonical(given) == name


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (None, "is empty"),
        (".", "a label has 1 to 63"),
        ("..", "a label has 1 to 63"),
        ("a..example", "a label has 1 to 63"),
        (".a.example", "a label has 1 to 63"),
        ("a.example..", "a label has 1 to 63"),
        ("a" * 64 + ".example", "a label has 1 to 63"),
        ("-a.example", "a label has 1 to 63"),
        ("a-.example", "a label has 1 to 63"),
        ("*.example", "a label has 1 to 63"),
        ("a b.example", "a label has 1 to 63"),
        ("a/../b.example", "a label has 1 to 63"),
        ("a\\.b.example", "a label has 1 to 63"),
        ("$(id).example", "a label has 1 to 63"),
        ("a.example\nb", "a label has 1 to 63"),
        ("b\u00fccher.example", "write it in A-labels"),
        (LONG + ".long", "254 characters"),
    ],
)
def test_canonical_invalid_name_raises_one_line(given, says):
    with pytest.raises(DnsError, match=says) as caught:
        canonical(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("name", "zone", "within"),
    [
        ("example.com", "example.com", True),
        ("a.example.com", "example.com", True),
        ("a.b.example.com", "example.com", True),
        ("aexample.com", "example.com", False),
        ("com", "example.com", False),
    ],
)
def test_is_within_zone(name, zone, within):
    assert is_within(name, zone) is within


@pytest.mark.parametrize(
    ("name", "written"), [("example.com", "@"), ("a.example.com", "a"), ("a.b.example.com", "a.b")]
)
def test_relative_name_in_zone(name, written):
    assert relative(name, "example.com") == written


@pytest.mark.parametrize(
    ("strings", "value"),
    [
        ([b"abc"], "abc"),
        ([b"a" * 255, b"b"], "a" * 255 + "b"),
        ([], ""),
        ([b"\xc3", b"\xbc"], "\u00fc"),
        ([b"\xff"], "\\xff"),
    ],
)
def test_join_strings_of_a_value(strings, value):
    assert join(strings) == value
