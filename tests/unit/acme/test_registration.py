# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts and external accounts of new accounts."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import registration
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.problem import Problem

SET, CORRECT = "Set contact (acme_contact)", "Correct contact (acme_contact)"
EAB = "Check eab (acme_eab). A CA may accept a binding once only: if this one was used, get another one there"
OTHER_KEY = (
    "If the account was deactivated or revoked, it cannot be used again; use another account key (account_key_src, "
    "acme_account_key_src)"
)


@pytest.mark.parametrize(
    ("kind", "detail", "contact", "has_binding", "expected"),
    [
        ("invalidContact", "no contacts specified", False, False, SET),
        ("invalidContact", "contact email has forbidden domain", True, False, CORRECT),
        ("unsupportedContact", "", True, True, CORRECT),
        # Texts of CAs that use other types.
        ("malformed", "Accounts must have at least one contact.", False, True, SET),
        ("malformed", "Contact required", False, False, SET),
        ("unauthorized", "contact is missing", False, False, SET),
        ("unauthorized", "No contact information was given", False, True, SET),
        ("unknown", "An e-mail address is required", False, False, SET),
        ("serverInternal", "The email must not be empty", False, False, SET),
        # A contact was sent, so it is about something else.
        ("malformed", "Contact required", True, False, ""),
        ("unauthorized", "unknown key id", True, True, EAB),
        ("malformed", "the MAC is wrong", False, True, EAB),
        ("externalAccountRequired", "", False, True, EAB),
        ("userActionRequired", "the terms have changed", False, True, ""),
        ("unauthorized", "the account is deactivated", False, False, OTHER_KEY),
        ("unauthorized", "deactivated. You must contact support", False, False, OTHER_KEY),
        ("unauthorized", "No permission, contact your administrator", False, False, OTHER_KEY),
        ("malformed", "JWS verification error", False, False, ""),
    ],
)
def test_advice_of_refusal(kind, detail, contact, has_binding, expected):
    given = ["mailto:ops@example.com"] if contact else []
    assert registration.advice(Problem(kind, detail), given, has_binding) == expected


# Each of them has characters in which base64url and base64 differ.
SECRETS = {size: bytes(range(255, 255 - size, -1)) for size in (16, 32, 48, 64)}


def standard(data):
    return base64.b64encode(data).decode()


def url_safe(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def wrapped(text):
    return f"  {text[:20]} \r\n\t{text[20:]}\n"


@pytest.mark.parametrize("size", SECRETS)
@pytest.mark.parametrize(
    "write",
    [
        url_safe,
        standard,
        lambda data: standard(data).rstrip("="),
        lambda data: base64.urlsafe_b64encode(data).decode(),
        lambda data: wrapped(url_safe(data)),
        lambda data: wrapped(standard(data)),
    ],
    ids=["base64url", "base64", "base64 without padding", "base64url with padding", "lines", "base64 in lines"],
)
def test_hmac_secret_of_text(size, write):
    assert registration.hmac_secret(write(SECRETS[size])) == SECRETS[size]


@pytest.mark.parametrize("size", [32, 48, 64])
@pytest.mark.parametrize("inner", [url_safe, standard, lambda data: url_safe(data) + "\n"], ids=["url", "std", "echo"])
def test_hmac_secret_of_text_encoded_once_more(size, inner):
    text = inner(SECRETS[size]).encode()
    # Bytes of base64url text without padding, of 32, 48 and 64 bytes, need padding: 43, 64 and 86 bytes.
    for outer in (standard(text), base64.urlsafe_b64encode(text).decode(), wrapped(standard(text))):
        if outer.strip().endswith("="):
            assert registration.hmac_secret(outer) == SECRETS[size]
    assert registration.hmac_secret(url_safe(text)) == text, "without padding, as DigiCert shows its keys"


@pytest.mark.parametrize(
    "secret",
    [
        b"a passphrase",
        b"correct-horse-battery-staple-correct-horse-battery",  # no capital letter
        b"CorrectHorseBatteryStapleCorrectHorseBatteryStaple",  # letters only
        SECRETS[32].hex().encode(),
        url_safe(SECRETS[16]).encode(),  # too short for a key of HS256
        url_safe(SECRETS[32]).encode()[:-1] + b"9",  # base64url of nothing: bits are left over
        b"\xff" * 43,
    ],
)
def test_hmac_secret_padded_text_that_has_no_key_in_it_is_decoded_once(secret):
    assert standard(secret).endswith("=") or len(secret) % 3 == 0
    assert registration.hmac_secret(standard(secret)) == secret


@pytest.mark.parametrize("text", ["", " ", "a", "=", "ab===", "not base64!", "abc-def/", "é", "YWJj=YWJj"])
def test_hmac_secret_other_text_raises(text):
    with pytest.raises(
        AcmeOptionError, match=r"^the external account's key is neither base64url nor base64 text: copy"
    ):
        registration.hmac_secret(text)
