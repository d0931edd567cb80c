# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write a PKCS #12 file (RFC 7292) whose MAC has as many iterations as its key derivation.

cryptography writes a MAC of 1 iteration before version 43 and of 2048 iterations since, and offers no way to ask for
more. An attacker can try passphrases against the MAC instead of the key, so the MAC decides what a try costs.
cryptography 43 also leaves out the localKeyID, without which `openssl pkcs12 -clcerts` finds no certificate, and Java
finds no chain for the key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..wanted.formats import LEGACY, LOCAL_KEY_ID, MODERN, ROUNDS

try:
    from cryptography.hazmat.primitives import hashes, padding, serialization
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
except ImportError:
    pass  # reported by availability.py, before anything here is called
try:
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
except ImportError:
    try:
        from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES  # before cryptography 43
    except ImportError:
        pass

if TYPE_CHECKING:
    from cryptography import x509

    from ..._x509.keys import PrivateKey

_INTEGER, _OCTETS, _BMP_STRING, _SEQUENCE, _SET = 0x02, 0x04, 0x1E, 0x30, 0x31
_EXPLICIT_0, _IMPLICIT_0 = 0xA0, 0x80
_NULL = b"\x05\x00"

# Object identifiers in DER
_DATA = bytes.fromhex("06092a864886f70d010701")
_ENCRYPTED_DATA = bytes.fromhex("06092a864886f70d010706")
_FRIENDLY_NAME = bytes.fromhex("06092a864886f70d010914")
_X509_CERTIFICATE = bytes.fromhex("060a2a864886f70d01091601")
_SHROUDED_KEY_BAG = bytes.fromhex("060b2a864886f70d010c0a0102")
_CERTIFICATE_BAG = bytes.fromhex("060b2a864886f70d010c0a0103")
_TRIPLE_DES_BY_PASSPHRASE = bytes.fromhex("060a2a864886f70d010c0103")
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_SHA256 = bytes.fromhex("0609608648016503040201")
_SHA1 = bytes.fromhex("06052b0e03021a")

_KEY, _IV, _MAC = 1, 2, 3  # purposes of derived bytes, RFC 7292 appendix B.3


class Protection(NamedTuple):
    """The encryption and authentication of a file.

    encryption: LEGACY (triple DES and SHA-1) or MODERN (AES-256 and SHA-256). rounds: iterations of the key derivation
    and of the MAC.
    """

    passphrase: str
    encryption: str = MODERN
    rounds: int = ROUNDS

    @property
    def legacy(self) -> bool:
        return self.encryption == LEGACY

    @property
    def hash_name(self) -> str:
        return "sha1" if self.legacy else "sha256"

    def encrypt(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the AlgorithmIdentifier (DER) and the encrypted data."""
        salt, rounds = os.urandom(16), _integer(self.rounds)
        if self.legacy:  # RFC 7292 appendix C
            parameters = _der(_SEQUENCE, _der(_OCTETS, salt), rounds)
            iv = self.derive(_IV, salt, 8)
            triple_des = TripleDES(self.derive(_KEY, salt, 24))  # nosec B304 # only if the user asks for "legacy"
            return _der(_SEQUENCE, _TRIPLE_DES_BY_PASSPHRASE, parameters), _encrypt(triple_des, iv, data)
        # RFC 8018 section 6.2
        iv = os.urandom(16)
        kdf = PBKDF2HMAC(algorithm=hashes.SHA256(), length=32, salt=salt, iterations=self.rounds)
        prf = _der(_SEQUENCE, _HMAC_SHA256, _NULL)
        derivation = _der(_SEQUENCE, _PBKDF2, _der(_SEQUENCE, _der(_OCTETS, salt), rounds, prf))
        scheme = _der(_SEQUENCE, _AES_256_CBC, _der(_OCTETS, iv))
        algorithm = _der(_SEQUENCE, _PBES2, _der(_SEQUENCE, derivation, scheme))
        return algorithm, _encrypt(algorithms.AES(kdf.derive(self.passphrase.encode())), iv, data)

    def mac_data(self, content: bytes) -> bytes:
        """Return the MacData (DER) of RFC 7292 section 4."""
        salt = os.urandom(16)
        key = self.derive(_MAC, salt, hashlib.new(self.hash_name).digest_size)
        digest = hmac.new(key, content, self.hash_name).digest()
        algorithm = _der(_SEQUENCE, _SHA1 if self.legacy else _SHA256, _NULL)
        info = _der(_SEQUENCE, algorithm, _der(_OCTETS, digest))
        return _der(_SEQUENCE, info, _der(_OCTETS, salt), _integer(self.rounds))

    def derive(self, purpose: int, salt: bytes, size: int) -> bytes:
        """Return *size* bytes derived from the passphrase (RFC 7292 appendix B.2). purpose: _KEY, _IV or _MAC."""
        block = 64  # bytes, of SHA-1 as of SHA-256
        passphrase = (self.passphrase + "\0").encode("utf-16-be")
        blocks = [int.from_bytes(part, "big") for part in (*_filled(salt, block), *_filled(passphrase, block))]
        derived = b""
        while len(derived) < size:
            digest = bytes([purpose]) * block + b"".join(part.to_bytes(block, "big") for part in blocks)
            for _unused in range(self.rounds):
                digest = hashlib.new(self.hash_name, digest).digest()
            derived += digest
            (filled,) = _filled(digest, block)
            blocks = [(part + int.from_bytes(filled, "big") + 1) % (1 << 8 * block) for part in blocks]
        return derived[:size]


def encode(
    key: PrivateKey,
    leaf: x509.Certificate,
    chain: Sequence[x509.Certificate],
    friendly_name: str,
    protection: Protection,
) -> bytes:
    """Return the bytes of the file."""
    own = leaf.public_bytes(serialization.Encoding.DER)
    # The key and its certificate have the same localKeyID; by custom it is the SHA-1 of the certificate.
    key_id = _attribute(LOCAL_KEY_ID, _der(_OCTETS, hashlib.sha1(own, usedforsecurity=False).digest()))
    attributes = [_attribute(_FRIENDLY_NAME, _der(_BMP_STRING, friendly_name.encode("utf-16-be"))), key_id]
    bags = [_certificate_bag(own, attributes)]
    bags += [_certificate_bag(issuer.public_bytes(serialization.Encoding.DER), []) for issuer in chain]
    plain_key = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    algorithm, encrypted = protection.encrypt(plain_key)
    shrouded = _der(_SEQUENCE, algorithm, _der(_OCTETS, encrypted))
    contents = [
        _encrypted(protection, _der(_SEQUENCE, *bags)),
        _plain(_der(_SEQUENCE, _bag(_SHROUDED_KEY_BAG, shrouded, attributes))),
    ]
    safe = _der(_SEQUENCE, *contents)
    return _der(_SEQUENCE, _integer(3), _plain(safe), protection.mac_data(safe))


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _attribute(name: bytes, value: bytes) -> bytes:
    return _der(_SEQUENCE, name, _der(_SET, value))


def _bag(kind: bytes, value: bytes, attributes: Sequence[bytes]) -> bytes:
    # DER sorts the elements of a set.
    return _der(_SEQUENCE, kind, _der(_EXPLICIT_0, value), *([_der(_SET, *sorted(attributes))] if attributes else []))


def _certificate_bag(certificate: bytes, attributes: Sequence[bytes]) -> bytes:
    value = _der(_SEQUENCE, _X509_CERTIFICATE, _der(_EXPLICIT_0, _der(_OCTETS, certificate)))
    return _bag(_CERTIFICATE_BAG, value, attributes)


def _plain(content: bytes) -> bytes:
    return _der(_SEQUENCE, _DATA, _der(_EXPLICIT_0, _der(_OCTETS, content)))


def _encrypted(protection: Protection, content: bytes) -> bytes:
    algorithm, encrypted = protection.encrypt(content)
    info = _der(_SEQUENCE, _DATA, algorithm, _der(_IMPLICIT_0, encrypted))
    return _der(_SEQUENCE, _ENCRYPTED_DATA, _der(_EXPLICIT_0, _der(_SEQUENCE, _integer(0), info)))


def _encrypt(algorithm: algorithms.AES | TripleDES, iv: bytes, data: bytes) -> bytes:
    padder = padding.PKCS7(len(iv) * 8).padder()
    encryptor = Cipher(algorithm, modes.CBC(iv)).encryptor()
    encrypted: bytes = encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    return encrypted


def _filled(text: bytes, block: int) -> list[bytes]:
    """Return *text*, repeated until it fills whole blocks of *block* bytes, as these blocks."""
    size = -(-len(text) // block) * block
    repeated = (text * (size // len(text) + 1))[:size]
    return [repeated[at : at + block] for at in range(0, size, block)]
