# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for names by the entries of acme_dns: the entry that writes, its CNAME, its wait."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import WaitMode
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.wait_rules import Wait, WaitRules
from ansible_collections.certfleet.tls.plugins.module_utils._dns.zones import Location

NAME, TARGET = "_acme-challenge.www.example.com", "www.acme.example.net"
BY_CNAME = Location(NAME, TARGET, "acme.example.net", (NAME,))
AUTHORITATIVE, RESOLVER, NONE = WaitMode


def entry(**options):
    return {"provider": "exec", **options}


@pytest.mark.parametrize(
    ("zones", "mode", "delay"),
    [
        ({}, RESOLVER, 7),
        ({"example.com": entry()}, RESOLVER, 7),
        ({"example.com": entry(wait="none")}, NONE, 7),
        ({"example.com": entry(delay=0)}, RESOLVER, 0),
        ({"example.com": entry(wait="none", delay="60"), "*": entry(wait="resolver")}, NONE, 60),
        ({"example.com": entry(wait="none"), "www.example.com": entry(delay=3)}, RESOLVER, 3),
        ({"*": entry(wait="authoritative", delay=1)}, AUTHORITATIVE, 1),
        ({"example.net": entry(wait="none")}, RESOLVER, 7),
    ],
)
def test_wait_of_longest_entry_counts(zones, mode, delay):
    rules = WaitRules(zones, Wait(RESOLVER, 7))
    assert rules.wait(Location(NAME, NAME, "example.com")) == Wait(mode, delay)
    assert rules.wait_of_name(NAME) == Wait(mode, delay)


@pytest.mark.parametrize(
    ("zones", "key", "wait", "named"),
    [
        # The entry of the target writes, and its wait counts.
        ({"example.com": entry(wait="resolver"), "example.net": entry(wait="none")}, "example.net", NONE, False),
        # An entry that is only a CNAME leaves both to that of the target, but for a wait of its own.
        ({NAME: {"cname": TARGET}, "example.net": entry(wait="none")}, "example.net", NONE, True),
        (
            {NAME: {"cname": TARGET, "wait": "resolver"}, "example.net": entry(wait="none")},
            "example.net",
            RESOLVER,
            True,
        ),
        ({"example.com": {"cname": "WWW.ACME.example.net."}, "*": entry(wait="none")}, "*", NONE, True),
        # Without an entry for the target, that with the CNAME writes there.
        ({NAME: entry(cname=TARGET, wait="none")}, NAME, NONE, True),
        ({NAME: entry(cname=TARGET), "*": entry(wait="none")}, NAME, AUTHORITATIVE, True),
        ({NAME: entry(cname=TARGET), "example.net": entry(wait="none")}, "example.net", NONE, True),
        # The DNS leads elsewhere than the entry.
        ({NAME: entry(cname="other.example.net"), "*": entry(wait="none")}, "*", NONE, False),
        ({NAME: {"cname": TARGET}}, None, AUTHORITATIVE, True),
    ],
)
def test_wait_after_cname_has_entry_of_target_or_of_cname(zones, key, wait, named):
    rules = WaitRules(zones)
    assert rules.key_of(BY_CNAME) == key
    assert rules.wait(BY_CNAME).mode == wait
    assert rules.is_named(BY_CNAME) is named


def test_cname_of_longest_entry_counts():
    rules = WaitRules(
        {"example.com": entry(cname=TARGET), "www.example.com": entry(), "*": {"cname": "b\u00fc.example"}}
    )
    assert rules.cname("_acme-challenge.example.com") == TARGET
    assert rules.cname(NAME) == ""
    assert rules.cname("example.net") == "xn--b-eha.example"


def test_key_without_entry_is_that_of_tasks_file():
    assert WaitRules({NAME: {"cname": TARGET}}, has_tasks_file=True).key(NAME) == ""
    assert WaitRules({}).key(NAME) is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"wait": "resolvers"}, "invalid 'wait' of the entry: expected one of authoritative, resolver, none"),
        ({"delay": "soon"}, "the entry needs a whole number as 'delay'"),
        ({"delay": -1}, "invalid 'delay' of the entry: expected seconds from 0 to 604800"),
        ({"delay": 604801}, "invalid 'delay' of the entry: expected seconds from 0 to 604800"),
        ({"cname": "a b"}, "cname has the invalid value 'a b': expected the name of a record"),
        ({"cname": "*.example.net"}, "cname has the invalid value '*.example.net': expected the name of a record"),
        ({"cname": ["a"]}, "the entry needs a text as 'cname'"),
    ],
)
def test_wait_invalid_option_raises(options, says):
    rules = WaitRules({"example.com": entry(**options)})
    with pytest.raises(DnsError) as caught:
        rules.wait_of_name(NAME)
    assert str(caught.value) == f"entry 'example.com' of zones (acme_dns): {says}"
