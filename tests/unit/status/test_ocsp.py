# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCSP answers: which are valid, and what they contain, as tables."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp as library
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from cryptography.x509.oid import ExtendedKeyUsageOID

from ansible_collections.certfleet.tls.plugins.module_utils._status import ocsp
from ansible_collections.certfleet.tls.plugins.module_utils._status.revocation_status import (
    RevocationEntry,
    StatusError,
)
from tests.unit.host.ca import DAY, NOW, Authority, ec_key
from tests.unit.status.revocations import HOUR, REASONS, SINCE, answer, inside, leaf, refusal, responder, together

UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
MINUTE = HOUR / 60


def read(data, certificate, issuer):
    said = ocsp.parse_answer(data, certificate, issuer.certificate, NOW)
    return said.status, RevocationEntry(said.reason, said.revoked_at) if said.revoked_at else None


SAYS = {
    # options of answer(): what is said
    "good": ({}, ("good", None)),
    "revoked": ({"status": OCSPCertStatus.REVOKED}, ("revoked", RevocationEntry("unspecified", SINCE))),
    "revoked, with a reason": (
        {"status": OCSPCertStatus.REVOKED, "reason": REASONS.superseded},
        ("revoked", RevocationEntry("superseded", SINCE)),
    ),
    "the responder by name": ({"by_name": True}, ("good", None)),
    "another hash": ({"algorithm": hashes.SHA256()}, ("good", None)),
    "a clock a little ahead": ({"this_update": NOW + 4 * MINUTE}, ("good", None)),
    "a clock a little behind": ({"next_update": NOW - 4 * MINUTE}, ("good", None)),
    "a nonce that nobody asked for": ({"extensions": [(x509.OCSPNonce(b"12345678"), False)]}, ("good", None)),
}


@pytest.mark.parametrize("case", SAYS)
def test_parse_answer_valid_returns_status(case, issuer):
    options, said = SAYS[case]
    certificate = leaf(issuer)
    assert read(answer(certificate, issuer, **options), certificate, issuer) == said


REFUSED = {
    # options of answer(): the message
    "stale": (
        {"next_update": NOW - 6 * MINUTE},
        "the OCSP answer has expired: its nextUpdate was 2026-11-23T11:54:00Z",
    ),
    "in the future": ({"this_update": NOW + 6 * MINUTE}, "thisUpdate is in the future; check this machine's clock"),
    "without an end": ({"next_update": None}, "has no nextUpdate"),
    "not known": ({"status": OCSPCertStatus.UNKNOWN}, "the responder does not know the certificate"),
    "critical": ({"extensions": [(UNKNOWN, True)]}, "has an unknown critical extension"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_parse_answer_invalid_raises(case, issuer):
    options, message = REFUSED[case]
    certificate = leaf(issuer)
    with pytest.raises(StatusError) as raised:
        read(answer(certificate, issuer, **options), certificate, issuer)
    assert message in str(raised.value)


@pytest.mark.parametrize("critical", [False, True])
def test_parse_answer_unknown_critical_extension_raises(issuer, critical):
    certificate = leaf(issuer)
    data = inside(answer(certificate, issuer, extensions=[(UNKNOWN, critical)]), issuer.key)
    assert len(library.load_der_ocsp_response(data).single_extensions) == 1
    if not critical:
        assert read(data, certificate, issuer) == ("good", None)
        return
    with pytest.raises(StatusError, match="has an unknown critical extension"):  # RFC 6960 section 4.4
        read(data, certificate, issuer)


def test_parse_answer_selects_certificate_among_several(issuer):
    certificate, other = leaf(issuer), leaf(issuer)
    revoked = answer(other, issuer, OCSPCertStatus.REVOKED)
    data = together(answer(certificate, issuer), revoked, issuer.key)
    assert len(list(library.load_der_ocsp_response(data).responses)) == 2
    assert read(data, certificate, issuer) == ("good", None)
    assert read(data, other, issuer)[0] == "revoked"


@pytest.mark.parametrize(("kind", "what"), [("ec256", "wrong"), ("rsa", "wrong"), ("ed25519", "of a kind that")])
def test_parse_answer_by_namesake_of_issuer_raises(issuer, root, kind, what):
    certificate = leaf(issuer)
    data = answer(certificate, issuer, by=root.intermediate(kind=kind), by_name=True)
    with pytest.raises(StatusError, match=f"has a signature that is {what}"):
        read(data, certificate, issuer)


def test_parse_answer_about_other_certificate_raises(issuer, root):
    certificate, other = leaf(issuer), leaf(issuer)
    with pytest.raises(StatusError, match="about another certificate"):
        read(answer(other, issuer), certificate, issuer)
    # The same serial number of another issuer, for whom the responder answers as well
    twin = root.intermediate("Twin")
    same = leaf(twin, serial=certificate.serial_number)
    with pytest.raises(StatusError, match="about another certificate"):
        read(answer(same, twin, by=issuer), certificate, issuer)


@pytest.mark.parametrize("status", [status for status in OCSPResponseStatus if status.value])
def test_parse_answer_refusal_raises(status, issuer):
    with pytest.raises(StatusError, match=f"returned '{status.name.lower().replace('_', ' ')}'"):
        read(refusal(status), leaf(issuer), issuer)


@pytest.mark.parametrize("data", [b"", b"<html>", b"0\x03\x0a\x01\x00"])
def test_parse_answer_malformed_raises(data, issuer):
    with pytest.raises(StatusError, match="the OCSP answer is malformed"):
        read(data, leaf(issuer), issuer)


DELEGATES = {
    # who made the delegate, options of responder(), whether its certificate comes along: the message, if it is refused
    "appointed": ("issuer", {}, True, ""),
    "not sent along": ("issuer", {}, False, "neither the certificate's issuer nor authorized by it"),
    "without a purpose": ("issuer", {"purpose": None}, True, "does not allow signing OCSP answers"),
    "for another purpose": (
        "issuer",
        {"purpose": ExtendedKeyUsageOID.SERVER_AUTH},
        True,
        "does not allow signing OCSP answers",
    ),
    "for any purpose": (
        "issuer",
        {"purpose": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE},
        True,
        "does not allow signing OCSP answers",
    ),
    "over": ("issuer", {"not_after": NOW - HOUR}, True, "is not valid now"),
    "to come": ("issuer", {"not_before": NOW + HOUR}, True, "is not valid now"),
    "of the issuer's issuer": ("root", {}, True, "was not issued by the certificate's issuer"),
    "of one of the same name": ("namesake", {}, True, "was not issued by the certificate's issuer"),
    "of itself": ("none", {}, True, "was not issued by the certificate's issuer"),
}


@pytest.mark.parametrize("case", DELEGATES)
@pytest.mark.parametrize("by_name", [False, True])
def test_parse_answer_by_an_authorized_responder(case, by_name, issuer, root):
    maker, options, sent, message = DELEGATES[case]
    if maker == "none":
        by = Authority.root("Responder")
    else:
        by = responder({"issuer": issuer, "root": root, "namesake": root.intermediate()}[maker], **options)
    certificate = leaf(issuer)
    data = answer(certificate, issuer, by=by, by_name=by_name, certificates=[by.certificate] if sent else [])
    if not message:
        assert read(data, certificate, issuer) == ("good", None)
        return
    with pytest.raises(StatusError, match=message):
        read(data, certificate, issuer)


def test_parse_answer_signed_by_leaf_key_raises(issuer):
    """The issuer signed the leaf's key, but not for OCSP."""
    key = ec_key()
    certificate = issuer.leaf(key.public_key(), ["shop.example"])
    by = Authority(certificate, key)
    with pytest.raises(StatusError, match="does not allow signing OCSP answers"):
        read(answer(certificate, issuer, by=by, certificates=[certificate]), certificate, issuer)


@pytest.mark.parametrize("kind", ["rsa", "ec384", "ed25519"])
def test_parse_answer_signed_by_each_key_type(kind):
    root = Authority.root(kind=kind)
    certificate = leaf(root)
    assert read(answer(certificate, root), certificate, root) == ("good", None)


def test_build_request_is_short_and_has_no_nonce(issuer):
    asked = library.load_der_ocsp_request(ocsp.build_request(leaf(issuer, serial=(1 << 158) + 1), issuer.certificate))
    assert asked.serial_number == (1 << 158) + 1
    assert list(asked.extensions) == []
    assert isinstance(asked.hash_algorithm, hashes.SHA1)


def test_parse_answer_next_update(issuer):
    certificate = leaf(issuer)
    said = ocsp.parse_answer(answer(certificate, issuer), certificate, issuer.certificate, NOW)
    assert said.next_update == NOW + DAY
