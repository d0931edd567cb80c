# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TXT records that prove control of a name."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError, ProtocolError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.txt_record import (
    PersistentAccount,
    _hashed,
    dns_01,
    dns_account_01,
    dns_persist_01,
    grants,
    is_persistent,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord

# RFC 8555 section 8.4 has the names, and no value: this one is printf TOKEN.THUMB | openssl dgst -sha256 | base64url.
KEY_AUTHORIZATION = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
DIGEST = "NGwKoXBgCT8JhEa0bK7AwfSqHyu_ZWeugV07fLGIVq0"
# draft-ietf-acme-dns-persist-02 section 10.2
ACCOUNT_02 = PersistentAccount(
    issuer="authority.example",
    account_uri="https://ca.example/acct/123",
    draft="02",
    thumbprint="NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    hash_prefix="https://ca.example/account-hash/",
)
ACCOUNT_01 = PersistentAccount(issuer="authority.example", account_uri="https://ca.example/acct/123")


def test_dns_01_name_returns_record():
    assert dns_01("www.example.org", KEY_AUTHORIZATION) == TxtRecord("_acme-challenge.www.example.org", DIGEST)


def test_dns_account_01_example_of_draft_returns_record():
    # draft-ietf-acme-dns-account-label: the example of section 3.2
    record = dns_account_01("example.org", KEY_AUTHORIZATION, "https://example.com/acme/acct/ExampleAccount")
    assert record == TxtRecord("_ujmmovf2vn55tgye._acme-challenge.example.org", DIGEST)


@pytest.mark.parametrize(
    ("wildcard", "until", "more"),
    [
        (False, None, ""),
        (True, None, "; policy=wildcard"),
        (False, 1721952000, "; persistUntil=1721952000"),
        (True, 0, "; policy=wildcard; persistUntil=0"),
    ],
)
def test_dns_persist_01_up_to_draft_01(wildcard, until, more):
    value = f"authority.example; accounturi=https://ca.example/acct/123{more}"
    record = dns_persist_01("example.com", ACCOUNT_01, wildcard, until)
    assert record == TxtRecord("_validation-persist.example.com", value)


def test_dns_persist_01_of_draft_02():
    uri = "https://ca.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
    assert dns_persist_01("example.com", ACCOUNT_02).value == f"authority.example; accounturi={uri}"
    assert dns_persist_01("other.example", ACCOUNT_02).value != dns_persist_01("example.com", ACCOUNT_02).value


def test_dns_persist_01_of_draft_02_hashes_a_name_of_one_octet():
    """The draft's other value, of section 10.2, which is for "*": it is the same construction."""
    assert _hashed("*", ACCOUNT_02).endswith("/sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug")


@pytest.mark.parametrize("issuer", ["", "ca.example; policy=wildcard", "CA.example", "ca example", "-ca.example"])
def test_dns_persist_01_issuer_with_other_characters_raises(issuer):
    with pytest.raises(ProtocolError, match="issuer domain name"):
        dns_persist_01("example.com", PersistentAccount(issuer, "https://ca.example/acct/123"))


@pytest.mark.parametrize("uri", ["", "https://ca/a;policy=wildcard", "https://ca/a b", "https://ca/\u00fc"])
def test_dns_persist_01_account_uri_with_other_characters_raises(uri):
    with pytest.raises(AcmeError, match="has characters that a TXT record"):
        dns_persist_01("example.com", PersistentAccount("ca.example", uri))


def test_dns_persist_01_of_draft_02_without_prefix_raises():
    with pytest.raises(AcmeError, match="accountHashPrefix"):
        dns_persist_01("example.com", PersistentAccount("ca.example", "https://ca/1", "02", "thumb"))


NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
PLAIN = "ca.example; accounturi=https://ca/1"


@pytest.mark.parametrize(
    ("value", "granted"),
    [
        (PLAIN, {PLAIN}),
        ("CA.example;accounturi=https://ca/1", {PLAIN}),
        (f"{PLAIN};", set()),  # what no parser of RFC 8659 section 4.2 takes
        (f"{PLAIN}; policy=wildcard", {PLAIN, f"{PLAIN}; policy=wildcard"}),
        ("ca.example; Policy=Wildcard; accountURI=https://ca/1", {PLAIN, f"{PLAIN}; policy=wildcard"}),
        (f"{PLAIN}; policy=other", {PLAIN}),
        (f"{PLAIN}; persistUntil={int(NOW.timestamp()) + 1}", {PLAIN}),
        (f"{PLAIN}; persistUntil={int(NOW.timestamp())}", set()),
        (f"{PLAIN}; persistUntil=soon", set()),
        (f"{PLAIN}; persistUntil={'9' * 5000}", set()),
        (f"{PLAIN}; accounturi=https://ca/2", set()),
        ("ca.example", set()),
        ("", set()),
        ("v=spf1 -all", set()),
    ],
)
def test_grants_of_published_record(value, granted):
    assert grants(value, NOW) == granted


def test_is_persistent_by_name():
    assert is_persistent("_validation-persist.a.example")
    assert not is_persistent("_acme-challenge.a.example")
