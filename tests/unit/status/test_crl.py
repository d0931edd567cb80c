# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CRLs: which are valid, and what they contain, as tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.certfleet.tls.plugins.module_utils._status.crl import Crl
from ansible_collections.certfleet.tls.plugins.module_utils._status.revocation_status import (
    RevocationEntry,
    StatusError,
)
from tests.unit.host.ca import DAY, NOW, Authority, ec_key, key_of
from tests.unit.status.revocations import HOUR, REASONS, SINCE, crl, leaf, point, scope

HERE, THERE = "http://ca.example/1.crl", "http://ca.example/2.crl"
SECOND = timedelta(seconds=1)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
SOME = frozenset({REASONS.key_compromise})


def judged(data, certificate, issuer, at=None, now=NOW):
    """Return a CRL's entry for a certificate, or else the reasons that it covers, as consultation.py does."""
    read = Crl(data)
    read.verify(issuer.certificate, now)
    covered = read.covers(certificate, at or point(HERE))
    return read.entry(certificate) or len(covered)


SAYS = {
    # options of crl(), whether the certificate is in it: what is said
    "not listed": ({}, False, 8),
    "listed": ({}, True, RevocationEntry("unspecified", SINCE)),
    "listed, with a reason": ({"reason": REASONS.key_compromise}, True, RevocationEntry("key_compromise", SINCE)),
    "on hold": ({"reason": REASONS.certificate_hold}, True, RevocationEntry("certificate_hold", SINCE)),
    "not on hold any more": ({"reason": REASONS.remove_from_crl}, True, 8),
    "PEM": ({"encoding": Encoding.PEM}, True, RevocationEntry("unspecified", SINCE)),
    "with a number and a key id": ({"extensions": [(x509.CRLNumber(7), False)]}, False, 8),
    "with an extension of no weight": ({"extensions": [(UNKNOWN, False)]}, False, 8),
    "of a clock a little ahead": ({"this_update": NOW + 4 * timedelta(minutes=1)}, False, 8),
    "for a second more": ({"next_update": NOW + SECOND}, False, 8),
    "partitioned, for this place": ({"extensions": [scope(THERE, HERE)]}, False, 8),
    "of certificates that are no CA's": (
        {"extensions": [scope(user=True)]},
        True,
        RevocationEntry("unspecified", SINCE),
    ),
    "of some reasons": ({"extensions": [scope(reasons=SOME)]}, False, 1),
    "of some reasons, and listed": ({"extensions": [scope(reasons=SOME)]}, True, RevocationEntry("unspecified", SINCE)),
    "with a date of invalidity": (
        {"entry": [(x509.InvalidityDate(SINCE.replace(tzinfo=None)), False)]},
        True,
        RevocationEntry("unspecified", SINCE),
    ),
}


@pytest.mark.parametrize("case", SAYS)
def test_crl_entry_and_covered_reasons(case, issuer):
    options, listed, said = SAYS[case]
    certificate = leaf(issuer, HERE)
    assert judged(crl(issuer, *([certificate] if listed else []), **options), certificate, issuer) == said


REFUSED = {
    # options of crl(): the message
    "another key": ({"key": ec_key()}, "the CRL's signature is invalid"),
    "a key of another kind": ({"key": key_of("rsa")}, "the CRL's signature is invalid"),
    "over": ({"next_update": NOW}, "the CRL has expired: its nextUpdate was 2026-11-23T12:00:00Z"),
    "to come": (
        {"this_update": NOW + HOUR},
        "CRL thisUpdate (2026-11-23T13:00:00Z) is in the future; check this machine's clock",
    ),
    "delta": ({"extensions": [(x509.DeltaCRLIndicator(1), True)]}, "it is a delta CRL, which is not supported"),
    "not understood": (
        {"extensions": [(UNKNOWN, True)]},
        "the CRL has an unknown critical extension (1.3.6.1.4.1.99999.1)",
    ),
    "indirect": ({"extensions": [scope(indirect=True)]}, "an indirect CRL, which is not supported"),
    "another place": ({"extensions": [scope(THERE)]}, "the CRL is for another distribution point"),
    "a place by name": (
        {
            "extensions": [
                scope(relative=x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COMMON_NAME, "1")]))
            ]
        },
        "the CRL is for another distribution point",
    ),
    "attributes": ({"extensions": [scope(attribute=True)]}, "the CRL is for attribute certificates only"),
    "CAs": ({"extensions": [scope(ca=True)]}, "the CRL is for CA certificates only"),
    "an entry not understood": (
        {"entry": [(UNKNOWN, True)]},
        "entry for the certificate has an unknown critical extension",
    ),
    "another's entry": (
        {"entry": [(x509.CertificateIssuer([x509.DNSName("other.example")]), True)]},
        "entry for the certificate has an unknown critical extension",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_crl_invalid_raises(case, issuer):
    options, message = REFUSED[case]
    certificate = leaf(issuer, HERE)
    with pytest.raises(StatusError) as raised:
        judged(crl(issuer, certificate, **options), certificate, issuer)
    assert message in str(raised.value)


def test_crl_of_other_issuer_raises(issuer, root):
    other = root.intermediate("Other")
    with pytest.raises(StatusError, match=r"the CRL is from another issuer \(CN=Other\)"):
        judged(crl(other), leaf(issuer, HERE), issuer)
    # The same name, but another key
    with pytest.raises(StatusError, match="signature is invalid"):
        judged(crl(root.intermediate()), leaf(issuer, HERE), issuer)


def test_crl_issuer_without_key_usage_raises(root):
    no = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    for may in (True, False):
        usage = x509.KeyUsage(**no, key_cert_sign=True, crl_sign=may, encipher_only=False, decipher_only=False)
        issuer = root.intermediate(extensions=[(usage, True)])
        certificate = leaf(issuer, HERE)
        if may:
            assert judged(crl(issuer), certificate, issuer) == 8
        else:
            with pytest.raises(StatusError, match="does not allow signing CRLs"):
                judged(crl(issuer), certificate, issuer)


def test_crl_for_end_entities_does_not_cover_ca_certificate(root):
    below = root.intermediate("Below")
    assert judged(crl(root, extensions=[scope(ca=True)]), below.certificate, root) == 8
    with pytest.raises(StatusError, match="for end-entity certificates only"):
        judged(crl(root, extensions=[scope(user=True)]), below.certificate, root)


def test_crl_distribution_point_limits_covered_reasons(issuer):
    at = point(HERE, reasons=SOME | {REASONS.superseded})
    assert judged(crl(issuer), leaf(issuer, at), issuer, at) == 2
    assert judged(crl(issuer, extensions=[scope(reasons=SOME)]), leaf(issuer, at), issuer, at) == 1


@pytest.mark.parametrize("kind", ["rsa", "ec384", "ed25519"])
def test_crl_signed_by_each_key_type(kind):
    root = Authority.root(kind=kind)
    certificate = leaf(root, HERE)
    assert judged(crl(root, certificate), certificate, root) == RevocationEntry("unspecified", SINCE)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n", b"0\x03"]
)
def test_crl_malformed_raises(data):
    with pytest.raises(StatusError, match="the CRL is malformed"):
        Crl(data)


def test_crl_damaged_raises(issuer):
    certificate = leaf(issuer, HERE)
    data = crl(issuer, certificate)
    serial = certificate.serial_number.to_bytes((certificate.serial_number.bit_length() + 8) // 8, "big")
    assert serial in data
    with pytest.raises(StatusError, match="signature is invalid"):
        judged(data.replace(serial, serial[:-1] + bytes([serial[-1] ^ 1])), certificate, issuer)


def test_crl_long_list_is_read_once(issuer, monkeypatch):
    """The list is read once for thousands of certificates, as after a mass revocation."""
    certificates = [leaf(issuer, HERE) for _number in range(3)]
    data = crl(issuer, *certificates[1:], reason=REASONS.superseded)
    times = []

    class Counted:
        def __init__(self, loaded):
            self.loaded = loaded

        def __iter__(self):
            times.append("all")
            return iter(self.loaded)

        def __getitem__(self, index):
            return self.loaded[index]

        def __getattr__(self, name):
            assert name != "get_revoked_certificate_by_serial_number"  # which goes over it, too
            return getattr(self.loaded, name)

    load = x509.load_der_x509_crl
    monkeypatch.setattr(x509, "load_der_x509_crl", lambda data: Counted(load(data)))
    read = Crl(data)
    superseded = RevocationEntry("superseded", SINCE)
    assert [read.entry(certificate) for certificate in certificates] == [None, superseded, superseded]
    assert times == ["all"]


def test_crl_signature_is_verified_for_each_issuer(issuer, root):
    read = Crl(crl(issuer))
    read.verify(issuer.certificate, NOW)
    with pytest.raises(StatusError, match="signature is invalid"):
        read.verify(root.intermediate().certificate, NOW)
    with pytest.raises(StatusError, match="the CRL has expired: its nextUpdate was"):
        read.verify(issuer.certificate, NOW + 8 * DAY)
