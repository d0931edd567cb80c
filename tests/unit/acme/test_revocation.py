# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to revoke a certificate: which comes first, which are left to an account that may not, what is sent."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import revocation
from ansible_collections.certfleet.tls.plugins.module_utils._acme.client import Client, fetch_nonce
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    ProblemError,
    ProtocolError,
    UnreadableError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey
from ansible_collections.certfleet.tls.plugins.module_utils._acme.revocation import NotAllowedError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationWay
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import revocation_request
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import SignatureError
from tests.unit.acme import jose
from tests.unit.acme.server import Answer, html, problem
from tests.unit.host.ca import Authority, pem
from tests.unit.host.ca import key_of as make_key

ACCOUNT, OWN_KEY = RevocationWay
UNSPECIFIED, COMPROMISED, SUPERSEDED = 0, 1, 4
ROOT = Authority.root()
KEYS = {kind: make_key(kind) for kind in ("ec256", "ec384", "rsa")}
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


@pytest.mark.parametrize(("reason", "more"), [(None, {}), (0, {"reason": 0}), (SUPERSEDED, {"reason": 4})])
def test_by_account_request_is_signed_with_account_key(ca, client, reason, more):
    assert revocation.by_account(client, b"DER", reason) is True
    (request,) = ca.signed("/revoke")
    assert request.payload == {"certificate": jose.encode(b"DER"), **more}
    assert request.protected["kid"] == client.account_uri


def test_by_account_with_certificate_key_is_signed_with_that(ca, client, http, key_of):
    own = key_of("rsa2048")
    by_it = Client(http, client.directory, own)
    by_it.account_uri = client.account_uri
    assert revocation.by_account(by_it, b"DER", with_certificate_key=True) is True
    (request,) = ca.signed("/revoke")
    assert request.protected["jwk"] == own.public_jwk
    assert "kid" not in request.protected


def test_by_account_revoked_before_returns_false(ca, client):
    assert [revocation.by_account(client, b"DER"), revocation.by_account(client, b"DER")] == [True, False]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem("unauthorized", 403, "not yours"), NotAllowedError),
        (problem("unauthorized", 400, "not yours"), NotAllowedError),
        (problem("accountDoesNotExist", 400, "who?"), NotAllowedError),
        (Answer(403, b"no"), NotAllowedError),
        # The own key would not help, and a signature by it counts as a proof that it is compromised.
        (problem("badRevocationReason", 400, "no"), ProblemError),
        (problem("malformed", 400, "no"), ProblemError),
        (problem("malformed", 403, "no"), ProblemError),
        (problem("serverInternal", 500, "no"), ProblemError),
        (problem("rateLimited", 429, "busy"), ProblemError),
    ],
)
def test_by_account_other_way_is_left_only_where_the_account_is_refused(ca, client, answer, error):
    ca.always("/revoke", answer)
    with pytest.raises(error) as raised:
        revocation.by_account(client, b"DER", SUPERSEDED)
    assert ("Revoke it with the account that ordered it" in str(raised.value)) is (error is NotAllowedError)


def test_by_account_refused_certificate_key_leaves_no_other_way(ca, client):
    ca.always("/revoke", problem("unauthorized", 403, "no"))
    with pytest.raises(ProblemError, match=r"^revocation: unauthorized: no$"):
        revocation.by_account(client, b"DER", with_certificate_key=True)


def test_by_account_maintenance_page_is_no_revocation(ca, client):
    ca.script("/revoke", html())
    assert revocation.by_account(client, b"DER") is True
    assert len(ca.signed("/revoke")) == 2
    ca.always("/revoke", html())
    with pytest.raises(UnreadableError, match="that is not JSON"):
        revocation.by_account(client, b"DER")


def test_by_account_revocation_not_offered_raises(ca, client):
    directory = {name: url for name, url in ca.directory().items() if name != "revokeCert"}
    without = Client(client.http, type(client.directory).parse(ca.url, directory), client.key)
    with pytest.raises(ProtocolError, match=rf"^{ca.url} does not offer revocation \(it has no revokeCert\)$"):
        revocation.by_account(without, b"DER")
    assert ca.requests == []


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
        post(key=make_key("ec256"))
    assert ca.signed() == []


def test_post_signed_nonce_is_sent_once(ca, post):
    ca.script("/revoke", problem("badNonce", 400, "old"), problem("serverInternal", 500, "busy"))
    for detail in ("old", "busy"):
        with pytest.raises(ProblemError, match=detail) as refused:
            post()
        assert refused.value.is_temporary
    assert len(ca.signed("/revoke")) == 2


def test_post_signed_maintenance_page_is_no_revocation(ca, post):
    ca.script("/revoke", html())
    with pytest.raises(UnreadableError, match="that is not JSON"):
        post()
    assert post() is True


def test_url_of_directory_without_revocation_raises(client):
    client.directory.__dict__["revoke_cert"] = None
    with pytest.raises(ProtocolError, match="does not offer revocation"):
        revocation.url_of(client.directory)
