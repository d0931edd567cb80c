# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""acme_revoke against Pebble."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.integration.hosts import msg_of
from tests.integration.orders import ALWAYS_VALID, NEW, Customer, posts
from tests.parameters import hard_but

PEBBLE = ALWAYS_VALID
REASONS = {
    "unspecified": 0,
    "key_compromise": 1,
    "affiliation_changed": 3,
    "superseded": 4,
    "cessation_of_operation": 5,
    "4": 4,
}
OTHERS = ("again", "key", "passphrase", "check", "foreign", "one", "two", "own-ca", "spare")


@pytest.fixture(scope="module")
def owner(lab, tmp_path_factory):
    return Customer(lab, tmp_path_factory.mktemp("owner"))


@pytest.fixture(scope="module")
def issued(owner):
    """Return certificates of one account, each for one test."""
    names = [*REASONS, *OTHERS]
    found = owner.issue(*(f"{name.replace('_', '-')}.web1.lab.test" for name in names))
    return dict(zip(names, found))


def entry(certificate, name="shop", **options):
    return {"name": name, "content": certificate.pem, **options}


def status(lab, certificate):
    found = lab.pebble.cert_status(certificate.serial)
    return found["Status"], found.get("Reason")


@pytest.mark.parametrize("reason", hard_but(["key_compromise", "superseded"], REASONS))
def test_revoke_every_reason(owner, lab, issued, reason):
    certificate = issued[reason]
    assert status(lab, certificate)[0] == "Valid"
    result = owner("acme_revoke", revoke_reason=reason, certificates=[entry(certificate, host="web1")])
    assert result["changed"]
    assert result["certificates"] == [
        {"host": "web1", "name": "shop", "status": "revoked", "problem": "", "way": "account"}
    ]
    assert status(lab, certificate) == ("Revoked", REASONS[reason])


def test_revoke_revoked_before_changes_nothing(owner, lab, issued):
    again = {"certificates": [entry(issued["again"])], "revoke_reason": "superseded"}
    assert owner("acme_revoke", **again)["changed"]
    second = owner("acme_revoke", **{**again, "revoke_reason": "unspecified"})
    assert second.ok
    assert not second["changed"]
    assert second["certificates"][0]["status"] == "already revoked"
    assert status(lab, issued["again"]) == ("Revoked", 4)


def test_revoke_with_certificate_key(owner, lab, issued):
    """RFC 8555 section 7.6: the certificate's key may sign the revocation, without an account."""
    certificate, nobody = issued["key"], {"account_key_src": None, "certificates": [entry(issued["key"])]}
    wrong = owner("acme_revoke", private_key_content=issued["one"].key, **nobody)
    assert msg_of(wrong).startswith("certificate shop of localhost: revocation: ")
    assert status(lab, certificate)[0] == "Valid"
    mark = lab.pebble.mark()
    right = owner("acme_revoke", private_key_content=certificate.key, revoke_reason="key_compromise", **nobody)
    assert right["changed"]
    assert status(lab, certificate) == ("Revoked", 1)
    assert posts(lab, mark) == ["/revoke-cert"]
    assert "PRIVATE KEY" not in str(wrong) + right.text


@pytest.mark.hard
def test_revoke_with_certificate_key_in_file(owner, lab, issued, tmp_path):
    certificate, file = issued["passphrase"], tmp_path / "privkey.pem"
    options = {"private_key_src": str(file), "certificates": [entry(certificate)]}
    mark = lab.pebble.mark()
    absent = owner("acme_revoke", **options)
    assert msg_of(absent) == f"private key {file} does not exist"
    encryption = BestAvailableEncryption(b"secret")
    key = load_pem_private_key(certificate.key.encode(), None)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    file.chmod(0o644)
    readable = owner("acme_revoke", private_key_passphrase="secret", **options)
    assert msg_of(readable).startswith(f"private key {file} is open to others: its mode is 0644. Run chmod 600 {file}")
    assert "set private_key_permissions to 'warn'" in msg_of(readable)
    file.chmod(0o600)
    encrypted = owner("acme_revoke", **options)
    assert (
        msg_of(encrypted) == f"private key {file} is encrypted and no passphrase is given: set private_key_passphrase"
    )
    assert lab.pebble.requests(mark) == []
    assert owner("acme_revoke", private_key_passphrase="secret", **options)["changed"]
    assert status(lab, certificate)[0] == "Revoked"


def test_revoke_check_mode_sends_no_signed_request(owner, lab, issued):
    mark = lab.pebble.mark()
    entries = [entry(issued["check"])]
    result = owner("acme_revoke", check=True, certificates=entries)
    assert result["changed"]
    assert result["certificates"][0]["status"] == "revoked"
    damaged = owner("acme_revoke", check=True, certificates=[*entries, {"name": "bad", "content": "hello"}])
    assert msg_of(damaged) == "certificate bad of localhost: the given text has no PEM certificate"
    assert lab.pebble.requests(mark) == []
    assert status(lab, issued["check"])[0] == "Valid"


def test_revoke_by_other_account_fails(ca, lab, issued):
    """Pebble refuses it with any authorizations of the account; RFC 8555 section 7.6 allows it with all of them."""
    revoke = {"certificates": [entry(issued["foreign"])]}
    assert ca("acme_account", **NEW).ok
    result = ca("acme_revoke", **revoke)
    assert msg_of(result).startswith("certificate shop of localhost: revocation: unauthorized: ")
    assert not result["changed"]
    assert status(lab, issued["foreign"])[0] == "Valid"


@pytest.mark.hard
def test_revoke_key_without_account_fails(ca, issued):
    result = ca("acme_revoke", account_key_content=issued["foreign"].key, certificates=[entry(issued["foreign"])])
    assert msg_of(result) == f"{ca.lab.pebble.directory_url} knows no account of this key: make it first (acme_account)"


def test_revoke_one_failure_does_not_affect_others(owner, lab, issued):
    cut = issued["two"].pem.replace("MII", "M!I", 1)
    result = owner(
        "acme_revoke",
        certificates=[
            entry(issued["one"], "one"),
            {"name": "none", "content": "hello"},
            {"name": "damaged", "content": cut},
            {"name": "unknown", "content": lab.pebble.root_pem()},
            entry(issued["two"], "two", host="web2"),
        ],
    )
    message = msg_of(result)
    assert "certificate none of localhost: the given text has no PEM certificate" in message
    assert "certificate damaged of localhost: " in message
    assert "certificate unknown of localhost: revocation: " in message
    assert "certificate one" not in message
    assert result["changed"]
    assert [item["status"] for item in result["certificates"]] == ["revoked", *["failed"] * 3, "revoked"]
    assert [status(lab, issued[name]) for name in ("one", "two")] == [("Revoked", 0)] * 2


def test_revoke_at_ca_of_certificate_only(owner, lab, issued):
    """Also one that is not among those given, with the same account key."""
    certificate, gone = issued["own-ca"], "https://ca.lab.test:1/dir"
    mark = lab.pebble.mark()
    own = entry(certificate, directory=lab.pebble.directory_url)
    result = owner("acme_revoke", acme_directory=gone, certificates=[own, entry(issued["spare"], directory=gone)])
    assert [item["status"] for item in result["certificates"]] == ["revoked", "failed"]
    assert (
        msg_of(result) == "certificate shop of localhost: https://ca.lab.test:1 cannot be reached (Connection refused)"
    )
    assert posts(lab, mark).count("/revoke-cert") == 1
    assert status(lab, certificate)[0] == "Revoked"
    refused = owner("acme_revoke", certificates=[entry(issued["spare"], directory="http://ca.example/dir")])
    assert "http://ca.example/dir" in msg_of(refused)
