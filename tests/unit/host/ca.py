# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny CA in memory: roots, intermediates, leaves. Works with cryptography 3.3 and with today's.

They have the extensions of RFC 5280 section 4.2.1 without which Python 3.13 and later refuse them (VERIFY_X509_STRICT).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


def key_of(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "dsa":
        return dsa.generate_private_key(key_size=2048)
    return ec.generate_private_key({"ec256": ec.SECP256R1, "ec384": ec.SECP384R1}[kind]())


def pem(*certificates):
    """Return certificates as one PEM text."""
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates)


def patched(certificate, old, new):
    """Return the certificate as PEM text with the bytes *old* replaced by as many *new* ones; it may become invalid."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert old in der
    assert len(old) == len(new)
    return der_pem(der.replace(old, new))


def der_pem(der):
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


def subject(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


@dataclass(frozen=True)
class Authority:
    """A CA's certificate and its key."""

    certificate: x509.Certificate
    key: object

    @classmethod
    def root(cls, name="Root", kind="ec256", extensions=None, **options):
        key = key_of(kind)
        extensions = _ca_extensions(key.public_key()) if extensions is None else extensions
        return cls(_certificate(key.public_key(), name, subject(name), key, extensions=extensions, **options), key)

    def intermediate(self, name="Intermediate", kind="ec256", extensions=None, key=None, **options):
        key = key or key_of(kind)
        if extensions is None:
            extensions = [*_ca_extensions(key.public_key()), (self._key_identifier(), False)]
        return Authority(self.sign(key.public_key(), name, extensions=extensions, **options), key)

    def leaf(self, public_key, names, extensions=(), aki=True, **options):
        """Return a certificate for *names* (str: DNS names; or GeneralName). Options as those of sign()."""
        general = [x509.DNSName(name) if isinstance(name, str) else name for name in names]
        extensions = [*extensions]
        if general:
            extensions.append((x509.SubjectAlternativeName(general), True))
        if aki:
            extensions.append((self._key_identifier() if aki is True else aki, False))
        return self.sign(public_key, "", extensions=extensions, **options)

    def sign(self, public_key, name, **options):
        return _certificate(public_key, name, self.certificate.subject, self.key, **options)

    def _key_identifier(self):
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def key_usage(**bits):
    """Return the keyUsage of a CA, with other bits than usual."""
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(**{**others, "key_cert_sign": True, "crl_sign": True, **bits})


def _ca_extensions(public_key):
    return [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (key_usage(), True),
        (x509.SubjectKeyIdentifier.from_public_key(public_key), False),
    ]


def _certificate(
    public_key,
    name,
    issuer,
    issuer_key,
    extensions=(),
    not_before=NOW - DAY,
    not_after=NOW + 60 * DAY,
    serial=None,
    hash_algorithm=hashes.SHA256,
    **signing,
):
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject(name))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(not_before.replace(tzinfo=None))
        .not_valid_after(not_after.replace(tzinfo=None))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    algorithm = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hash_algorithm()
    return builder.sign(issuer_key, algorithm, **signing)
