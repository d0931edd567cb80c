# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bytes of the formats: PEM in one file, PKCS #12 (RFC 7292), DER, the root of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ..._x509 import certificates, keys
from ..errors import FormatError
from ..wanted.formats import COMBINED, DER, PKCS12, Format
from . import pkcs12_encoder, trusted_roots

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
    """What the file has to hold. Raises CollectionError."""
    if item.kind == COMBINED:
        # The key first: Postfix takes it so only, HAProxy in any order.
        return keys.pem(key) + b"".join(map(certificates.pem, (leaf, *chain)))
    if item.kind == PKCS12:
        try:
            return pkcs12_encoder.encode(key, leaf, chain, item.passphrase, item.friendly_name, item.encryption)
        except (ValueError, UnsupportedAlgorithm) as error:  # as an OpenSSL that has no triple DES
            raise FormatError(f"{item.path}: this host's OpenSSL does not write it: {error}") from None
    if item.kind == DER:
        return leaf.public_bytes(serialization.Encoding.DER)
    return certificates.pem(_root(item, leaf, chain, now))


def _root(item: Format, leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> x509.Certificate:
    top = chain[-1] if chain else leaf
    if top.issuer == top.subject:
        return top
    places = [item.roots] if item.roots else list(trusted_roots.TRUSTED)
    found = trusted_roots.find(top, places, now)
    if found is None:
        raise FormatError(
            f"{item.path}: the chain's root {top.issuer.rfc4514_string()} is not in {' or '.join(places)}: "
            "name a file that has it in roots"
        )
    return found
