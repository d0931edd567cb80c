# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of the formats: PEM in one file, PKCS #12 (RFC 7292), DER, the root of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from . import certificates, keys, pfx, roots
from .errors import FormatError
from .formats import COMBINED, DER, LEGACY, LOCAL_KEY_ID, NOT_MODERN, PKCS12, Format

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import pkcs12
except ImportError:
    pass  # said by library.py, before anything here is called

if TYPE_CHECKING:
    from cryptography import x509

    from .keys import PrivateKey

_ROUNDS = 20000  # of the key derivation; files like this are opened at every start of a service


def encode(
    item: Format, key: PrivateKey, leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime
) -> bytes:
    """What the file has to hold. Raises HostError."""
    if item.kind == COMBINED:
        # The key first: Postfix takes it so only, HAProxy in any order.
        return keys.pem(key) + b"".join(map(certificates.pem, (leaf, *chain)))
    if item.kind == PKCS12:
        try:
            return _pkcs12(item, key, leaf, chain)
        except (ValueError, UnsupportedAlgorithm) as error:  # as an OpenSSL that has no triple DES
            raise FormatError(f"{item.path}: this host's OpenSSL does not write it: {error}") from None
    if item.kind == DER:
        return leaf.public_bytes(serialization.Encoding.DER)
    return certificates.pem(_root(item, leaf, chain, now))


def _pkcs12(item: Format, key: PrivateKey, leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> bytes:
    passphrase = item.passphrase.encode()
    if hasattr(serialization.PrivateFormat, "PKCS12"):  # cryptography 38 and later
        builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(_ROUNDS)
        if item.encryption == LEGACY:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
            builder = builder.hmac_hash(hashes.SHA1())  # noqa: S303 # nosec B303 # as is asked for
        else:
            builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(hashes.SHA256())
        encryption = builder.build(passphrase)
    elif item.encryption == LEGACY:
        encryption = serialization.BestAvailableEncryption(passphrase)  # which is triple DES there
    else:
        raise FormatError(f"{item.path}: {NOT_MODERN}")
    data: bytes = pkcs12.serialize_key_and_certificates(
        item.friendly_name.encode(), key, leaf, list(chain) or None, encryption
    )
    # The key's attributes are not encrypted. cryptography 43 writes no localKeyID, all others do.
    if LOCAL_KEY_ID not in data:
        return pfx.encode(key, leaf, chain, item.passphrase, item.friendly_name, item.encryption, _ROUNDS)
    return data


def _root(item: Format, leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    top = chain[-1] if chain else leaf
    if top.issuer == top.subject:
        return top
    places = [item.roots] if item.roots else list(roots.TRUSTED)
    found = roots.find(top, places, now)
    if found is None:
        raise FormatError(
            f"{item.path}: the chain's root {top.issuer.rfc4514_string()} is not in {' or '.join(places)}: "
            "name a file that has it in roots"
        )
    return found
