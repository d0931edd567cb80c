# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading, verifying and describing certificates."""

from __future__ import annotations

import ipaddress
from datetime import timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ObjectIdentifier

from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import CertificateError
from tests.unit.host import ca
from tests.unit.host.ca import NOW

CA = ca.Authority.root("Test CA, Inc.")
KEY = ca.ec_key()
SECOND = timedelta(seconds=1)


def leaf(names=("a.example", "b.example"), **options):
    return CA.leaf(KEY.public_key(), names, **options)


def pem_of(serial):
    return ca.pem(leaf(serial=serial))


# --- reading

ONE, TWO = pem_of(1), pem_of(2)


@pytest.mark.parametrize(
    ("text", "serials"),
    [
        ("", []),
        (" \r\n\n", []),
        (ONE, [1]),
        (ONE + TWO, [1, 2]),
        (TWO + ONE, [2, 1]),
        (f"subject=CN=x\nissuer=y\n{ONE}\n\n# the next one\n{TWO}trailing words", [1, 2]),
        (ONE.replace("\n", "\r\n") + TWO.replace("\n", "\r\n"), [1, 2]),
        (ONE.strip(), [1]),
        ("\ufeff" + ONE, [1]),
        (ONE + ONE, [1, 1]),
    ],
    ids=[
        "nothing",
        "blanks",
        "one",
        "two",
        "the other way round",
        "with words",
        "CRLF",
        "no last line end",
        "BOM",
        "twice",
    ],
)
def test_load_all_pem_returns_certificates(text, serials):
    assert [certificate.serial_number for certificate in certificates.load_all(text, "it")] == serials


BODY = ONE.splitlines()[1]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<html>not today</html>", "is not PEM"),
        ("-----BEGIN CERTIFICATE-----", "is damaged"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is not PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is damaged"),
        ("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "is damaged"),
        (ONE.replace(BODY, BODY[:-4]), "is damaged"),
        (ONE.replace(BODY, ""), "is damaged"),
        (ONE + TWO.replace("\n", "\n!", 2), "is damaged"),
        (ONE.replace("-----END CERTIFICATE-----\n", "") + TWO, "is damaged"),
        (ONE + "-----BEGIN CERTIFICATE-----\n" + BODY, "is damaged"),
        (ca.patched(leaf(), b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07"), "is damaged"),
    ],
    ids=range(11),
)
def test_load_all_malformed_text_is_refused(text, what):
    with pytest.raises(CertificateError) as error:
        certificates.load_all(text, "the chain")
    assert str(error.value) == f"cannot read the chain: it {what}"


def test_load_all_hostile_text_is_refused_quickly():
    """No backtracking without end: a million bytes that nearly match."""
    with pytest.raises(CertificateError):
        certificates.load_all("-----BEGIN CERTIFICATE-----\n" + "A" * 1_000_000 + "!", "the chain")


def test_pem_leaves_out_surrounding_text():
    (certificate,) = certificates.load_all("before\n" + ONE.replace("\n", "\r\n") + "after", "it")
    assert certificates.pem(certificate) == ONE.encode()


# --- verifying


def checked(certificate, key=KEY, names=("a.example", "b.example"), now=NOW):
    return certificates.verify(certificate, [], key, names, now)


def test_verify_matching_certificate_passes():
    assert checked(leaf()) == ""
    assert checked(leaf(["B.example", "a.EXAMPLE"])) == "", "DNS names ignore case"
    assert checked(leaf(["b.example", "a.example", "a.example"])) == ""
    assert checked(leaf(["*.a.example"]), names=["*.a.example"]) == ""


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa"])
def test_verify_other_key_is_refused(kind):
    key, other = ca.key_of(kind), ca.key_of(kind)
    certificate = CA.leaf(key.public_key(), ["a.example"])
    assert checked(certificate, key, ["a.example"]) == ""
    for wrong in (other, ca.key_of("ed25519")):
        with pytest.raises(CertificateError, match="does not match the pending private key"):
            checked(certificate, wrong, ["a.example"])


def test_verify_unreadable_key_is_refused():
    curve = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
    text = ca.patched(leaf(), curve, curve[:-1] + b"\x63")
    (certificate,) = certificates.load_all(text, "it")
    with pytest.raises(CertificateError, match="does not match the pending private key"):
        checked(certificate)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a.example"], "a.example"),
        (["a.example", "b.example", "c.example"], "a.example, b.example, c.example"),
        (["*.example"], "*.example"),
        (["a.example", "x_y.example"], "a.example, x_y.example"),
        ([], "no names"),
        (["a.example", "b.example", x509.IPAddress(ipaddress.ip_address("192.0.2.1"))], "192.0.2.1"),
        (["a.example", "b.example", x509.DNSName("192.0.2.1")], "DNSName 192.0.2.1"),
        (["a.example", "b.example", x509.RFC822Name("me@a.example")], "RFC822Name me@a.example"),
        ([x509.UniformResourceIdentifier("https://a.example")], "UniformResourceIdentifier https://a.example"),
    ],
)
def test_verify_other_names_are_refused(names, found):
    with pytest.raises(CertificateError) as error:
        checked(leaf(names))
    text = str(error.value)
    assert text.startswith("the certificate from the CA is for ")
    assert text.endswith(" instead of a.example, b.example")
    assert found in text


def test_verify_ignores_common_name():
    certificate = CA.sign(KEY.public_key(), "a.example")
    with pytest.raises(CertificateError, match="is for no names instead of a"):
        checked(certificate, names=["a.example"])


@pytest.mark.parametrize(
    ("not_before", "not_after", "expected"),
    [
        (NOW - ca.DAY, NOW + ca.DAY, ""),
        (NOW, NOW + SECOND, ""),
        (NOW - ca.DAY, NOW, "refused: expired at"),
        (NOW - 2 * ca.DAY, NOW - ca.DAY, "refused: expired at"),
        (NOW + SECOND, NOW + ca.DAY, "warned: is not valid before"),
        (NOW + certificates.SKEW, NOW + ca.DAY, "warned: is not valid before"),
        (NOW + certificates.SKEW + SECOND, NOW + ca.DAY, "refused: is not valid before"),
        (NOW + ca.DAY, NOW + 2 * ca.DAY, "refused: is not valid before"),
    ],
)
def test_verify_validity_with_clock_skew(not_before, not_after, expected):
    certificate = leaf(not_before=not_before, not_after=not_after)
    if expected.startswith("refused"):
        with pytest.raises(CertificateError) as error:
            checked(certificate)
        text = str(error.value)
    else:
        text = checked(certificate)
    assert bool(expected) == bool(text)
    if expected:
        assert expected.split(": ")[1] in text
        assert text.endswith("and this host's clock shows 2026-11-23T12:00:00Z. Check the clock")


# --- describing


@pytest.mark.parametrize(
    ("serial", "text", "der"),
    [
        (1, "01", "AQ"),
        (0x7F, "7f", "fw"),
        (0x80, "80", "AIA"),
        (0x0123456789, "0123456789", "ASNFZ4k"),
        (0x8765432100, "8765432100", "AIdlQyEA"),
        ((1 << 159) - 1, "7f" + "ff" * 19, "f" + "_" * 25 + "8"),
    ],
)
def test_facts_serial_is_hex_and_ari_id_is_der(serial, text, der):
    certificate = leaf(serial=serial, aki=x509.AuthorityKeyIdentifier(b"\xff\xfe\xfd", None, None))
    facts = certificates.facts(certificate)
    assert facts["serial"] == text
    assert facts["ari_id"] == f"__79.{der}"


def test_facts_negative_serial_is_supported():
    """RFC 5280 section 4.1.2.2 asks for grace with CAs that give such."""
    text = ca.patched(leaf(serial=0x7FEEDDCCBB), b"\x02\x05\x7f\xee\xdd\xcc\xbb", b"\x02\x05\xff\xee\xdd\xcc\xbb")
    try:
        (certificate,) = certificates.load_all(text, "it")
    except CertificateError:
        return  # so do newer versions of the library
    assert certificates.facts(certificate)["ari_id"].endswith("._-7dzLs")


def test_facts_serial_zero_is_supported():
    text = ca.patched(leaf(serial=1), b"\x02\x01\x02\x02\x01\x01", b"\x02\x01\x02\x02\x01\x00")
    try:
        (certificate,) = certificates.load_all(text, "it")
    except CertificateError:
        return  # so may newer versions of the library
    facts = certificates.facts(certificate)
    assert facts["serial"] == "00"
    assert facts["ari_id"].endswith(".AA")


def test_ari_id_example_of_rfc_9773():
    """RFC 9773 section 4.1: key identifier 69:88:5B:..., serial 00:87:65:43:21."""
    key_identifier = bytes.fromhex("69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
    aki = x509.AuthorityKeyIdentifier(key_identifier, None, None)
    certificate = leaf(serial=0x87654321, aki=aki)
    assert certificates.ari_id(certificate) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.mark.parametrize(
    "aki",
    [
        False,
        x509.AuthorityKeyIdentifier(None, [x509.DirectoryName(ca.subject("x"))], 5),
        x509.AuthorityKeyIdentifier(b"", None, None),
    ],
    ids=["none", "by name", "empty"],
)
def test_ari_id_without_authority_key_identifier_is_none(aki):
    assert certificates.ari_id(leaf(aki=aki)) is None
    assert certificates.facts(leaf(aki=aki))["ari_id"] is None


def doubled(oid, extra=b"\x63"):
    """Return a certificate with two extensions whose OID ends in *oid*: another OID before it is patched."""
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.99"), b"\x30\x00")
    text = ca.patched(leaf(extensions=[(unknown, False)]), b"\x06\x03\x55\x1d" + extra, b"\x06\x03\x55\x1d" + oid)
    (certificate,) = certificates.load_all(text, "it")
    return certificate


@pytest.mark.parametrize("oid", [b"\x23", b"\x11"], ids=["authorityKeyIdentifier", "subjectAltName"])
def test_extension_given_twice_is_none(oid):
    certificate = doubled(oid)
    assert certificates.ari_id(certificate) is None
    with pytest.raises(CertificateError, match="is for no names"):
        checked(certificate)


def test_facts_of_certificate():
    certificate = leaf(not_before=NOW, not_after=NOW + ca.DAY, serial=0xABC)
    facts = certificates.facts(certificate)
    assert facts.pop("ari_id")
    assert facts == {
        "serial": "0abc",
        "issuer": r"CN=Test CA\, Inc.",
        "not_before": "2026-11-23T12:00:00Z",
        "not_after": "2026-11-24T12:00:00Z",
    }


def test_validity_of_every_library_release_is_aware():
    class Old:
        """A certificate of cryptography before 42."""

        not_valid_before = NOW.replace(tzinfo=None)
        not_valid_after = (NOW + ca.DAY).replace(tzinfo=None)

    expected = certificates.Validity(NOW, NOW + ca.DAY)
    assert certificates.validity(Old()) == expected
    assert certificates.validity(leaf(not_before=NOW, not_after=NOW + ca.DAY)) == expected


def test_utc_converts_time_zone():
    zone = timezone(timedelta(hours=2))
    assert utc(NOW.astimezone(zone)) == "2026-11-23T12:00:00Z"


def test_tiny_ca_pem_equals_library_pem():
    assert CA.certificate.public_bytes(serialization.Encoding.PEM).decode() == ca.pem(CA.certificate)
