# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The request to revoke a certificate that its own key signs (RFC 8555 section 7.6).

The key is on the host, and the controller asks the CA. Both make the same bytes from the same facts. The host signs
them and returns the signature alone. So its key signs only requests with this payload, to a URL that the controller
names, and no host chooses what the controller sends.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .._common.base64url import decode, encode
from .errors import KeyFileError, SignatureError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey


def signing_input(certificate: x509.Certificate, reason: int, url: str, nonce: str) -> bytes:
    """Return the bytes to sign (RFC 7515 section 5.1), for a request to *url* with *nonce*. Raises KeyFileError.

    *reason*: a code of RFC 5280 section 5.3.1.
    """
    algorithm, jwk = _public(certificate.public_key())
    der = certificate.public_bytes(serialization.Encoding.DER)
    # RFC 8555 section 6.2: the key itself, not an account, is in the header.
    protected = {"alg": algorithm, "jwk": jwk, "nonce": nonce, "url": url}
    payload = {"certificate": encode(der), "reason": reason}
    return ".".join(encode(_canonical(part)) for part in (protected, payload)).encode("ascii")


def sign(key: PrivateKey, message: bytes) -> str:
    """Return a signature of signing_input() by a certificate's key, base64url. Raises KeyFileError."""
    _public(key.public_key())
    if isinstance(key, rsa.RSAPrivateKey):
        return encode(key.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    # RFC 7518 section 3.4: the two numbers side by side, each as long as the curve's.
    size = (key.curve.key_size + 7) // 8
    numbers = utils.decode_dss_signature(key.sign(message, ec.ECDSA(_hash(key.curve))))
    return encode(b"".join(number.to_bytes(size, "big") for number in numbers))


def verify(certificate: x509.Certificate, message: bytes, signature: str) -> None:
    """Raise SignatureError unless the certificate's key made the signature (base64url) of *message*."""
    key: Any = certificate.public_key()
    try:
        data = decode(signature)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(data, message, padding.PKCS1v15(), hashes.SHA256())
            return
        size = (key.curve.key_size + 7) // 8
        if len(data) != 2 * size:
            raise InvalidSignature
        numbers = (int.from_bytes(half, "big") for half in (data[:size], data[size:]))
        key.verify(utils.encode_dss_signature(*numbers), message, ec.ECDSA(_hash(key.curve)))
    except (InvalidSignature, ValueError):
        raise SignatureError("the host's signature is not by the certificate's key") from None


def request(message: bytes, signature: str) -> bytes:
    """Return the flattened JWS (RFC 8555 section 6.2) of what was signed."""
    protected, payload = message.decode("ascii").split(".")
    return json.dumps({"protected": protected, "payload": payload, "signature": signature}).encode()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _hash(curve: ec.EllipticCurve) -> hashes.HashAlgorithm:
    return hashes.SHA384() if isinstance(curve, ec.SECP384R1) else hashes.SHA256()


def _public(key: Any) -> tuple[str, dict[str, str]]:
    """Return the algorithm (RFC 7518 section 3.1) and the JWK (section 6) of a public key. Raises KeyFileError."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return "RS256", {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1)):
        size = key.curve.key_size
        x, y = ((number.to_bytes(size // 8, "big")) for number in (key.public_numbers().x, key.public_numbers().y))
        algorithm, curve = ("ES256", "P-256") if size == 256 else ("ES384", "P-384")
        return algorithm, {"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)}
    raise KeyFileError(
        "a certificate's own key of this type cannot sign a revocation: only RSA, P-256 and P-384 keys can. "
        "Revoke it by its account"
    )


def _integer(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
