# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JWS on the side of the CA: signatures are verified with cryptography alone, not with the code under test."""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

# RFC 7518 section 3.4: algorithm, curve, hash, bytes of each half of a signature
_EC = {
    "ES256": ("P-256", ec.SECP256R1, hashes.SHA256, 32),
    "ES384": ("P-384", ec.SECP384R1, hashes.SHA384, 48),
    "ES512": ("P-521", ec.SECP521R1, hashes.SHA512, 66),
}


def decode(text):
    """Decode base64url without padding, strictly (RFC 8555 section 6.1)."""
    assert "=" not in text
    assert "+" not in text
    assert "/" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(text):
    return int.from_bytes(decode(text), "big")


def verify(jwk, algorithm, message, signature):
    """Return True if *signature* over *message* is from the key in *jwk*, which has to fit the algorithm."""
    try:
        _verify(jwk, algorithm, message.encode(), decode(signature))
    except (InvalidSignature, ValueError):
        return False
    return True


def _verify(jwk, algorithm, message, signature):
    if algorithm == "RS256":
        _expect(jwk, {"kty": "RSA"}, {"n", "e"})
        public = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
        public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    elif algorithm == "EdDSA":
        _expect(jwk, {"kty": "OKP", "crv": "Ed25519"}, {"x"})
        ed25519.Ed25519PublicKey.from_public_bytes(decode(jwk["x"])).verify(signature, message)
    else:
        name, curve, digest, size = _EC[algorithm]
        _expect(jwk, {"kty": "EC", "crv": name}, {"x", "y"})
        if len(signature) != 2 * size or len(decode(jwk["x"])) != size or len(decode(jwk["y"])) != size:
            raise ValueError("a number is not padded to the curve's size")
        halves = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
        public = ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), curve()).public_key()
        public.verify(encode_dss_signature(*halves), message, ec.ECDSA(digest()))


def _expect(jwk, fixed, others):
    # Also that no private member goes out.
    if set(jwk) != {*fixed, *others} or any(jwk[name] != value for name, value in fixed.items()):
        raise ValueError(f"the key has the members {sorted(jwk)}")
