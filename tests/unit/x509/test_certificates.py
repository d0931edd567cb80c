# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the CA delivered: read, checked, and told of."""

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
def test_load_all(text, serials):
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
def test_what_is_damaged_is_refused_whole(text, what):
    with pytest.raises(CertificateError) as told:
        certificates.load_all(text, "the chain")
    assert str(told.value) == f"cannot read the chain: it {what}"


def test_a_hostile_text_takes_no_time_to_refuse():
    """No backtracking without end: a million bytes that nearly match."""
    with pytest.raises(CertificateError):
        certificates.load_all("-----BEGIN CERTIFICATE-----\n" + "A" * 1_000_000 + "!", "the chain")


def test_pem_has_nothing_of_what_was_around():
    (certificate,) = certificates.load_all("before\n" + ONE.replace("\n", "\r\n") + "after", "it")
    assert certificates.pem(certificate) == ONE.encode()


# --- checking


def checked(certificate, key=KEY, names=("a.example", "b.example"), now=NOW):
    return certificates.verify(certificate, key, names, now)


def test_a_good_certificate():
    assert checked(leaf()) == ""
    assert checked(leaf(["B.example", "a.EXAMPLE"])) == "", "DNS names know no case"
    assert checked(leaf(["b.example", "a.example", "a.example"])) == ""
    assert checked(leaf(["*.a.example"]), names=["*.a.example"]) == ""


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa"])
def test_the_key_has_to_be_the_pending_one(kind):
    key, other = ca.key_of(kind), ca.key_of(kind)
    certificate = CA.leaf(key.public_key(), ["a.example"])
    assert checked(certificate, key, ["a.example"]) == ""
    for wrong in (other, ca.key_of("ed25519")):
        with pytest.raises(CertificateError, match="is for another key than the pending one"):
            checked(certificate, wrong, ["a.example"])


def test_a_certificate_with_a_key_that_cannot_be_read_is_not_the_pending_key_s():
    curve = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
    text = ca.patched(leaf(), curve, curve[:-1] + b"\x63")
    (certificate,) = certificates.load_all(text, "it")
    with pytest.raises(CertificateError, match="is for another key than the pending one"):
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
def test_the_names_have_to_be_the_wanted_ones(names, found):
    with pytest.raises(CertificateError) as told:
        checked(leaf(names))
    text = str(told.value)
    assert text.startswith("the certificate from the CA is for ")
    assert text.endswith(" instead of a.example, b.example")
    assert found in text


def test_the_common_name_is_no_name():
    certificate = CA.sign(KEY.public_key(), "a.example")
    with pytest.raises(CertificateError, match="is for no names instead of a"):
        checked(certificate, names=["a.example"])


@pytest.mark.parametrize(
    ("not_before", "not_after", "told"),
    [
        (NOW - ca.DAY, NOW + ca.DAY, ""),
        (NOW, NOW + SECOND, ""),
        (NOW - ca.DAY, NOW, "refused: ended at"),
        (NOW - 2 * ca.DAY, NOW - ca.DAY, "refused: ended at"),
        (NOW + SECOND, NOW + ca.DAY, "warned: begins at"),
        (NOW + certificates.SKEW, NOW + ca.DAY, "warned: begins at"),
        (NOW + certificates.SKEW + SECOND, NOW + ca.DAY, "refused: begins at"),
        (NOW + ca.DAY, NOW + 2 * ca.DAY, "refused: begins at"),
    ],
)
def test_the_time_has_to_be_right_but_for_a_clock_that_is_a_little_wrong(not_before, not_after, told):
    certificate = leaf(not_before=not_before, not_after=not_after)
    if told.startswith("refused"):
        with pytest.raises(CertificateError) as error:
            checked(certificate)
        text = str(error.value)
    else:
        text = checked(certificate)
    assert bool(told) == bool(text)
    if told:
        assert told.split(": ")[1] in text
        assert text.endswith("and this host's clock says 2026-11-23T12:00:00Z: check the clock")


# --- telling


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
def test_serials_are_hex_for_people_and_der_for_the_ca(serial, text, der):
    certificate = leaf(serial=serial, aki=x509.AuthorityKeyIdentifier(b"\xff\xfe\xfd", None, None))
    facts = certificates.facts(certificate)
    assert facts["serial"] == text
    assert facts["ari_id"] == f"__79.{der}"


def test_a_negative_serial_is_told_of_too():
    """RFC 5280 section 4.1.2.2 asks for grace with CAs that give such."""
    text = ca.patched(leaf(serial=0x7FEEDDCCBB), b"\x02\x05\x7f\xee\xdd\xcc\xbb", b"\x02\x05\xff\xee\xdd\xcc\xbb")
    try:
        (certificate,) = certificates.load_all(text, "it")
    except CertificateError:
        return  # so do newer versions of the library
    assert certificates.facts(certificate)["ari_id"].endswith("._-7dzLs")


def test_a_serial_of_zero_is_told_of_too():
    text = ca.patched(leaf(serial=1), b"\x02\x01\x02\x02\x01\x01", b"\x02\x01\x02\x02\x01\x00")
    try:
        (certificate,) = certificates.load_all(text, "it")
    except CertificateError:
        return  # so may newer versions of the library
    facts = certificates.facts(certificate)
    assert facts["serial"] == "00"
    assert facts["ari_id"].endswith(".AA")


def test_ari_id_is_rfc_9773_s_own_example():
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
def test_without_an_authority_key_identifier_there_is_no_ari_id(aki):
    assert certificates.ari_id(leaf(aki=aki)) is None
    assert certificates.facts(leaf(aki=aki))["ari_id"] is None


def doubled(oid, extra=b"\x63"):
    """A certificate with two extensions of the kind whose OID ends in *oid*: of another kind until it is patched."""
    unknown = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.99"), b"\x30\x00")
    text = ca.patched(leaf(extensions=[(unknown, False)]), b"\x06\x03\x55\x1d" + extra, b"\x06\x03\x55\x1d" + oid)
    (certificate,) = certificates.load_all(text, "it")
    return certificate


@pytest.mark.parametrize("oid", [b"\x23", b"\x11"], ids=["authorityKeyIdentifier", "subjectAltName"])
def test_extensions_that_contradict_are_as_none(oid):
    certificate = doubled(oid)
    assert certificates.ari_id(certificate) is None
    with pytest.raises(CertificateError, match="is for no names"):
        checked(certificate)


def test_facts():
    certificate = leaf(not_before=NOW, not_after=NOW + ca.DAY, serial=0xABC)
    facts = certificates.facts(certificate)
    assert facts.pop("ari_id")
    assert facts == {
        "serial": "0abc",
        "issuer": r"CN=Test CA\, Inc.",
        "not_before": "2026-11-23T12:00:00Z",
        "not_after": "2026-11-24T12:00:00Z",
    }


def test_validity_is_aware_with_every_version_of_the_library():
    class Old:
        """A certificate of cryptography before 42."""

        not_valid_before = NOW.replace(tzinfo=None)
        not_valid_after = (NOW + ca.DAY).replace(tzinfo=None)

    expected = certificates.Validity(NOW, NOW + ca.DAY)
    assert certificates.validity(Old()) == expected
    assert certificates.validity(leaf(not_before=NOW, not_after=NOW + ca.DAY)) == expected


def test_utc():
    zone = timezone(timedelta(hours=2))
    assert utc(NOW.astimezone(zone)) == "2026-11-23T12:00:00Z"


def test_the_tiny_ca_makes_what_the_library_reads():
    assert CA.certificate.public_bytes(serialization.Encoding.PEM).decode() == ca.pem(CA.certificate)
