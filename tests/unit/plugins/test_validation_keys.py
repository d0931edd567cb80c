# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that only the libraries of keys and of DNS providers know."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils.acme.jws import AccountKey
from ansible_collections.certfleet.tls.plugins.plugin_utils import validation_libraries
from tests.unit.plugins.variables import KEY, RFC2136, variables

GOOD_KEY = AccountKey.generate().pem().decode()
ENCRYPTED_KEY = AccountKey.generate().pem("right").decode()
LEXICON = {"provider": "lexicon", "name": "powerdns", "options": {"auth_token": "x", "pdns_server": "http://127.0.0.1"}}


needs_lexicon = pytest.mark.skipif(
    find_spec("lexicon") is None,
    reason="dns-lexicon is not installed, as with the oldest and newest core",
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"acme_account_key_content": KEY}, "acme_account_key_content is not a private key in PEM form."),
        ({"acme_new_account_key_content": KEY}, "acme_new_account_key_content is not a private key in PEM form."),
        (
            {"acme_account_key_content": ENCRYPTED_KEY, "acme_account_key_passphrase": "SECRET"},
            "acme_account_key_content cannot be decrypted with the passphrase given.",
        ),
        (
            {"acme_directory": ["letsencrypt", {"directory": "zerossl", "account_key_content": KEY}]},
            "account_key_content is not a private key in PEM form.",
        ),
        pytest.param(
            {"acme_dns": {"a.example": {**LEXICON, "options": {"token": "SECRET"}}}},
            "entry 'a.example' of zones (acme_dns): lexicon's provider powerdns has no option 'token'; it takes ",
            marks=needs_lexicon,
        ),
        pytest.param(
            {"acme_dns": {"a.example": {**LEXICON, "name": "nosuch"}}},
            "entry 'a.example' of zones (acme_dns): lexicon has no provider 'nosuch'; it has ",
            marks=needs_lexicon,
        ),
        (
            {"acme_dns": {"a.example": {**RFC2136, "tsig_name": "a..b", "tsig_secret": "c2VjcmV0"}}},
            "entry 'a.example' of zones (acme_dns): rfc2136 needs a DNS name as 'tsig_name'.",
        ),
    ],
)
def test_problems_that_libraries_know(given, expected):
    (line,) = validation_libraries.problems(variables(**given))
    assert line.startswith(expected)
    assert "SECRET" not in line


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"acme_account_key_content": GOOD_KEY, "acme_new_account_key_content": GOOD_KEY},
        {"acme_account_key_content": ENCRYPTED_KEY, "acme_account_key_passphrase": "right"},
        pytest.param(
            {"acme_dns": {"a.example": LEXICON, "b.example": {"provider": "tasks"}}, "acme_dns_tasks": "dns.yml"},
            marks=needs_lexicon,
        ),
    ],
)
def test_no_problems_of_right_values(given):
    assert validation_libraries.problems(variables(**given)) == []
