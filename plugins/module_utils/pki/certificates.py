# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates that the CA delivered: what they say, and whether they may be put in place."""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from . import keys
from .errors import CertificateError
from .identifiers import IdentifierError, normalize

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # said by library.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey

# CAs date certificates back by an hour or so; one that is not valid yet tells of a clock that is behind. Up to this
# much the clock is believed to be wrong and the certificate right: refusing would only keep the old one in service.
SKEW = timedelta(hours=1)

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----")


@dataclass(frozen=True)
class Validity:
    """A certificate's time, aware UTC."""

    not_before: datetime
    not_after: datetime


def load_all(text: str, what: str) -> list[x509.Certificate]:
    """The certificates in a PEM text; *what* it is, is for the message. Raises CertificateError."""
    found = []
    for block in _PEM.findall(text):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on oddities that the library only means to refuse one day
                found.append(x509.load_pem_x509_certificate(block.encode()))
        except ValueError:
            raise CertificateError(f"{what} from the CA is damaged") from None
    if text.strip() and not found:
        raise CertificateError(f"{what} from the CA is not PEM")
    return found


def pem(certificate: x509.Certificate) -> bytes:
    """A certificate as PEM, without what a CA may have written around it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def validity(certificate: x509.Certificate) -> Validity:
    """From when to when a certificate is valid."""
    try:
        return Validity(certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except AttributeError:  # cryptography before 42
        return Validity(
            certificate.not_valid_before.replace(tzinfo=timezone.utc),
            certificate.not_valid_after.replace(tzinfo=timezone.utc),
        )


def check(certificate: x509.Certificate, key: PrivateKey, identifiers: Iterable[str], now: datetime) -> str:
    """Raise CertificateError unless *certificate* is *key*'s, for *identifiers* (normalized) and in force at *now*.

    Gives a warning for people, or an empty text.
    """
    if keys.public_der(certificate.public_key()) != keys.public_der(key.public_key()):
        raise CertificateError("the certificate from the CA is for another key than the pending one")
    found, wanted = _names(certificate), set(identifiers)
    if found != wanted:
        raise CertificateError(
            f"the certificate from the CA is for {', '.join(sorted(found)) or 'no names'} "
            f"instead of {', '.join(sorted(wanted))}"
        )
    return check_validity(certificate, "the certificate from the CA", now)


def check_validity(certificate: x509.Certificate, what: str, now: datetime) -> str:
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


def facts(certificate: x509.Certificate) -> dict[str, Any]:
    """What the manifest says of a certificate."""
    time = validity(certificate)
    return {
        "serial": _serial(certificate).lstrip(b"\0").hex() or "00",
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": utc(time.not_before),
        "not_after": utc(time.not_after),
        "ari_id": ari_id(certificate),
    }


def ari_id(certificate: x509.Certificate) -> str | None:
    """The certificate's name towards the CA's renewal information (RFC 9773 section 4.1); None if it has none."""
    try:
        identifier = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError):
        return None
    return f"{_base64url(identifier)}.{_base64url(_serial(certificate))}" if identifier else None


def utc(instant: datetime) -> str:
    """An aware UTC datetime as the manifest writes it."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _serial(certificate: x509.Certificate) -> bytes:
    # RFC 9773 section 4.1: the DER INTEGER's bytes, with the zero that goes before a high first bit.
    number = certificate.serial_number
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return set()
    found = set()
    for name in names:
        try:
            found.add(
                normalize(name.value) if isinstance(name, x509.DNSName) else f"{type(name).__name__} {name.value}"
            )
        except IdentifierError:
            found.add(str(name.value))
    return found
