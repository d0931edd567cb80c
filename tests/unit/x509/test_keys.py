# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys: made, written, read again."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.certfleet.tls.plugins.module_utils._common.names import CERTIFICATE_KEY_TYPES
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import keys
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import KeyFileError
from tests.unit.host import ca

PATH = "/etc/acme/versions/shop/0001/privkey.pem"
PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
CURVE = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"


@pytest.mark.parametrize(
    ("key_type", "kind", "bits"),
    [
        ("ec256", ec.EllipticCurvePrivateKey, 256),
        ("ec384", ec.EllipticCurvePrivateKey, 384),
        ("rsa2048", rsa.RSAPrivateKey, 2048),
        ("rsa3072", rsa.RSAPrivateKey, 3072),
    ],
)
def test_each_key_type_is_made_written_and_read(key_type, kind, bits):
    key = keys.generate(key_type)
    assert isinstance(key, kind)
    assert key.key_size == bits
    text = keys.pem(key)
    assert text.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    read = keys.load(text, PATH)
    assert keys.public_der(read.public_key()) == keys.public_der(key.public_key())
    if kind is rsa.RSAPrivateKey:
        assert key.public_key().public_numbers().e == 65537


def test_the_largest_key_type_is_asked_for_by_its_bits(monkeypatch):
    """Not made here: it takes seconds."""
    asked = {}
    monkeypatch.setattr(keys.rsa, "generate_private_key", lambda **options: asked.update(options))
    keys.generate("rsa4096")
    assert asked == {"public_exponent": 65537, "key_size": 4096}
    assert set(CERTIFICATE_KEY_TYPES) == {"ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"}


def test_no_key_is_made_twice():
    assert keys.pem(keys.generate("ec256")) != keys.pem(keys.generate("ec256"))


def test_keys_are_compared_by_their_public_parts():
    one, other = ca.ec_key(), ca.ec_key()
    assert keys.public_der(one.public_key()) == keys.public_der(one.public_key())
    assert keys.public_der(one.public_key()) != keys.public_der(other.public_key())


def other_curve():
    """A key on a curve that the library does not know."""
    der = ca.ec_key().private_bytes(serialization.Encoding.DER, PKCS8, serialization.NoEncryption())
    assert CURVE in der
    return ca.der_pem(der.replace(CURVE, CURVE[:-1] + b"\x63")).replace("CERTIFICATE", "PRIVATE KEY").encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 300,
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        keys.pem(ca.ec_key())[:-60],
        ca.pem(ca.Authority.root().certificate).encode(),
        ca.ec_key().private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x")),
        other_curve(),
    ],
    ids=["empty", "zeros", "text", "short", "cut", "certificate", "encrypted", "unknown curve"],
)
def test_what_is_no_usable_key_is_told_by_its_path(data):
    with pytest.raises(KeyFileError) as told:
        keys.load(data, PATH)
    assert str(told.value) == f"{PATH} holds no private key that could be read"


@pytest.mark.parametrize("kind", ["ed25519", "dsa"])
def test_a_key_that_no_certificate_is_issued_for(kind):
    data = ca.key_of(kind).private_bytes(PEM, PKCS8, serialization.NoEncryption())
    with pytest.raises(KeyFileError, match="of a kind that certificates are not issued for"):
        keys.load(data, PATH)
