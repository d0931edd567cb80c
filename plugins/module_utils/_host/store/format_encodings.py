# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encode a certificate in the formats: PEM in one file, PKCS #12 (RFC 7292), DER, the root of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..._x509 import certificates, keys
from ..errors import FormatError
from ..wanted.formats import COMBINED, DER, PKCS12, Format
from . import pkcs12_encoder, trusted_roots
from .pkcs12_encoder import Protection

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from cryptography import x509

    from ..._x509.keys import PrivateKey


def encode(
    item: Format, key: PrivateKey, leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime
) -> bytes:
    """Return the bytes of the file *item*. *now*: aware UTC datetime. Raises CollectionError."""
    if item.kind == COMBINED:
        # The key comes first, as Postfix requires it. HAProxy accepts any order.
        return keys.pem(key) + b"".join(map(certificates.pem, (leaf, *chain)))
    if item.kind == PKCS12:
        try:
            protection = Protection(item.passphrase, item.encryption)
            return pkcs12_encoder.encode(key, leaf, chain, item.friendly_name, protection)
        except (ValueError, UnsupportedAlgorithm) as error:  # such as an OpenSSL without triple DES
            raise FormatError(f"cannot write {item.path}: this host's OpenSSL does not support it: {error}") from None
    if item.kind == DER:
        return leaf.public_bytes(serialization.Encoding.DER)
    return certificates.pem(_root(item, leaf, chain, now))


def _root(item: Format, leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    top = chain[-1] if chain else leaf
    if top.issuer == top.subject:
        return top
    places = [item.roots] if item.roots else list(trusted_roots.TRUSTED)
    root = trusted_roots.find(top, places, now)
    if root is None:
        raise FormatError(
            f"cannot write {item.path}: the chain's root {top.issuer.rfc4514_string()} is not in "
            f"{' or '.join(places)}. Name a file that contains it in roots"
        )
    return root
