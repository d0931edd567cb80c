# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PKCS #12 files of our own: what the library, OpenSSL and Java find in them."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ansible_collections.certfleet.tls.plugins.module_utils._host.store import format_encodings, pkcs12_encoder
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.pkcs12_encoder import Protection
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted import formats
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.formats import LEGACY, MODERN
from tests.unit.host import ca

ROOT = ca.Authority.root()
UPPER = ROOT.intermediate("Upper")
LOWER = UPPER.intermediate("Lower")
CHAIN = (LOWER.certificate, UPPER.certificate)
PASSPHRASE = "sesame"


def made(kind="ec256", passphrase=PASSPHRASE, name="shop", encryption=MODERN, chain=CHAIN):
    """Return the file, its key and its certificate."""
    key = ca.key_of(kind)
    leaf = LOWER.leaf(key.public_key(), ["shop.example"])
    return pkcs12_encoder.encode(key, leaf, chain, name, Protection(passphrase, encryption, 2000)), key, leaf


@pytest.fixture(params=[MODERN, LEGACY])
def encryption(request):
    return request.param


@pytest.mark.parametrize(
    ("kind", "passphrase", "name", "chain"),
    [
        ("ec256", PASSPHRASE, "shop", CHAIN),
        ("rsa", PASSPHRASE, "shop", CHAIN[:1]),
        ("ec384", "x", "", ()),
        ("ec256", "pä55wörd ✓", "Geschäft ☂", CHAIN),
        ("ec256", "long" * 50, "shop" * 100, CHAIN * 20),
    ],
)
def test_encode_is_read_by_the_library(encryption, kind, passphrase, name, chain):
    data, key, leaf = made(kind, passphrase, name, encryption, chain)
    found, certificate, others = pkcs12.load_key_and_certificates(data, passphrase.encode())
    assert found.private_numbers() == key.private_numbers()
    assert certificate == leaf
    # cryptography before 36 gives them backwards
    assert sorted(map(ca.pem, others)) == sorted(map(ca.pem, chain))
    if hasattr(pkcs12, "load_pkcs12"):
        assert pkcs12.load_pkcs12(data, passphrase.encode()).cert.friendly_name == name.encode()


@pytest.mark.parametrize("number", range(4))
def test_encode_wrong_passphrase_is_refused(encryption, number):
    """The passphrase protects all: who does not have it cannot even verify the file."""
    data, _key, _leaf = made(encryption=encryption)
    with pytest.raises(ValueError, match=r"(?i)password|pkcs"):
        pkcs12.load_key_and_certificates(data, f"wrong{number}".encode())


def test_encode_twice_differs(encryption):
    """Salts are random."""
    key = ca.ec_key()
    leaf = LOWER.leaf(key.public_key(), ["shop.example"])
    assert (
        len(
            {
                pkcs12_encoder.encode(key, leaf, CHAIN, "shop", Protection(PASSPHRASE, encryption, 2000))
                for _unused in range(3)
            }
        )
        == 3
    )


def openssl(path, *arguments, passphrase=PASSPHRASE):
    command = ["openssl", "pkcs12", "-in", str(path), "-passin", f"pass:{passphrase}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def certificates(text):
    """Return the certificates in the output of OpenSSL."""
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.DOTALL)


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_encode_openssl_finds_the_certificate_of_the_key(tmp_path, encryption):
    data, key, leaf = made(encryption=encryption)
    (tmp_path / "shop.p12").write_bytes(data)
    assert certificates(openssl(tmp_path / "shop.p12", "-clcerts", "-nokeys")) == [ca.pem(leaf)]
    assert certificates(openssl(tmp_path / "shop.p12", "-cacerts", "-nokeys")) == [ca.pem(one) for one in CHAIN]
    text = openssl(tmp_path / "shop.p12", "-nocerts", "-nodes")
    loaded = serialization.load_pem_private_key(text[text.index("-----BEGIN") :].encode(), None)
    assert loaded.private_numbers() == key.private_numbers()
    assert len(set(re.findall("localKeyID: (.*)", openssl(tmp_path / "shop.p12", "-nodes")))) == 1


def keytool(path, encryption=MODERN):
    command = ["keytool", "-J-Duser.language=en", "-list", "-v", "-storetype", "PKCS12", "-keystore", str(path)]
    return subprocess.run(
        [*command, "-storepass", PASSPHRASE], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ).stdout


@pytest.mark.skipif(not shutil.which("keytool"), reason="no Java")
def test_encode_java_joins_key_and_chain(tmp_path, encryption):
    data, _key, _leaf = made(encryption=encryption)
    (tmp_path / "shop.p12").write_bytes(data)
    said = keytool(tmp_path / "shop.p12")
    assert "Alias name: shop\n" in said
    assert "Entry type: PrivateKeyEntry\n" in said
    assert "Certificate chain length: 3\n" in said


def der(data):
    """Return the fields of a DER SEQUENCE, each with its tag and body."""
    fields = []
    while data:
        length, head = data[1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(data[2:head], "big")
        fields.append((data[0], data[head : head + length]))
        data = data[head + length :]
    return fields


def test_encodings_mac_has_the_iterations_of_the_key_derivation(encryption):
    """Whatever cryptography is there: a passphrase is tried against what is the cheapest."""
    key = ca.ec_key()
    leaf = LOWER.leaf(key.public_key(), ["shop.example"])
    item = formats.Format(formats.PKCS12, "/srv/shop.p12", None, encryption, PASSPHRASE, "shop")
    data = format_encodings.encode(item, key, leaf, CHAIN, ca.NOW)
    assert pkcs12.load_key_and_certificates(data, PASSPHRASE.encode())[1] == leaf
    (_tag, pfx_fields) = der(data)[0]
    # RFC 7292 section 4: version, authSafe, macData; that one is of the digest, the salt and the iterations.
    mac, salt, iterations = der(der(pfx_fields)[2][1])
    assert iterations == (0x02, (20000).to_bytes(2, "big"))
    assert len(salt[1]) >= 16
    assert len(der(mac[1])[1][1]) == (20 if encryption == LEGACY else 32)


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_encodings_openssl_shows_one_number_of_iterations(tmp_path, encryption):
    key = ca.ec_key()
    leaf = LOWER.leaf(key.public_key(), ["shop.example"])
    item = formats.Format(formats.PKCS12, "/srv/shop.p12", None, encryption, PASSPHRASE, "shop")
    (tmp_path / "shop.p12").write_bytes(format_encodings.encode(item, key, leaf, CHAIN, ca.NOW))
    command = ["openssl", "pkcs12", "-in", str(tmp_path / "shop.p12"), "-info", "-noout"]
    said = subprocess.run(
        [*command, "-passin", f"pass:{PASSPHRASE}"], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout.decode()
    # The MAC, the bag of certificates, the bag with the key
    assert re.findall(r"Iteration (\d+)", said) == ["20000"] * 3
