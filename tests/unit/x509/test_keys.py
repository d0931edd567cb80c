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
def test_generate_pem_load_round_trip(key_type, kind, bits):
    key = keys.generate(key_type)
    assert isinstance(key, kind)
    assert key.key_size == bits
    text = keys.pem(key)
    assert text.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    read = keys.load(text, PATH)
    assert keys.public_der(read.public_key()) == keys.public_der(key.public_key())
    if kind is rsa.RSAPrivateKey:
        assert key.public_key().public_numbers().e == 65537


def test_generate_rsa4096_asks_for_4096_bits(monkeypatch):
    """Not made here: it takes seconds."""
    asked = {}
    monkeypatch.setattr(keys.rsa, "generate_private_key", lambda **options: asked.update(options))
    keys.generate("rsa4096")
    assert asked == {"public_exponent": 65537, "key_size": 4096}
    assert set(CERTIFICATE_KEY_TYPES) == {"ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"}


def test_generate_gives_new_keys():
    assert keys.pem(keys.generate("ec256")) != keys.pem(keys.generate("ec256"))


def test_public_der_identifies_keys():
    one, other = ca.ec_key(), ca.ec_key()
    assert keys.public_der(one.public_key()) == keys.public_der(one.public_key())
    assert keys.public_der(one.public_key()) != keys.public_der(other.public_key())


def other_curve():
    """Return a key on a curve that the library does not know."""
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
def test_load_unusable_key_names_its_path(data):
    with pytest.raises(KeyFileError) as error:
        keys.load(data, PATH)
    assert str(error.value) == f"cannot read {PATH}: it is not an unencrypted private key in PEM form"


@pytest.mark.parametrize("kind", ["ed25519", "dsa"])
def test_load_unsupported_key_type_is_refused(kind):
    data = ca.key_of(kind).private_bytes(PEM, PKCS8, serialization.NoEncryption())
    with pytest.raises(KeyFileError, match="certificates are not issued for a private key of this type"):
        keys.load(data, PATH)
