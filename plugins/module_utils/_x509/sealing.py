# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seal a secret for one receiver, so that machines in between cannot read it.

ECIES: a key agreement on P-256 with a key made for this one secret, HKDF with SHA-256, AES-256-GCM. The sealed text is
base64 of the sender's public point, the nonce, and the output of AES-GCM.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from secrets import token_bytes
from typing import TYPE_CHECKING

from .errors import SealError

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey

    ReceivingKey = ec.EllipticCurvePrivateKey

_POINT, _NONCE, _TAG = 65, 12, 16  # bytes; an uncompressed point of P-256
_MAX_LENGTH = 1 << 16  # characters; a sealed RSA key of 4096 bits has about 4,500
_PURPOSE = b"certfleet.tls sealed private key 1"


def make_receiving_key() -> ReceivingKey:
    """Return a new key that secrets can be sealed for, for one run."""
    return ec.generate_private_key(ec.SECP256R1())


def public_text(key: ReceivingKey) -> str:
    """Return the public half of a receiving key for seal(): its public point in base64."""
    return b64encode(_point(key.public_key())).decode()


def seal(secret: bytes, public: str, name: str) -> str:
    """Return *secret* sealed for the receiver whose public_text() is *public*. Raises SealError.

    *name*: what the secret is for. unseal() succeeds with the same name only.
    """
    receiver = _load_public(_decode(public))
    own = make_receiving_key()
    sender, nonce = _point(own.public_key()), token_bytes(_NONCE)
    cipher = AESGCM(_derive(own.exchange(ec.ECDH(), receiver), sender, _point(receiver)))
    return b64encode(sender + nonce + cipher.encrypt(nonce, secret, name.encode())).decode()


def unseal(sealed: str, key: PrivateKey, name: str) -> bytes:
    """Return the secret that was sealed for the receiving key *key* and for *name*. Raises SealError."""
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SealError("the receiving key is not a P-256 key")
    data = _decode(sealed)
    if len(data) < _POINT + _NONCE + _TAG:
        raise SealError("the sealed key is truncated")
    sender, nonce, text = data[:_POINT], data[_POINT : _POINT + _NONCE], data[_POINT + _NONCE :]
    secret = key.exchange(ec.ECDH(), _load_public(sender))
    try:
        return AESGCM(_derive(secret, sender, _point(key.public_key()))).decrypt(nonce, text, name.encode())
    except InvalidTag:
        raise SealError("the sealed key is for another host, another certificate or another run") from None


def _derive(secret: bytes, sender: bytes, receiver: bytes) -> bytes:
    # Both points are part of it, so that the derived key is for this pair of keys only.
    return HKDF(hashes.SHA256(), 32, None, _PURPOSE + sender + receiver).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _load_public(point: bytes) -> ec.EllipticCurvePublicKey:
    if len(point) != _POINT:
        raise SealError("the receiver's public key is damaged")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:  # not on the curve
        raise SealError("the receiver's public key is damaged") from None


def _decode(text: str) -> bytes:
    try:
        if len(text) <= _MAX_LENGTH:
            return b64decode(text, validate=True)
    except ValueError:
        pass
    raise SealError("the sealed key or the receiver's public key is damaged")
