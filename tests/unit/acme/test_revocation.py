# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to revoke a certificate: which comes first, which are left to an account that may not, what is sent."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import revocation
from ansible_collections.certfleet.tls.plugins.module_utils._acme.client import fetch_nonce
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import ProblemError, ProtocolError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey
from ansible_collections.certfleet.tls.plugins.module_utils._acme.revocation import NotAllowedError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationWay
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import revocation_request
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import SignatureError
from tests.unit.acme.server import problem
from tests.unit.host.ca import Authority, key_of, pem

ACCOUNT, OWN_KEY = RevocationWay
UNSPECIFIED, COMPROMISED, SUPERSEDED = 0, 1, 4
ROOT = Authority.root()
KEYS = {kind: key_of(kind) for kind in ("ec256", "ec384", "rsa")}
PEM = {kind: pem(ROOT.leaf(key.public_key(), ["shop.example"])) for kind, key in KEYS.items()}


@pytest.mark.parametrize(
    ("reason", "can_sign", "refused", "expected"),
    [
        # The account costs a request alone, and the CA keeps the reason.
        (UNSPECIFIED, True, (), ACCOUNT),
        (SUPERSEDED, True, (), ACCOUNT),
        (SUPERSEDED, True, ("account",), OWN_KEY),
        (SUPERSEDED, True, ("account", "own key"), None),
        # The own key proves that it is compromised, so the CA blocks it.
        (COMPROMISED, True, (), OWN_KEY),
        (COMPROMISED, True, ("own key",), ACCOUNT),
        (COMPROMISED, True, ("own key", "account"), None),
        # The host does not have it, or gives no answer.
        (UNSPECIFIED, False, (), ACCOUNT),
        (COMPROMISED, False, (), ACCOUNT),
        (COMPROMISED, False, ("account",), None),
        (UNSPECIFIED, False, ("account",), None),
    ],
)
def test_next_way(reason, can_sign, refused, expected):
    assert revocation.next_way(reason, can_sign, refused) == expected


def test_by_account_that_may_not_names_the_other_ways(ca, client):
    ca.script("/revoke", problem("unauthorized", 403, "not associated with account"), problem("malformed", 400, "odd"))
    with pytest.raises(NotAllowedError, match=r"not associated with account\. Revoke it with the account that ordered"):
        revocation.by_account(client, b"DER", SUPERSEDED)
    with pytest.raises(NotAllowedError, match=r"malformed: odd$"):
        revocation.by_account(client, b"DER", SUPERSEDED)
    ca.script("/revoke", problem("rateLimited", 429, "busy"))
    with pytest.raises(ProblemError, match="busy"):
        revocation.by_account(client, b"DER", SUPERSEDED)


@pytest.fixture
def post(ca, client):
    """post(kind, key, reason): post a revocation that *key* has signed."""
    http, directory = client.http, client.directory

    def post_(kind="ec256", key=None, reason=COMPROMISED, nonce=None):
        nonce = nonce or fetch_nonce(http, directory)
        message = revocation.signing_input(PEM[kind], reason, revocation.url_of(directory), nonce)
        signature = revocation_request.sign(key or KEYS[kind], message)
        return revocation.post_signed(http, directory, PEM[kind], reason, nonce, signature)

    return post_


@pytest.mark.parametrize("kind", KEYS)
def test_post_signed_is_accepted_by_ca(ca, post, kind):
    """It verifies the signature with the key in the header, which is the same as josepy writes it."""
    assert [post(kind), post(kind)] == [True, False]
    first = ca.signed("/revoke")[0]
    assert first.protected["jwk"] == AccountKey(KEYS[kind]).public_jwk
    assert first.payload["reason"] == COMPROMISED
    assert "kid" not in first.protected


def test_post_signed_by_another_key_asks_no_ca(ca, post):
    with pytest.raises(SignatureError, match="not by the certificate's key"):
        post(key=key_of("ec256"))
    assert ca.signed() == []


def test_post_signed_nonce_is_sent_once(ca, post):
    ca.script("/revoke", problem("badNonce", 400, "old"), problem("serverInternal", 500, "busy"))
    for detail in ("old", "busy"):
        with pytest.raises(ProblemError, match=detail) as refused:
            post()
        assert refused.value.is_temporary
    assert len(ca.signed("/revoke")) == 2


def test_url_of_directory_without_revocation_raises(client):
    client.directory.__dict__["revoke_cert"] = None
    with pytest.raises(ProtocolError, match="does not offer revocation"):
        revocation.url_of(client.directory)
