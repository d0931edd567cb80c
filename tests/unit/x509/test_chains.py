# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains, verified with the library of today and as on hosts with an old one."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates, chains, signatures
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import CertificateError
from tests.unit.host import ca
from tests.unit.host.ca import DAY, NOW

KEY = ca.ec_key().public_key()
ROOT = ca.Authority.root()
MIDDLE = ROOT.intermediate("Middle")
LOWER = MIDDLE.intermediate("Lower")
LEAF = LOWER.leaf(KEY, ["a.example"])


# Two ways to check a signature: the library's own (cryptography 40 and later), and ours for what is older.
WAYS = ["direct", "fallback"] if hasattr(x509.Certificate, "verify_directly_issued_by") else ["fallback"]


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    if request.param == "direct":
        return

    def signed_by(below, issuer):
        class Old:
            """A certificate of cryptography before 40."""

            def __getattr__(self, name):
                if name == "verify_directly_issued_by":
                    raise AttributeError(name)
                return getattr(below, name)

        return real(Old(), issuer)

    real = signatures.signed_by
    monkeypatch.setattr(certificates, "signed_by", signed_by)


def refused(leaf, chain, match, now=NOW):
    with pytest.raises(CertificateError, match=match) as error:
        certificates.verify_chain(leaf, chain, now)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "chain",
    [[], [LOWER], [LOWER, MIDDLE], [LOWER, MIDDLE, ROOT]],
    ids=["none", "one", "two", "with the root"],
)
def test_verify_valid_chain_passes(way, chain):
    certificates.verify_chain(LEAF, [authority.certificate for authority in chain], NOW)


KINDS = ["ec256", "ec384", "rsa", "ed25519"]
# All of one name: only their keys tell them apart.
AUTHORITIES = {kind: ROOT.intermediate("Same", kind) for kind in KINDS}
IMPOSTORS = {kind: ROOT.intermediate("Same", kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hash_algorithm", [hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_verify_every_key_type_passes(way, kind, hash_algorithm):
    leaf = AUTHORITIES[kind].leaf(KEY, ["a.example"], hash_algorithm=hash_algorithm)
    certificates.verify_chain(leaf, [AUTHORITIES[kind].certificate], NOW)


@pytest.mark.skipif(not hasattr(padding.PSS, "DIGEST_LENGTH"), reason="this library does not sign with RSASSA-PSS")
@pytest.mark.parametrize("hash_algorithm", [hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_verify_rsassa_pss(way, hash_algorithm):
    scheme = padding.PSS(padding.MGF1(hash_algorithm()), padding.PSS.DIGEST_LENGTH)
    leaf = AUTHORITIES["rsa"].leaf(KEY, ["a.example"], hash_algorithm=hash_algorithm, rsa_padding=scheme)
    certificates.verify_chain(leaf, [AUTHORITIES["rsa"].certificate], NOW)
    refused(
        leaf, [IMPOSTORS["rsa"].certificate], "CN=Same did not sign the certificate with the serial number [0-9a-f]+$"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_verify_signature_of_other_key_is_refused(way, kind, other):
    leaf = AUTHORITIES[kind].leaf(KEY, ["a.example"])
    refused(
        leaf, [IMPOSTORS[other].certificate], "CN=Same did not sign the certificate with the serial number [0-9a-f]+$"
    )


def test_verify_dsa_issuer_is_refused(way):
    authority = ROOT.intermediate("Lower", "dsa")
    refused(LEAF, [authority.certificate], "CN=Lower did not sign the certificate")


def test_verify_changed_certificate_is_refused(way):
    text = ca.patched(LEAF, b"a.example", b"b.example")
    changed = x509.load_pem_x509_certificate(text.encode())
    refused(changed, [LOWER.certificate], "CN=Lower did not sign the certificate")


@pytest.mark.parametrize(
    ("chain", "match"),
    [
        ([MIDDLE, LOWER], "CN=Middle stands where the issuer CN=Lower is expected"),
        ([MIDDLE], "CN=Middle stands where the issuer CN=Lower is expected"),
        ([ROOT], "CN=Root stands where the issuer CN=Lower is expected"),
        ([LOWER, ROOT], "CN=Root stands where the issuer CN=Middle is expected"),
        ([LOWER, LOWER], "CN=Lower stands where the issuer CN=Middle is expected"),
        ([LOWER, MIDDLE, ROOT, MIDDLE], "CN=Middle stands where the issuer CN=Root is expected"),
    ],
)
def test_verify_wrong_order_is_refused(way, chain, match):
    refused(LEAF, [authority.certificate for authority in chain], "the CA's chain is invalid: " + match)


# Other certificates of issuers of the leaf: by another root, and that of a root itself.
SECOND_ROOT = ca.Authority.root("Second Root")
CROSS = SECOND_ROOT.intermediate("Root", key=ROOT.key)
SIBLING = ROOT.intermediate("Sibling")
BELOW_SIBLING = SIBLING.intermediate("Below sibling")
OTHER_LEAF = SECOND_ROOT.leaf(ca.ec_key().public_key(), ["b.example"])
UNRELATED = ca.Authority.root("Unrelated").intermediate("Unrelated CA")


@pytest.mark.parametrize(
    ("delivered", "sorted_"),
    [
        ([], []),
        ([LOWER], [LOWER]),
        ([LOWER, MIDDLE, ROOT], [LOWER, MIDDLE, ROOT]),
        ([MIDDLE, LOWER], [LOWER, MIDDLE]),
        ([ROOT, LOWER, MIDDLE], [LOWER, MIDDLE, ROOT]),
        ([LOWER, LOWER, MIDDLE, LOWER], [LOWER, MIDDLE]),
        ([LEAF, LOWER], [LOWER]),
        ([LOWER, MIDDLE, LEAF], [LOWER, MIDDLE]),
        ([LOWER, OTHER_LEAF], [LOWER]),
        ([LOWER, MIDDLE, SIBLING, BELOW_SIBLING], [LOWER, MIDDLE]),
        ([LOWER, MIDDLE, CROSS, ROOT], [LOWER, MIDDLE, CROSS]),
        ([LOWER, MIDDLE, ROOT, CROSS], [LOWER, MIDDLE, ROOT]),
        ([SECOND_ROOT, LOWER, MIDDLE, CROSS], [LOWER, MIDDLE, CROSS, SECOND_ROOT]),
        ([LOWER, MIDDLE, ROOT, UNRELATED], [LOWER, MIDDLE, ROOT]),
    ],
    ids=[
        "none",
        "one",
        "with the root",
        "reversed",
        "root first",
        "doubled",
        "with the leaf",
        "leaf last",
        "another leaf",
        "CAs beside it",
        "cross-signed first",
        "root before cross-signed",
        "cross-signed out of order",
        "unrelated CA above a root",
    ],
)
@pytest.mark.parametrize("leaf_at", [0, 1, -1], ids=["leaf first", "leaf second", "leaf near the end"])
def test_issuers_of_sorts_what_the_ca_delivered(delivered, sorted_, leaf_at):
    given, expected = ([getattr(item, "certificate", item) for item in items] for items in (delivered, sorted_))
    assert chains.issuers_of(LEAF, given) == expected
    if OTHER_LEAF not in given:
        given.insert(leaf_at, LEAF)
        assert chains.leaf_of(given) == LEAF
    certificates.verify_chain(LEAF, expected, NOW)


@pytest.mark.parametrize(
    ("chain", "text"),
    [
        ([MIDDLE], "has a gap: it has CN=Middle, but not the issuer of {leaf}, CN=Lower"),
        ([ROOT, MIDDLE], "has a gap: it has CN=Root, but not the issuer of {leaf}, CN=Lower"),
        ([ROOT, LOWER], "has a gap: it has CN=Root, but not the issuer of CN=Lower, CN=Middle"),
        ([LOWER, UNRELATED], "has a gap: it has CN=Unrelated CA, but not the issuer of CN=Lower, CN=Middle"),
        ([LOWER, ROOT.intermediate("Middle")], "is invalid: CN=Middle did not sign CN=Lower"),
        ([ROOT.intermediate("Lower")], "is invalid: CN=Lower did not sign {leaf}"),
        (
            [MIDDLE] + [ROOT.intermediate("Many", "ed25519") for _number in range(50)],
            "has 51 certificates, more than 50",
        ),
    ],
    ids=[
        "no issuer",
        "none of several",
        "root without what is between",
        "unrelated",
        "false CA",
        "false issuer",
        "many",
    ],
)
def test_issuers_of_what_cannot_be_sorted_is_refused(chain, text):
    with pytest.raises(CertificateError) as error:
        chains.issuers_of(LEAF, [authority.certificate for authority in chain])
    leaf = f"the certificate with the serial number {certificates.serial(LEAF)}"
    assert str(error.value) == f"the CA's chain {text.format(leaf=leaf)}"


def test_issuers_of_issuer_without_a_name_leaves_no_hole_in_the_message():
    nameless = ca.Authority.root("")
    leaf = nameless.leaf(KEY, ["a.example"])
    with pytest.raises(CertificateError, match=r"but not the issuer of the certificate with .*, which has no name$"):
        chains.issuers_of(leaf, [ROOT.certificate])


def test_leaf_of_certificates_without_extensions_is_the_one_that_issued_none():
    """As of version 1: nothing says which of them is a CA."""
    root = ca.Authority.root("Old", extensions=[])
    leaf = root.sign(KEY, "a.example")
    assert chains.leaf_of([root.certificate, leaf]) == leaf
    assert chains.leaf_of([ROOT.certificate]) == ROOT.certificate


def test_verify_leaf_in_chain_is_refused(way):
    refused(LEAF, [LEAF, LOWER.certificate], "stands where the issuer CN=Lower is expected")


def test_verify_bad_signature_higher_up_is_refused(way):
    false_middle = ROOT.intermediate("Middle")
    refused(LEAF, [LOWER.certificate, false_middle.certificate], "CN=Middle did not sign CN=Lower")


@pytest.mark.parametrize(
    "extensions",
    [[], [(x509.BasicConstraints(ca=False, path_length=None), True)]],
    ids=["without basicConstraints", "cA false"],
)
def test_verify_issuer_without_ca_flag_is_refused(way, extensions):
    authority = ROOT.intermediate("Server", extensions=extensions)
    leaf = authority.leaf(KEY, ["a.example"])
    refused(leaf, [authority.certificate], "CN=Server is not a CA certificate")


def basic(path_length=None):
    return (x509.BasicConstraints(ca=True, path_length=path_length), True)


@pytest.mark.parametrize(
    ("extensions", "match"),
    [
        ([basic(), (ca.key_usage(), True)], None),
        ([basic(), (ca.key_usage(key_cert_sign=False), True)], "CN=Upper is not a CA certificate"),
    ],
    ids=["keyCertSign", "keyUsage without it"],
)
def test_verify_key_usage_of_issuer(way, extensions, match):
    upper = ROOT.intermediate("Upper", extensions=extensions)
    chain, leaf = [upper.certificate, ROOT.certificate], upper.leaf(KEY, ["a.example"])
    if match:
        refused(leaf, chain, match)
    else:
        certificates.verify_chain(leaf, chain, NOW)


@pytest.mark.parametrize(
    ("length", "below", "holds"),
    [
        (0, [], True),  # the leaf is not counted
        (0, ["Middle"], False),
        (1, ["Middle"], True),
        (1, ["Middle", "Lower"], False),
        (2, ["Middle", "Lower"], True),
        (0, ["Upper"], True),  # nor is what is self-issued
        (0, ["Upper", "Lower"], False),
    ],
)
def test_verify_path_length(way, length, below, holds):
    authorities = [ROOT.intermediate("Upper", extensions=[basic(length)])]
    for name in below:
        authorities.append(authorities[-1].intermediate(name))
    leaf = authorities[-1].leaf(KEY, ["a.example"])
    chain = [authority.certificate for authority in reversed(authorities)]
    if holds:
        certificates.verify_chain(leaf, chain, NOW)
    else:
        refused(leaf, chain, f"CN=Upper allows {length} CAs below it, and there are {length + 1}")


def test_verify_issuer_with_contradicting_extensions_is_refused(way):
    basic = x509.BasicConstraints(ca=True, path_length=None)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x30\x00")
    authority = ROOT.intermediate("Twice", extensions=[(basic, True), (unknown, False)])
    text = ca.patched(authority.certificate, b"\x06\x03\x55\x1d\x63", b"\x06\x03\x55\x1d\x13")
    issuer = x509.load_pem_x509_certificate(text.encode())
    refused(authority.leaf(KEY, ["a.example"]), [issuer], "CN=Twice is not a CA certificate")


@pytest.mark.parametrize(
    ("not_before", "not_after", "match"),
    [
        (NOW - 9 * DAY, NOW, "CN=Timed in the CA's chain expired at 2026-11-23T12:00:00Z"),
        (NOW + DAY, NOW + 9 * DAY, "CN=Timed in the CA's chain is not valid before 2026-11-24T12:00:00Z"),
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_verify_issuer_not_valid_now_is_refused(way, not_before, not_after, match, above):
    timed = ROOT.intermediate("Timed", not_before=not_before, not_after=not_after)
    if above:
        lower = timed.intermediate("Below")
        refused(lower.leaf(KEY, ["a.example"]), [lower.certificate, timed.certificate], match)
    else:
        refused(timed.leaf(KEY, ["a.example"]), [timed.certificate], match)
