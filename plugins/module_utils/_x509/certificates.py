# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that the CA delivered: what they say, and whether they may be put in place."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeVar

from .._common import base64url, pem_blocks
from .._common.names import ARI_ID
from .._common.times import utc
from . import keys, san
from .errors import CertificateError, MisfitError

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey

_Extension = TypeVar("_Extension", bound="x509.ExtensionType")

# CAs date certificates back by an hour or so; one that is not valid yet tells of a clock that is behind. Up to this
# much the clock is believed to be wrong and the certificate right: refusing would only keep the old one in service.
SKEW = timedelta(hours=1)


@dataclass(frozen=True)
class Validity:
    """A certificate's time, aware UTC."""

    not_before: datetime
    not_after: datetime


def load_all(text: str, what: str) -> list[x509.Certificate]:
    """Return the certificates in a PEM text. Raises CertificateError, with *what* as the name of the text."""
    if text.strip() and pem_blocks.BEGIN not in text:
        raise CertificateError(f"cannot read {what}: it is not PEM")
    try:
        return [_load(block) for block in pem_blocks.split(text)]
    except (ValueError, x509.InvalidVersion):
        raise CertificateError(f"cannot read {what}: it is damaged") from None


def load_readable(text: str) -> list[x509.Certificate]:
    """Return the certificates in a PEM text that the library can read. It cannot read all that hosts trust as roots."""
    certificates = []
    for block in pem_blocks.find(text):
        try:
            certificates.append(_load(block))
        except (ValueError, x509.InvalidVersion):
            continue
    return certificates


def _load(block: str) -> x509.Certificate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of what a later release of it will refuse
        return x509.load_pem_x509_certificate(block.encode())


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM, without what a CA may have written around it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def validity(certificate: x509.Certificate) -> Validity:
    """From when to when a certificate is valid."""
    return Validity(aware(certificate, "not_valid_before"), aware(certificate, "not_valid_after"))


def aware(source: Any, field: str) -> Any:
    """Return the aware UTC datetime *field* of a certificate, CRL or OCSP answer; None where it has None.

    cryptography before 42 (43 for OCSP) has naive ones only, in UTC, and deprecates them since.
    """
    if hasattr(source, f"{field}_utc"):
        return getattr(source, f"{field}_utc")
    instant = getattr(source, field)
    return instant.replace(tzinfo=timezone.utc) if instant else None


def covered(certificate: x509.Certificate) -> set[str]:
    """The identifiers that a certificate is for, normalized; none where that cannot be read."""
    return san.texts(extension(certificate, x509.SubjectAlternativeName) or ())


def verify(certificate: x509.Certificate, key: PrivateKey, identifiers: Iterable[str], now: datetime) -> str:
    """Raise CertificateError unless *certificate* is *key*'s, for *identifiers* (normalized) and in force at *now*.

    MisfitError for another key or other names. Gives a warning for people, or an empty text.
    """
    if not _is_of(certificate, key):
        raise MisfitError("the certificate from the CA is for another key than the pending one")
    found, wanted = covered(certificate), set(identifiers)
    if found != wanted:
        raise MisfitError(
            f"the certificate from the CA is for {', '.join(sorted(found)) or 'no names'} "
            f"instead of {', '.join(sorted(wanted))}"
        )
    return verify_validity(certificate, "the certificate from the CA", now)


def verify_validity(certificate: x509.Certificate, what: str, now: datetime) -> str:
    """Raise CertificateError unless *certificate*, *what* in messages, is in force at *now*, give or take SKEW."""
    time = validity(certificate)
    if time.not_after <= now:
        raise CertificateError(
            f"{what} ended at {utc(time.not_after)}, and this host's clock says {utc(now)}: check the clock"
        )
    if time.not_before <= now:
        return ""
    text = f"{what} begins at {utc(time.not_before)}, and this host's clock says {utc(now)}: check the clock"
    if time.not_before - now > SKEW:
        raise CertificateError(text)
    return text


def verify_not_expired(text: str, now: datetime) -> None:
    """Raise CertificateError if the certificate in a PEM text is over, as that of an order of long ago may be."""
    for certificate in load_all(text, "the certificate"):
        if validity(certificate).not_after <= now:
            raise CertificateError(
                f"the certificate of the order ended at {utc(validity(certificate).not_after)}: "
                "run again for a new order"
            )


def facts(certificate: x509.Certificate) -> dict[str, Any]:
    """What the manifest says of a certificate."""
    time = validity(certificate)
    return {
        "serial": serial(certificate),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": utc(time.not_before),
        "not_after": utc(time.not_after),
        "ari_id": ari_id(certificate),
    }


def serial(certificate: x509.Certificate) -> str:
    """A certificate's serial number as the manifest writes it, in hexadecimal."""
    return _serial(certificate).lstrip(b"\0").hex() or "00"


def ari_id(certificate: x509.Certificate) -> str | None:
    """The certificate's name towards the CA's renewal information (RFC 9773 section 4.1); None if it has none."""
    authority = extension(certificate, x509.AuthorityKeyIdentifier)
    if authority is None or not authority.key_identifier:
        return None
    found = f"{base64url.encode(authority.key_identifier)}.{base64url.encode(_serial(certificate))}"
    return found if ARI_ID.fullmatch(found) else None


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """The certificate's extension of a kind; None if it has none that can be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return None


def _is_of(certificate: x509.Certificate, key: PrivateKey) -> bool:
    try:
        return keys.public_der(certificate.public_key()) == keys.public_der(key.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return False


def _serial(certificate: x509.Certificate) -> bytes:
    # RFC 9773 section 4.1: the DER INTEGER's bytes, with the zero that goes before a high first bit.
    number = certificate.serial_number
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)  # older libraries let negative ones in
