# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains as bent CAs send them, and certificates that a bent CA makes itself, as it may not have what Pebble made."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\r?\n?", re.DOTALL)
_DAY = timedelta(days=1)


def ari_id(chain: bytes) -> str:
    """Return the ARI id of a chain's first certificate (RFC 9773 section 4.1); empty without one."""
    try:
        leaf = x509.load_pem_x509_certificate(chain)
        issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
    except (ValueError, x509.ExtensionNotFound):
        return ""
    serial = leaf.serial_number.to_bytes(leaf.serial_number.bit_length() // 8 + 1, "big")
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (issuer, serial))


#: Changes to a chain in PEM by their words.
CHAINS: dict[str, Callable[[list[bytes]], bytes]] = {
    "doubled": lambda certificates: b"".join(each * 2 for each in certificates),
    "repeated": lambda certificates: b"".join(certificates * 2),
    "turned around": lambda certificates: b"".join(reversed(certificates)),
    "with a foreign certificate": lambda certificates: b"".join([*certificates, _Issuer.get("Foreign CA").pem]),
    "foreign first": lambda certificates: b"".join([_Issuer.get("Foreign CA").pem, *certificates]),
    "without its issuer": lambda certificates: certificates[0],
    "without the certificate": lambda certificates: b"".join(certificates[1:]),
    "with text": lambda certificates: b"".join(b"subject=CN = text\n" + each for each in certificates),
    "with CRLF": lambda certificates: b"".join(certificates).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "without a last line": lambda certificates: b"".join(certificates).rstrip(),
    "in half": lambda certificates: b"".join(certificates)[: len(b"".join(certificates)) - 300],
}


def bend_chain(body: bytes, how: str) -> bytes:
    """Return a chain with one of the CHAINS."""
    return CHAINS[how](_PEM.findall(body))


def to_der(body: bytes) -> bytes:
    """Return a chain's first certificate as DER, as application/pkix-cert has it."""
    return x509.load_pem_x509_certificate(body).public_bytes(Encoding.DER)


class _Issuer:
    """A root and what it issues. Its key is this process's own."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key(), -_DAY, 365 * _DAY)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pem = self._sign(builder.add_extension(usage, critical=True))

    @staticmethod
    @cache
    def get(name: str = "Bent CA") -> _Issuer:
        return _Issuer(name)

    def issue(self, key: CertificatePublicKeyTypes, names: list[str], begin: timedelta, end: timedelta) -> bytes:
        builder = _builder(x509.Name([]), self._name, key, begin, end)
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return self._sign(builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True))

    def _sign(self, builder: x509.CertificateBuilder) -> bytes:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        signed = builder.add_extension(identifier, critical=False).sign(self._key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificatePublicKeyTypes, begin: timedelta, end: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now + begin)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return builder.not_valid_after(now + end).add_extension(identifier, critical=False)


def make(csr: str, how: str, lifetime: timedelta = 90 * _DAY) -> bytes:
    """Return a chain for a certificate request (base64url), by the words of a sentence."""
    request = x509.load_der_x509_csr(urlsafe_b64decode(csr + "=" * (-len(csr) % 4)))
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )
    key, begin, end = request.public_key(), -timedelta(hours=1), lifetime - timedelta(hours=1)
    if how == "expired":
        begin, end = -lifetime, -timedelta(hours=1)
    elif how == "not valid yet":
        begin, end = 2 * _DAY, lifetime + 2 * _DAY
    elif how == "for another key":
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
    elif how == "for another name":
        names = ["another.lab.test"]
    elif how == "for one name more":
        names = [*names, "another.lab.test"]
    issuer = _Issuer.get()
    return issuer.issue(key, names, begin, end) + issuer.pem


MADE = ("expired", "not valid yet", "for another key", "for another name", "for one name more")
