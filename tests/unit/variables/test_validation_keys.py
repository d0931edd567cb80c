# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that only the library of keys knows."""

from __future__ import annotations

import json

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import account_options, all_variables
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.faults import Faults
from tests.unit.variables.variables import KEY, variables

GOOD_KEY = AccountKey.generate().pem().decode()
ENCRYPTED_KEY = AccountKey.generate().pem("right").decode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"acme_account_key_content": KEY}, "acme_account_key_content is not a private key in PEM, DER or JWK form."),
        (
            {"acme_new_account_key_content": KEY},
            "acme_new_account_key_content is not a private key in PEM, DER or JWK form.",
        ),
        (
            {"acme_account_key_content": ENCRYPTED_KEY, "acme_account_key_passphrase": "SECRET"},
            "acme_account_key_content cannot be decrypted with the passphrase given.",
        ),
        (
            {"acme_directory": ["letsencrypt", {"directory": "zerossl", "account_key_content": KEY}]},
            "acme_directory 2: account_key_content is not a private key in PEM, DER or JWK form.",
        ),
    ],
)
def test_problems_of_contents_found_by_library_are_reported(given, expected):
    (line,) = account_options.problems_of_contents(variables(**given))
    assert line.startswith(expected)
    assert "SECRET" not in line


JWK = {"kty": "OKP", "crv": "Ed25519", "x": "AQAB", "d": "SECRET"}


@pytest.mark.parametrize(
    "given",
    [{"acme_account_key_content": JWK}, {"acme_directory": {"directory": "zerossl", "account_key_content": JWK}}],
)
def test_jwk_that_ansible_made_a_mapping_is_a_key(given):
    """Before ansible-core 2.19, a template's JSON becomes a mapping."""
    values = variables(**given, acme_eab={"kid": "k", "key": "AQAB"})
    assert all_variables.validate(values, "web1", "main", ()) == []
    (ca,) = account_options.parse_all(all_variables.convert(values), Faults("web1"))
    assert json.loads(ca.key.content) == JWK


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"acme_account_key_content": GOOD_KEY, "acme_new_account_key_content": GOOD_KEY},
        {"acme_account_key_content": ENCRYPTED_KEY, "acme_account_key_passphrase": "right"},
        {
            "acme_directory": ["letsencrypt", {"directory": "zerossl", "account_key_content": ENCRYPTED_KEY}],
            "acme_account_key_passphrase": "right",
        },
    ],
)
def test_problems_of_contents_none_for_valid_values(given):
    assert account_options.problems_of_contents(variables(**given)) == []
