# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verify signatures, also with releases of cryptography that cannot verify those of certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.x509.oid import SignatureAlgorithmOID
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from cryptography.x509 import ocsp

    Signed = Union[x509.Certificate, ocsp.OCSPResponse]


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return True if the key of *issuer* signed *certificate*."""
    try:
        if hasattr(certificate, "verify_directly_issued_by"):  # cryptography 40 and later
            certificate.verify_directly_issued_by(issuer)
        else:
            verify(certificate, certificate.tbs_certificate_bytes, issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def verify(signed: Signed, data: bytes, signer: x509.Certificate) -> None:
    """Raise InvalidSignature unless the key of *signer* made the signature of *signed* over *data* (DER bytes).

    Raises UnsupportedAlgorithm, ValueError and TypeError for a signature that does not belong to this kind of key.
    """
    key: Any = signer.public_key()
    if signed.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
        _verify_pss(key, signed.signature, data)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signed.signature, data, padding.PKCS1v15(), _hash(signed))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signed.signature, data, ec.ECDSA(_hash(signed)))
    else:
        key.verify(signed.signature, data)  # Ed25519, Ed448


def _verify_pss(key: Any, signature: bytes, data: bytes) -> None:
    # Old releases of the library do not read the parameters, which follow from the hash (RFC 8017 section 9.1).
    for hash_algorithm in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        scheme = padding.PSS(padding.MGF1(hash_algorithm), hash_algorithm.digest_size)
        try:
            key.verify(signature, data, scheme, hash_algorithm)
        except InvalidSignature:
            continue
        return
    raise InvalidSignature


def _hash(signed: Signed) -> hashes.HashAlgorithm:
    if signed.signature_hash_algorithm is None:
        raise ValueError("no hash algorithm")
    return signed.signature_hash_algorithm
