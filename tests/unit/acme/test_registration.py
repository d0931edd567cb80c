# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts and external accounts of new accounts."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import registration
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
