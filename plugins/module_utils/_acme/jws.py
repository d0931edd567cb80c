# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Account keys, and JWS (RFC 8555 section 6.2), JWK and thumbprints made with josepy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Union, cast

from .._common.base64url import decode, encode
from .._x509 import keys
from . import key_encodings
from .errors import AccountKeyError
from .registration import hmac_secret

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from josepy import jwa
    from josepy.jwk import JWKEC, JWKRSA
except ImportError:
    pass  # reported by _common/libraries.py, before anything here is called

if TYPE_CHECKING:
    PrivateKey = Union[ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey]

_SMALLEST_RSA = 2048


class AccountKey:
    """A key pair of an account, or of a certificate that is revoked. It signs, and has a JWK and a thumbprint."""

    def __init__(self, key: PrivateKey) -> None:
        """Raises AccountKeyError for a key that no CA accepts."""
        self.key = key
        self._algorithm, self._sign, self.public_jwk = _signing(key)
        # RFC 7638: the members in lexical order, without blanks. Part of every key authorization.
        canonical = json.dumps(self.public_jwk, sort_keys=True, separators=(",", ":"))
        self.thumbprint = encode(hashlib.sha256(canonical.encode()).digest())
        #: The key that replaces this one once an unfinished key change is finished.
        self.successor: AccountKey | None = None

    @classmethod
    def generate(cls, key_type: str = "ec256") -> AccountKey:
        """Return a new key of one of ACCOUNT_KEY_TYPES."""
        if key_type == "ed25519":
            return cls(ed25519.Ed25519PrivateKey.generate())
        if key_type == "ec521":
            return cls(ec.generate_private_key(ec.SECP521R1()))
        return cls(keys.generate(key_type))

    @classmethod
    def load(cls, data: bytes, passphrase: str | None, where: str, option: str = "account_key") -> AccountKey:
        """Parse a private key in PEM, DER or JWK. Raises AccountKeyError, which names *where* it came from.

        *option*: the beginning of the name of the option for the passphrase.
        """
        if key_encodings.is_vaulted(data):
            raise AccountKeyError(
                f"{where} is encrypted by ansible-vault: give the decrypted key in {option}_content, such as by "
                "lookup('ansible.builtin.unvault', PATH)"
            )
        try:
            key = _load(data, passphrase.encode() if passphrase else None)
        except TypeError:
            raise AccountKeyError(f"{where} is encrypted and no passphrase is given: set {option}_passphrase") from None
        except InvalidPassphrase:
            raise AccountKeyError(f"{where} cannot be decrypted with the passphrase given") from None
        except ValueError:
            raise AccountKeyError(f"{where} is not a private key in PEM, DER or JWK form") from None
        except Exception as error:  # such as UnsupportedAlgorithm; the key's text is in no message
            raise AccountKeyError(f"{where} cannot be used: {type(error).__name__}") from None
        try:
            return cls(cast("PrivateKey", key))
        except AccountKeyError as error:
            raise AccountKeyError(f"{where} {error}") from None

    def pem(self, passphrase: str | None = None) -> bytes:
        """Return the private key as PKCS #8 PEM, encrypted if there is a passphrase."""
        encryption = (
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        )
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

    def sign(self, url: str, payload: bytes, nonce: str | None, kid: str | None) -> bytes:
        """Return a flattened JWS (RFC 8555 section 6.2). *kid*: the account URL; None: the public key is included."""
        protected: dict[str, Any] = {"alg": self._algorithm, "url": url}
        if nonce is not None:
            protected["nonce"] = nonce
        protected.update({"kid": kid} if kid else {"jwk": self.public_jwk})
        return _flattened(protected, payload, self._sign)


class InvalidPassphrase(ValueError):
    """A passphrase that does not decrypt the key."""


def _load(data: bytes, passphrase: bytes | None) -> object:
    """Return the key. Raises TypeError if it is encrypted and there is no passphrase, ValueError if it is no key."""
    jwk = key_encodings.jwk_of(data)
    if jwk:
        return _of_jwk(jwk)
    pem = key_encodings.pem_of(data)
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    encoded = pem or key_encodings.der_of(data)
    try:
        return load(encoded, None)
    except TypeError:
        if not passphrase:
            raise
    try:
        return load(encoded, passphrase)
    except ValueError:
        raise InvalidPassphrase from None


def _of_jwk(jwk: Mapping[str, Any]) -> object:
    """Return the private key in a JWK (RFC 7518 section 6, RFC 8037 section 2). Raises ValueError."""
    try:
        if jwk["kty"] == "OKP" and jwk["crv"] == "Ed25519":  # which josepy does not have
            return ed25519.Ed25519PrivateKey.from_private_bytes(decode(jwk["d"]))
        parsed: Any = {"RSA": JWKRSA, "EC": JWKEC}[jwk["kty"]].from_json(jwk)
        return parsed.key.private_numbers().private_key()
    except Exception as error:  # which errors the libraries raise differs between their releases
        raise ValueError(type(error).__name__) from None


def external_account_binding(key: AccountKey, url: str, kid: str, hmac_key: str) -> dict[str, str]:
    """Return an external account binding (RFC 8555 section 7.3.4). *hmac_key*: its text, see hmac_secret()."""
    secret = hmac_secret(hmac_key)
    payload = json.dumps(key.public_jwk).encode()
    protected = {"alg": "HS256", "kid": kid, "url": url}
    signed = _flattened(protected, payload, lambda message: jwa.HS256.sign(secret, message))
    return cast("dict[str, str]", json.loads(signed))


def _flattened(protected: Mapping[str, Any], payload: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    head, body = encode(json.dumps(protected).encode()), encode(payload)
    signature = encode(sign(f"{head}.{body}".encode("ascii")))
    return json.dumps({"protected": head, "payload": body, "signature": signature}).encode()


def _signing(key: Any) -> tuple[str, Callable[[bytes], bytes], dict[str, Any]]:
    """Return the key's algorithm, its function to sign, and its public JWK."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        curves = {"secp256r1": jwa.ES256, "secp384r1": jwa.ES384, "secp521r1": jwa.ES512}
        if key.curve.name not in curves:
            raise AccountKeyError(f"has the curve {key.curve.name}; CAs accept P-256, P-384 and P-521")
        algorithm = curves[key.curve.name]
        return algorithm.name, lambda message: algorithm.sign(key, message), JWKEC(key=key).public_key().to_json()
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _SMALLEST_RSA:
            raise AccountKeyError(
                f"is an RSA key of {key.key_size} bits, which is weak: CAs require {_SMALLEST_RSA} or more"
            )
        public = JWKRSA(key=key).public_key().to_json()
        return jwa.RS256.name, lambda message: jwa.RS256.sign(key, message), public
    if isinstance(key, ed25519.Ed25519PrivateKey):
        # RFC 8037, which josepy does not have
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return "EdDSA", key.sign, {"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}
    raise AccountKeyError("has a type that ACME does not support: use an EC, RSA or Ed25519 key")
