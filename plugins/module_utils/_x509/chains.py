# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Chains: whether each certificate is issued by the next (RFC 8555 section 9.1, RFC 5280 section 6.1).

Names, signatures, dates and what makes a CA are looked at; policies and name constraints are left to clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .certificates import check_validity, extension
from .errors import CertificateError

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.x509.oid import SignatureAlgorithmOID
except ImportError:
    pass  # reported by availability.py, before anything here is called


def check(certificate: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> None:
    """Raise CertificateError unless *chain* leads up from *certificate* link by link. It may be empty."""
    below = certificate
    between = 0  # CAs that are not self-issued: only these count, RFC 5280 section 4.2.1.9
    for issuer in chain:
        what = f"the CA's chain does not hold: {_name(issuer.subject)}"
        if below.issuer != issuer.subject:
            raise CertificateError(f"{what} comes where the issuer {_name(below.issuer)} belongs")
        basic, usage = extension(issuer, x509.BasicConstraints), extension(issuer, x509.KeyUsage)
        # RFC 5280 section 6.1.4 (k) to (n)
        if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
            raise CertificateError(f"{what} is not a CA's certificate")
        if basic.path_length is not None and between > basic.path_length:
            raise CertificateError(f"{what} may have {basic.path_length} CAs below it, not {between}")
        if not signed_by(below, issuer):
            raise CertificateError(f"{what} did not sign {_name(below.subject) or 'the certificate'}")
        check_validity(issuer, f"{_name(issuer.subject)} in the CA's chain", now)
        between += issuer.subject != issuer.issuer
        below = issuer


def signed_by(below: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether *issuer*'s key signed *below*."""
    try:
        if hasattr(below, "verify_directly_issued_by"):  # cryptography 40 and later
            below.verify_directly_issued_by(issuer)
        else:
            _verify(below, issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _verify(below: x509.Certificate, issuer: x509.Certificate) -> None:
    key = issuer.public_key()
    signed = (below.signature, below.tbs_certificate_bytes)
    if below.signature_algorithm_oid == SignatureAlgorithmOID.RSASSA_PSS:
        _verify_pss(key, *signed)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(*signed, padding.PKCS1v15(), _hash(below))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(*signed, ec.ECDSA(_hash(below)))
    else:
        key.verify(*signed)  # type: ignore[union-attr,call-arg] # Ed25519, Ed448


def _verify_pss(key, signature: bytes, data: bytes) -> None:  # type: ignore[no-untyped-def]
    # A library this old does not read the parameters; in practice all follow from the hash (RFC 8017 section 9.1).
    for hash_algorithm in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512()):
        scheme = padding.PSS(padding.MGF1(hash_algorithm), hash_algorithm.digest_size)
        try:
            key.verify(signature, data, scheme, hash_algorithm)
        except InvalidSignature:
            continue
        return
    raise InvalidSignature


def _hash(certificate: x509.Certificate):  # type: ignore[no-untyped-def]
    if certificate.signature_hash_algorithm is None:
        raise ValueError("no hash algorithm")
    return certificate.signature_hash_algorithm


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()
