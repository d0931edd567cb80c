# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request to revoke that a certificate's own key signs: the same bytes on both sides, and one key for each."""

from __future__ import annotations

import json

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._x509 import revocation_request
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import KeyFileError, SignatureError
from tests.unit.acme import jose
from tests.unit.host import ca

KINDS = {"ec256": "ES256", "ec384": "ES384", "rsa": "RS256"}
KEYS = {kind: ca.key_of(kind) for kind in (*KINDS, "ed25519")}
ROOT = ca.Authority.root()
LEAVES = {kind: ROOT.leaf(key.public_key(), ["shop.example"]) for kind, key in KEYS.items()}
URL = "https://ca.example/revoke"


def message(kind, reason=1, url=URL, nonce="abc"):
    return revocation_request.signing_input(LEAVES[kind], reason, url, nonce)


@pytest.mark.parametrize("kind", KINDS)
def test_request_is_what_rfc_8555_has(kind):
    signature = revocation_request.sign(KEYS[kind], message(kind))
    jws = json.loads(revocation_request.request(message(kind), signature))
    assert set(jws) == {"protected", "payload", "signature"}
    protected, payload = (json.loads(jose.decode(jws[part])) for part in ("protected", "payload"))
    jwk = protected.pop("jwk")
    assert protected == {"alg": KINDS[kind], "nonce": "abc", "url": URL}
    der = LEAVES[kind].public_bytes(ca.serialization.Encoding.DER)
    assert payload == {"certificate": jose.encode(der), "reason": 1}
    assert jose.verify(jwk, KINDS[kind], f"{jws['protected']}.{jws['payload']}", jws["signature"])


@pytest.mark.parametrize("kind", KINDS)
def test_verify_accepts_the_certificates_own_key_alone(kind):
    signature = revocation_request.sign(KEYS[kind], message(kind))
    revocation_request.verify(LEAVES[kind], message(kind), signature)
    others = [message(kind, reason=4), message(kind, url="https://other.example/"), message(kind, nonce="abd")]
    for other in others:
        with pytest.raises(SignatureError):
            revocation_request.verify(LEAVES[kind], other, signature)
    foreign = revocation_request.sign(ca.key_of(kind), message(kind))
    for wrong in (foreign, signature[:-4], signature[:-4] + "AAAA", "", "=", "a/b"):
        with pytest.raises(SignatureError, match="not by the certificate's key"):
            revocation_request.verify(LEAVES[kind], message(kind), wrong)


def test_signing_input_of_a_key_that_cannot_sign_is_refused():
    with pytest.raises(KeyFileError, match="only RSA, P-256 and P-384"):
        message("ed25519")
    with pytest.raises(KeyFileError, match="only RSA, P-256 and P-384"):
        revocation_request.sign(KEYS["ed25519"], b"x")


def test_sign_numbers_are_as_long_as_the_curve():
    """One signature in 256 has a number with a leading zero."""
    lengths = {len(revocation_request.sign(KEYS["ec256"], b"%d" % number)) for number in range(600)}
    assert lengths == {86}
