# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny CA in memory: roots, intermediates, leaves. Works with cryptography 3.3 and with today's."""

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
    """Certificates as one PEM text."""
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in certificates)


def patched(certificate, old, new):
    """The certificate as PEM text with the bytes *old* replaced by as many *new* ones, whatever that breaks."""
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
    def root(cls, name="Root", kind="ec256"):
        key = key_of(kind)
        return cls(_certificate(key.public_key(), name, subject(name), key, extensions=_ca_extensions()), key)

    def intermediate(self, name="Intermediate", kind="ec256", extensions=None, **options):
        key = key_of(kind)
        extensions = _ca_extensions() if extensions is None else extensions
        return Authority(self.sign(key.public_key(), name, extensions=extensions, **options), key)

    def leaf(self, public_key, names, extensions=(), aki=True, **options):
        """A certificate for *names* (str: DNS names; or GeneralName). Options as those of sign()."""
        general = [x509.DNSName(name) if isinstance(name, str) else name for name in names]
        extensions = [*extensions]
        if general:
            extensions.append((x509.SubjectAlternativeName(general), True))
        if aki:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            extensions.append((issuer if aki is True else aki, False))
        return self.sign(public_key, "", extensions=extensions, **options)

    def sign(self, public_key, name, **options):
        return _certificate(public_key, name, self.certificate.subject, self.key, **options)


def _ca_extensions(is_ca=True):
    return [(x509.BasicConstraints(ca=is_ca, path_length=None), True)]


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
