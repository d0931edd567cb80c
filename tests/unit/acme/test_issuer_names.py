# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The issuer domain name that a record for dns-persist-01 has, of those that a CA offers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.authorization import Authorization
from ansible_collections.certfleet.tls.plugins.module_utils._acme.challenge_data import describe
from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError, ProtocolError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuer_names import advertised, choose

URL = "https://ca.example/directory"
PREFIX = "https://ca.example/account-hash/"


def directory(**meta):
    return Directory(url=URL, new_nonce=URL, new_account=URL, new_order=URL, meta=meta)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["b.example", "a.example"], ("b.example", "a.example")),
        (["A.example"], ()),
        (["a.example."], ()),
        ([], ()),
        ([f"{n}.example" for n in range(11)], ()),
        (["a" * 250 + ".example"], ()),
        ("a.example", ()),
        (None, ()),
        ([7, {}], ()),
    ],
)
def test_advertised_malformed_names_are_none(names, expected):
    assert advertised(directory(issuerDomainNames=names)) == expected


@pytest.mark.parametrize(
    ("draft", "offered", "meta", "expected"),
    [
        ("01", ["b.example", "a.example"], {}, "b.example"),
        ("01", ["b.example"], {"caaIdentities": ["other.example"]}, "b.example"),
        ("02", ["b.example", "a.example"], {}, "a.example"),
        ("02", ["c.example", "b.example", "a.example"], {"issuerDomainNames": ["c.example", "b.example"]}, "b.example"),
        ("02", ["a.example"], {"issuerDomainNames": ["B.example"]}, "a.example"),
        ("02", ["a.example"], {"caaIdentities": ["A.example.", "b.example"]}, "a.example"),
        ("02", ["a.example"], {"caaIdentities": ["not a name"]}, "a.example"),
    ],
)
def test_choose_names_of_draft_return_the_same_one_in_any_order(draft, offered, meta, expected):
    assert choose(offered, directory(**meta), draft) == expected
    if draft == "02":
        assert choose(offered[::-1], directory(**meta), draft) == expected


@pytest.mark.parametrize(
    ("draft", "offered", "meta", "message"),
    [
        ("01", [], {}, "needs 1 to 10 issuer domain names"),
        ("01", [f"{n}.example" for n in range(11)], {}, "needs 1 to 10 issuer domain names"),
        ("02", ["A.example"], {}, "needs 1 to 10 issuer domain names"),
        ("02", ["a.example"], {"issuerDomainNames": ["b.example"]}, "lacks an issuer domain name .*: b.example"),
        ("02", ["a.example"], {"caaIdentities": ["b.example"]}, "is not in caaIdentities: a.example"),
    ],
)
def test_choose_malformed_challenge_raises(draft, offered, meta, message):
    with pytest.raises(ProtocolError, match=message):
        choose(offered, directory(**meta), draft)


def authorization(**challenge):
    item = {"type": "dns-persist-01", "url": "https://ca.example/1", "status": "pending", **challenge}
    document = {"status": "pending", "identifier": {"type": "dns", "value": "example.com"}, "challenges": [item]}
    return Authorization.parse("https://ca.example/authz/1", document)


def client(draft=None, **meta):
    return SimpleNamespace(
        persist_draft=draft,
        directory=directory(**meta),
        account_uri="https://ca.example/acct/123",
        key=SimpleNamespace(thumbprint="NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
    )


def test_describe_challenge_of_draft_02_has_record_with_name_of_directory():
    names = {"issuerDomainNames": ["authority.example"]}
    offered = authorization(issuerDomainNames=["ca.example.net", "authority.example"])
    found = describe(client(accountHashPrefix=PREFIX, **names), offered, "dns-persist-01")
    # draft-ietf-acme-dns-persist-02 section 10.2
    uri = f"{PREFIX}sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
    assert found.record_name == "_validation-persist.example.com"
    assert found.record_value == f"authority.example; accounturi={uri}"


@pytest.mark.parametrize(
    ("draft", "challenge", "message"),
    [
        ("01", {"issuerDomainNames": ["a.example"]}, "follows the draft 02, and 01 is asked for"),
        ("02", {"issuer-domain-names": ["a.example"]}, "follows the draft 01, and 02 is asked for"),
        (None, {}, "follows no draft known here"),
        (None, {"issuerDomainNames": []}, "needs 1 to 10 issuer domain names"),
    ],
)
def test_describe_challenge_of_another_draft_raises(draft, challenge, message):
    with pytest.raises(AcmeError, match=message):
        describe(client(draft, accountHashPrefix=PREFIX), authorization(**challenge), "dns-persist-01")
