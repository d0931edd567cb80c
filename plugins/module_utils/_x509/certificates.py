# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read certificates, and verify those that the CA has delivered before they are installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .._common import base64url, pem_blocks
from .._common.names import ARI_ID
from .._common.times import utc
from . import keys, san
from .errors import CertificateError, MisfitError, ValidityError
from .signatures import signed_by

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey

_Extension = TypeVar("_Extension", bound="x509.ExtensionType")

# CAs date certificates back by about an hour, so one that is not valid yet means that this host's clock is slow. Up to
# this much the certificate is accepted: refusing it would only leave the old one in service.
SKEW = timedelta(hours=1)


class Validity(NamedTuple):
    """The period in which a certificate is valid, as aware UTC datetimes."""

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
    """Return a certificate as PEM, without the text that a CA may have written around it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def validity(certificate: x509.Certificate) -> Validity:
    """Return the period in which a certificate is valid."""
    return Validity(aware(certificate, "not_valid_before"), aware(certificate, "not_valid_after"))


def aware(source: Any, field: str) -> Any:
    """Return the attribute *field* of a certificate, CRL or OCSP response as aware UTC datetime; None if it is None.

    cryptography before 42 (43 for OCSP) has naive datetimes in UTC only; later releases deprecate them.
    """
    if hasattr(source, f"{field}_utc"):
        return getattr(source, f"{field}_utc")
    instant = getattr(source, field)
    return instant.replace(tzinfo=timezone.utc) if instant else None


def covered(certificate: x509.Certificate) -> set[str]:
    """Return the identifiers that a certificate is for, normalized; an empty set if they cannot be read."""
    return san.texts(extension(certificate, x509.SubjectAlternativeName) or ())


def verify(
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    key: PrivateKey,
    identifiers: Iterable[str],
    now: datetime,
) -> str:
    """Verify that *certificate* belongs to *key*, is for *identifiers* (normalized) and is valid at *now* (aware UTC).

    Its *chain* is verified as by verify_chain(). Returns a warning about this host's clock, or an empty text. Raises
    MisfitError for another key or other names, and ValidityError for a certificate that is not valid at *now*.
    """
    if not is_for(certificate, key.public_key()):
        raise MisfitError("the certificate from the CA does not match the pending private key")
    actual, expected = covered(certificate), set(identifiers)
    if actual != expected:
        raise MisfitError(
            f"the certificate from the CA is for {', '.join(sorted(actual)) or 'no names'} "
            f"instead of {', '.join(sorted(expected))}"
        )
    warning = verify_validity(certificate, "the certificate from the CA", now)
    verify_chain(certificate, chain, now)
    return warning


def is_for(certificate: x509.Certificate, public_key: object) -> bool:
    """Return True if *certificate* is for a public key; False also if its own key is of an unknown kind."""
    try:
        return keys.public_der(certificate.public_key()) == keys.public_der(public_key)
    except (ValueError, UnsupportedAlgorithm):
        return False


def verify_chain(certificate: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> None:
    """Raise CertificateError unless each certificate of *chain* issued the one before it, the first *certificate*.

    An empty chain is valid. Names, signatures, dates, basic constraints and key usage are verified (RFC 8555 section
    9.1, RFC 5280 section 6.1); policies and name constraints are left to clients. *now*: aware UTC datetime.
    """
    below = certificate
    between = 0  # CAs that are not self-issued: only these count, RFC 5280 section 4.2.1.9
    for issuer in chain:
        what = f"the CA's chain is invalid: {name_of(issuer)}"
        if below.issuer != issuer.subject:
            raise CertificateError(f"{what} stands where the issuer {_text(below.issuer)} is expected")
        basic, usage = extension(issuer, x509.BasicConstraints), extension(issuer, x509.KeyUsage)
        # RFC 5280 section 6.1.4 (k) to (n)
        if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
            raise CertificateError(f"{what} is not a CA certificate")
        if basic.path_length is not None and between > basic.path_length:
            raise CertificateError(f"{what} allows {basic.path_length} CAs below it, and there are {between}")
        if not signed_by(below, issuer):
            raise CertificateError(f"{what} did not sign {name_of(below)}")
        verify_validity(issuer, f"{name_of(issuer)} in the CA's chain", now)
        between += issuer.subject != issuer.issuer
        below = issuer


def verify_validity(certificate: x509.Certificate, what: str, now: datetime) -> str:
    """Verify that *certificate* is valid at *now* (aware UTC) or becomes valid within SKEW. *what*: it, in messages.

    Returns a warning about this host's clock, or an empty text. Raises ValidityError.
    """
    period, clock = validity(certificate), f"and this host's clock shows {utc(now)}. Check the clock"
    if period.not_after <= now:
        raise ValidityError(f"{what} expired at {utc(period.not_after)}, {clock}", what, *period)
    if period.not_before <= now:
        return ""
    warning = f"{what} is not valid before {utc(period.not_before)}, {clock}"
    if period.not_before - now > SKEW:
        raise ValidityError(warning, what, *period)
    return warning


def facts(certificate: x509.Certificate) -> dict[str, Any]:
    """Return the fields of a manifest that describe a certificate."""
    period = validity(certificate)
    return {
        "serial": serial(certificate),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": utc(period.not_before),
        "not_after": utc(period.not_after),
        "ari_id": ari_id(certificate),
    }


def serial(certificate: x509.Certificate) -> str:
    """Return a certificate's serial number in hexadecimal, as manifests have it."""
    return _serial(certificate).lstrip(b"\0").hex() or "00"


def ari_id(certificate: x509.Certificate) -> str | None:
    """Return the certificate's identifier in renewal information (RFC 9773 section 4.1); None if it has none."""
    authority = extension(certificate, x509.AuthorityKeyIdentifier)
    if authority is None or not authority.key_identifier:
        return None
    identifier = f"{base64url.encode(authority.key_identifier)}.{base64url.encode(_serial(certificate))}"
    return identifier if ARI_ID.fullmatch(identifier) else None


def extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    """Return the certificate's extension of type *kind*; None if it has none that can be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return None


def name_of(certificate: x509.Certificate) -> str:
    """Return the subject of a certificate, for messages; its serial number if it has none, as most leaves today."""
    return _text(certificate.subject) or f"the certificate with the serial number {serial(certificate)}"


def _text(name: x509.Name) -> str:
    return name.rfc4514_string()


def _serial(certificate: x509.Certificate) -> bytes:
    # RFC 9773 section 4.1: the bytes of the DER INTEGER, with the leading zero if the first bit is set.
    number = certificate.serial_number
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)  # older libraries accept negative numbers
