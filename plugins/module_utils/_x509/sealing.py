# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret sealed to one receiver, so that it may pass through hands that must not know it.

ECIES: a key agreement on P-256 with a key made for this one secret, HKDF with SHA-256, AES-256-GCM.

The text is base64 of the sealer's public point, the nonce, and what AES-GCM gives.
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
_LARGEST = 1 << 16  # characters; a sealed RSA key of 4096 bits has some 4,500
_PURPOSE = b"certfleet.tls sealed private key 1"


def receiving_key() -> ReceivingKey:
    """A key to receive secrets with, for one run."""
    return ec.generate_private_key(ec.SECP256R1())


def public_text(key: ReceivingKey) -> str:
    """What a sealer needs of a receiving key: its public point, base64."""
    return b64encode(_point(key.public_key())).decode()


def seal(secret: bytes, public: str, name: str) -> str:
    """Seal *secret* to the receiver whose public_text() is *public*. Raises SealError.

    *name*: what the secret is for; it opens under that name only.
    """
    receiver = _public(_decoded(public))
    own = receiving_key()
    sender, nonce = _point(own.public_key()), token_bytes(_NONCE)
    cipher = AESGCM(_derived(own.exchange(ec.ECDH(), receiver), sender, _point(receiver)))
    return b64encode(sender + nonce + cipher.encrypt(nonce, secret, name.encode())).decode()


def unseal(sealed: str, key: PrivateKey, name: str) -> bytes:
    """The secret that was sealed to the receiving key *key* under *name*. Raises SealError."""
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SealError("the key to receive with is none of P-256")
    data = _decoded(sealed)
    if len(data) < _POINT + _NONCE + _TAG:
        raise SealError("what was sealed is cut short")
    sender, nonce, text = data[:_POINT], data[_POINT : _POINT + _NONCE], data[_POINT + _NONCE :]
    secret = key.exchange(ec.ECDH(), _public(sender))
    try:
        return AESGCM(_derived(secret, sender, _point(key.public_key()))).decrypt(nonce, text, name.encode())
    except InvalidTag:
        raise SealError("what was sealed is for another host, another certificate or another run") from None


def _derived(secret: bytes, sender: bytes, receiver: bytes) -> bytes:
    # Both points go in, so that the key is for this pair only.
    return HKDF(hashes.SHA256(), 32, None, _PURPOSE + sender + receiver).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _public(point: bytes) -> ec.EllipticCurvePublicKey:
    if len(point) != _POINT:
        raise SealError("the public key to seal with is damaged")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:  # not on the curve
        raise SealError("the public key to seal with is damaged") from None


def _decoded(text: str) -> bytes:
    try:
        if len(text) <= _LARGEST:
            return b64decode(text, validate=True)
    except ValueError:
        pass
    raise SealError("what was sealed, or the public key to seal with, is damaged")
