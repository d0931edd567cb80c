# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Account keys and their signatures (RFC 8555 section 6.2)."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from josepy.jwk import JWKEC, JWKRSA

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AccountKeyError, AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey, external_account_binding
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import ACCOUNT_KEY_TYPES
from tests.unit.acme import jose

ALGORITHMS = {
    "ec256": "ES256",
    "ec384": "ES384",
    "ec521": "ES512",
    "rsa2048": "RS256",
    "rsa3072": "RS256",
    "rsa4096": "RS256",
    "ed25519": "EdDSA",
}


def pem(key, passphrase=None):
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def weak_rsa():
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to see it refused


@pytest.fixture(params=ACCOUNT_KEY_TYPES)
def made(request, key_of):
    return request.param, key_of(request.param)


def test_algorithms_one_for_every_key_type():
    assert set(ACCOUNT_KEY_TYPES) == set(ALGORITHMS)


def test_sign_signature_is_valid(made):
    key_type, key = made
    outer = json.loads(key.sign("https://ca/new-order", b'{"a": 1}', "nonce", "https://ca/account/1"))
    assert json.loads(jose.decode(outer["protected"])) == {
        "alg": ALGORITHMS[key_type],
        "url": "https://ca/new-order",
        "nonce": "nonce",
        "kid": "https://ca/account/1",
    }
    assert jose.decode(outer["payload"]) == b'{"a": 1}'
    message = f"{outer['protected']}.{outer['payload']}"
    assert jose.verify(key.public_jwk, ALGORITHMS[key_type], message, outer["signature"])
    assert not jose.verify(key.public_jwk, ALGORITHMS[key_type], message + "x", outer["signature"])


def test_sign_without_account_has_jwk(made):
    key_type, key = made
    protected = json.loads(jose.decode(json.loads(key.sign("https://ca/", b"", "nonce", None))["protected"]))
    assert "kid" not in protected
    assert protected["jwk"] == key.public_jwk
    if key_type.startswith("rsa"):
        assert jose.number(protected["jwk"]["n"]).bit_length() == int(key_type.removeprefix("rsa"))


def test_sign_post_as_get_has_empty_payload(key):
    assert json.loads(key.sign("https://ca/", b"", "nonce", "kid"))["payload"] == ""


def test_sign_elliptic_curve_signature_keeps_leading_zeros(key):
    # One in 128 has a half that begins with a zero byte.
    for number in range(600):
        outer = json.loads(key.sign("https://ca/", b"", str(number), "kid"))
        assert len(jose.decode(outer["signature"])) == 64


@pytest.mark.parametrize(
    ("jwk", "thumbprint"),
    [
        # RFC 8037 appendix A.3
        (
            {"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
    ],
)
def test_thumbprint_example_of_rfc(jwk, thumbprint):
    key = AccountKey(ed25519.Ed25519PrivateKey.from_private_bytes(jose.decode(jwk["d"])))
    assert key.thumbprint == thumbprint


def test_thumbprint_has_required_members_only(made):
    _unused, key = made
    # RFC 7638 section 3.2
    required = {"EC": ["crv", "kty", "x", "y"], "RSA": ["e", "kty", "n"], "OKP": ["crv", "kty", "x"]}
    assert sorted(key.public_jwk) == required[key.public_jwk["kty"]]


def test_load_reads_what_pem_wrote(made):
    _unused, key = made
    assert AccountKey.load(key.pem(), None, "it").thumbprint == key.thumbprint
    locked = key.pem("secret")
    assert b"ENCRYPTED" in locked
    assert AccountKey.load(locked, "secret", "it").thumbprint == key.thumbprint


def test_load_unneeded_passphrase_is_ignored(key):
    assert AccountKey.load(key.pem(), "not needed", "it").thumbprint == key.thumbprint


def test_load_traditional_pem_is_read():
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)):
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        assert AccountKey.load(text, None, "it").key.private_numbers() == key.private_numbers()


def jwk_of(key):
    """Return the JWK of a key, as certbot has it for RSA (RFC 7518 section 6, RFC 8037 section 2)."""
    private = key.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if isinstance(key.key, ed25519.Ed25519PrivateKey):
        formats = serialization.Encoding.Raw, serialization.PrivateFormat.Raw
        raw = key.key.private_bytes(*formats, serialization.NoEncryption())
        return json.dumps({**key.public_jwk, "d": jose.encode(raw)})
    kind = JWKRSA if isinstance(key.key, rsa.RSAPrivateKey) else JWKEC
    return kind.load(private).json_dumps()


def der_of(key, passphrase=None):
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, encryption)


ENCODINGS = {
    "JWK": lambda key: jwk_of(key).encode(),
    "JWK that was a mapping": lambda key: str(json.loads(jwk_of(key))).encode(),
    "DER": der_of,
    "DER in base64": lambda key: base64.b64encode(der_of(key)),
    "PEM with literal line ends": lambda key: key.pem().replace(b"\n", rb"\n"),
    "PEM with CR and LF": lambda key: key.pem().replace(b"\n", b"\r\n"),
    "PEM with indentation": lambda key: b"".join(b"    " + line for line in key.pem().splitlines(keepends=True)),
    "PEM on one line": lambda key: key.pem().replace(b"\n", b" "),
}


@pytest.mark.parametrize("key_type", ["ec256", "ec521", "rsa2048", "ed25519"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_load_reads_encoding(key_of, encoding, key_type):
    key = key_of(key_type)
    data = ENCODINGS[encoding](key)
    for passphrase in (None, "not needed"):
        assert AccountKey.load(data, passphrase, "it").thumbprint == key.thumbprint


def test_load_jwk_of_certbot_without_primes(key_of):
    """RFC 7518 section 6.3.2: all but d may be left out."""
    key = key_of("rsa2048")
    jwk = json.loads(jwk_of(key))
    short = json.dumps({name: jwk[name] for name in ("kty", "n", "e", "d")})
    assert AccountKey.load(short.encode(), None, "it").thumbprint == key.thumbprint


def test_load_encrypted_der_needs_its_passphrase(key):
    data = der_of(key, b"secret")
    assert AccountKey.load(data, "secret", "it").thumbprint == key.thumbprint
    with pytest.raises(AccountKeyError, match=r"^it cannot be decrypted with the passphrase given$"):
        AccountKey.load(data, "wrong", "it")
    with pytest.raises(AccountKeyError, match=r"^it is encrypted and no passphrase is given"):
        AccountKey.load(data, None, "it")


@pytest.mark.parametrize(
    ("text", "passphrase", "message"),
    [
        (lambda: b"", None, "account.pem is not a private key in PEM, DER or JWK form"),
        (lambda: b"hello", None, "account.pem is not a private key in PEM, DER or JWK form"),
        (lambda: b"\xff\x00\xfe", "x", "account.pem is not a private key in PEM, DER or JWK form"),
        (
            lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            None,
            "account.pem is not a private key in PEM, DER or JWK form",
        ),
        (
            lambda: (
                ec.generate_private_key(ec.SECP256R1())
                .public_key()
                .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            ),
            None,
            "account.pem is not a private key in PEM, DER or JWK form",
        ),
        (
            lambda: pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
            None,
            "account.pem is encrypted and no passphrase is given: set account_key_passphrase",
        ),
        (
            lambda: pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
            "",
            "account.pem is encrypted and no passphrase is given: set account_key_passphrase",
        ),
        (
            lambda: pem(ec.generate_private_key(ec.SECP256R1()), b"secret"),
            "wrong",
            "account.pem cannot be decrypted with the passphrase given",
        ),
        (
            lambda: b'{"kty": "RSA", "n": "AQAB", "e": "AQAB"}',
            None,
            "account.pem is not a private key in PEM, DER or JWK form",
        ),
        (
            lambda: b'{"kty": "oct", "k": "AQAB"}',
            None,
            "account.pem is not a private key in PEM, DER or JWK form",
        ),
        (
            lambda: b'{"kty": "EC", "crv": "P-256", "x": 5, "y": [], "d": "AQAB"}',
            None,
            "account.pem is not a private key in PEM, DER or JWK form",
        ),
        (
            lambda: b"$ANSIBLE_VAULT;1.1;AES256\n3262",
            "x",
            "account.pem is encrypted by ansible-vault: give the decrypted key in account_key_content, such as by "
            "lookup('ansible.builtin.unvault', PATH)",
        ),
        (
            lambda: pem(weak_rsa()),
            None,
            "account.pem is an RSA key of 1024 bits, which is weak: CAs require 2048 or more",
        ),
        (
            lambda: pem(ec.generate_private_key(ec.SECP256K1())),
            None,
            "account.pem has the curve secp256k1; CAs accept P-256, P-384 and P-521",
        ),
        (
            lambda: pem(ed448.Ed448PrivateKey.generate()),
            None,
            "account.pem has a type that ACME does not support: use an EC, RSA or Ed25519 key",
        ),
        (
            lambda: pem(dsa.generate_private_key(1024)),  # noqa: S505 - to see it refused
            None,
            "account.pem has a type that ACME does not support: use an EC, RSA or Ed25519 key",
        ),
    ],
    ids=[
        "empty",
        "text",
        "bytes",
        "broken",
        "public",
        "no passphrase",
        "empty passphrase",
        "wrong passphrase",
        "public JWK",
        "secret JWK",
        "broken JWK",
        "vault",
        "weak",
        "curve",
        "ed448",
        "dsa",
    ],
)
def test_load_unusable_key_raises(text, passphrase, message):
    with pytest.raises(AccountKeyError) as error:
        AccountKey.load(text(), passphrase, "account.pem")
    assert str(error.value) == message


def test_load_encrypted_key_message_names_passphrase_option(key):
    with pytest.raises(
        AccountKeyError, match=r"^it is encrypted and no passphrase is given: set private_key_passphrase$"
    ):
        AccountKey.load(key.pem("secret"), None, "it", "private_key")


def test_external_account_binding_is_signed_with_hmac_key(made):
    # RFC 8555 section 7.3.4
    _unused, key = made
    secret = bytes(range(40))
    binding = external_account_binding(key, "https://ca/new-account", "kid-1", f" {jose.encode(secret)}\n")
    assert set(binding) == {"protected", "payload", "signature"}
    protected = json.loads(jose.decode(binding["protected"]))
    assert protected == {"alg": "HS256", "kid": "kid-1", "url": "https://ca/new-account"}
    assert json.loads(jose.decode(binding["payload"])) == key.public_jwk
    mac = HMAC(secret, SHA256())
    mac.update(f"{binding['protected']}.{binding['payload']}".encode())
    mac.verify(jose.decode(binding["signature"]))
    other = HMAC(b"another secret", SHA256())
    other.update(f"{binding['protected']}.{binding['payload']}".encode())
    with pytest.raises(InvalidSignature):
        other.verify(jose.decode(binding["signature"]))


@pytest.mark.parametrize("secret", ["", " ", "a", "abc-def/", "not base64!", "é"])
def test_external_account_binding_key_not_base64_raises(key, secret):
    with pytest.raises(AcmeOptionError, match="the external account's key is neither base64url nor base64 text"):
        external_account_binding(key, "https://ca/new-account", "kid", secret)
