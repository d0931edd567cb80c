# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys of certificates: make, load, encode and compare them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from .errors import KeyFileError

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    PrivateKey = Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey]


def generate(key_type: str) -> PrivateKey:
    """Return a new key of a type in CERTIFICATE_KEY_TYPES."""
    if key_type == "ec256":
        return ec.generate_private_key(ec.SECP256R1())
    if key_type == "ec384":
        return ec.generate_private_key(ec.SECP384R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(key_type[len("rsa") :]))


def pem(key: PrivateKey) -> bytes:
    """Return the key as unencrypted PKCS #8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load(data: bytes, path: str) -> PrivateKey:
    """Return the private key in a PEM text. Raises KeyFileError, which names *path*."""
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"cannot read {path}: it is not an unencrypted private key in PEM form") from None
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise KeyFileError(
            f"cannot use {path}: certificates are not issued for a private key of this type. Use an EC or RSA key"
        )
    return key


def type_of(key: PrivateKey) -> str:
    """Return the type of a key, in the form of CERTIFICATE_KEY_TYPES also if it is not one of them."""
    kind = "ec" if isinstance(key, ec.EllipticCurvePrivateKey) else "rsa"
    return f"{kind}{key.key_size}"


def public_der(key: object) -> bytes:
    """Return the SubjectPublicKeyInfo (DER) of a public key, by which keys are compared."""
    der: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return der
