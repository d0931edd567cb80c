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
def test_a_request_has_its_names_and_nothing_else(kind):
    key = ca.key_of(kind)
    request = x509.load_pem_x509_csr(csr.build(key, NAMES))
    assert list(request.subject) == []
    (extension,) = request.extensions
    assert extension.critical, "RFC 5280 section 4.2.1.6: without a subject"
    assert extension.value.get_values_for_type(x509.DNSName) == NAMES
    assert isinstance(request.signature_hash_algorithm, hashes.SHA256)
    assert request.is_signature_valid
    assert csr.fits(csr.build(key, NAMES), key, NAMES)


@pytest.mark.parametrize("form", [PEM, PEM.decode(), PEM.replace(b"\n", b"\r\n")], ids=["bytes", "text", "CRLF"])
def test_a_request_becomes_der_for_the_ca(form):
    der = csr.der_of(form, reversed(NAMES))
    assert der == x509.load_pem_x509_csr(PEM).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("request_pem", "what"),
    [
        (b"", "cannot be read"),
        (b"\0" * 500, "cannot be read"),
        ("<html>", "cannot be read"),
        (PEM[:-60], "cannot be read"),
        (ca.pem(ca.Authority.root().certificate), "cannot be read"),
        (made(), "has no subjectAltName"),
        (made(subject="b.example"), "has no subjectAltName"),
        (changed(b"b.example", b"c.example"), "is not signed by its own key"),
        (made([names_of("b.example")]), "does not fit its order: it is for b.example, not for *.a.example, b.example"),
        (made([names_of(*NAMES, "evil.example")]), "it is for *.a.example, b.example, evil.example, not for"),
        (made([names_of("other.example")]), "it is for other.example, not for *.a.example, b.example"),
        (
            made([names_of(*NAMES, x509.IPAddress(ipaddress.ip_address("192.0.2.1")))]),
            "it is for *.a.example, 192.0.2.1, b.example, not for",
        ),
        (made([names_of(*NAMES, x509.RFC822Name("me@b.example"))]), "RFC822Name me@b.example"),
    ],
    ids=range(13),
)
def test_a_request_that_is_damaged_or_does_not_fit_its_order_is_refused(request_pem, what):
    with pytest.raises(RequestError) as told:
        csr.der_of(request_pem, NAMES)
    assert what in str(told.value)
    assert len(str(told.value).splitlines()) == 1
    if isinstance(request_pem, bytes):
        assert not csr.fits(request_pem, KEY, NAMES)


def test_names_of_a_request_know_no_case():
    assert csr.fits(made([names_of("B.Example", "*.A.example")]), KEY, NAMES)


def test_a_request_of_another_key_does_not_fit():
    assert csr.fits(PEM, KEY, NAMES)
    assert not csr.fits(PEM, ca.ec_key(), NAMES)
    assert not csr.fits(PEM, ca.key_of("rsa"), NAMES)
