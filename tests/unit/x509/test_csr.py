# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate requests: names in the subjectAltName alone, and only those that were ordered."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ansible_collections.certfleet.tls.plugins.module_utils._x509 import csr
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import RequestError
from tests.unit.host import ca

NAMES = ["b.example", "*.a.example"]
KEY = ca.ec_key()
PEM = csr.build(KEY, NAMES)


def made(extensions=(), subject="", key=KEY):
    builder = x509.CertificateSigningRequestBuilder().subject_name(ca.subject(subject))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def names_of(*names):
    general = [x509.DNSName(name) if isinstance(name, str) else name for name in names]
    return x509.SubjectAlternativeName(general)


def changed(old, new):
    der = x509.load_pem_x509_csr(PEM).public_bytes(serialization.Encoding.DER)
    assert old in der
    return ca.der_pem(der.replace(old, new)).replace("CERTIFICATE", "CERTIFICATE REQUEST").encode()


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa"])
def test_build_has_names_only(kind):
    key = ca.key_of(kind)
    request = x509.load_pem_x509_csr(csr.build(key, NAMES))
    assert list(request.subject) == []
    (extension,) = request.extensions
    assert extension.critical, "RFC 5280 section 4.2.1.6: without a subject"
    assert extension.value.get_values_for_type(x509.DNSName) == NAMES
    assert isinstance(request.signature_hash_algorithm, hashes.SHA256)
    assert request.is_signature_valid
    assert csr.matches(csr.build(key, NAMES), key, NAMES)


@pytest.mark.parametrize("form", [PEM, PEM.decode(), PEM.replace(b"\n", b"\r\n")], ids=["bytes", "text", "CRLF"])
def test_to_der_of_text_or_bytes(form):
    der = csr.to_der(form, reversed(NAMES))
    assert der == x509.load_pem_x509_csr(PEM).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("request_pem", "what"),
    [
        (b"", "cannot read the certificate request: "),
        (b"\0" * 500, "cannot read the certificate request: "),
        ("<html>", "cannot read the certificate request: "),
        (PEM[:-60], "cannot read the certificate request: "),
        (ca.pem(ca.Authority.root().certificate), "cannot read the certificate request: "),
        (made(), "it is for nothing, not for"),
        (made(subject="b.example"), "it is for b.example, not for *.a.example, b.example"),
        (made(subject="192.0.2.1"), "it is for commonName 192.0.2.1, not for"),
        (made(subject="My Büro"), "it is for my büro, not for"),
        (made([names_of("other.example")], subject="b.example"), "it is for other.example, not for"),
        (changed(b"b.example", b"c.example"), "is not signed by its own key"),
        (made([names_of("b.example")]), "its order: it is for b.example, not for *.a.example, b.example"),
        (made([names_of(*NAMES, "evil.example")]), "it is for *.a.example, b.example, evil.example, not for"),
        (made([names_of("other.example")]), "it is for other.example, not for *.a.example, b.example"),
        (
            made([names_of(*NAMES, x509.IPAddress(ipaddress.ip_address("192.0.2.1")))]),
            "it is for *.a.example, 192.0.2.1, b.example, not for",
        ),
        (made([names_of(*NAMES, x509.RFC822Name("me@b.example"))]), "RFC822Name me@b.example"),
    ],
    ids=range(16),
)
def test_to_der_damaged_or_mismatched_request_is_refused(request_pem, what):
    with pytest.raises(RequestError) as error:
        csr.to_der(request_pem, NAMES)
    assert what in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    if isinstance(request_pem, bytes):
        assert not csr.matches(request_pem, KEY, NAMES)


@pytest.mark.parametrize(
    ("request_pem", "names"),
    [
        (made(subject="b.example"), ["b.example"]),
        (made(subject="B.Example"), ["b.example"]),
        (made(subject="*.a.example"), ["*.a.example"]),
        # Some tools repeat one of the names, or have another text there, which is no name if there is a subjectAltName.
        (made([names_of(*NAMES)], subject="b.example"), NAMES),
        (made([names_of(*NAMES)], subject="my web server"), NAMES),
    ],
    ids=["name", "in upper case", "wildcard", "one of several names", "no name"],
)
def test_to_der_common_name_counts_without_alternative_names(request_pem, names):
    der = x509.load_pem_x509_csr(request_pem).public_bytes(serialization.Encoding.DER)
    assert csr.to_der(request_pem, names) == der


def test_matches_ignores_case_of_names():
    assert csr.matches(made([names_of("B.Example", "*.A.example")]), KEY, NAMES)


def test_matches_other_key_is_false():
    assert csr.matches(PEM, KEY, NAMES)
    assert not csr.matches(PEM, ca.ec_key(), NAMES)
    assert not csr.matches(PEM, ca.key_of("rsa"), NAMES)
