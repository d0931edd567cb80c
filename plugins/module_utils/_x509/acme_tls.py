# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the certificate that answers a tls-alpn-01 challenge (RFC 8737), for names and IP addresses (RFC 8738)."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .._common.identifiers import is_address
from . import san

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey

PROTOCOL = "acme-tls/1"  # RFC 8737 section 6.2
ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31"  # RFC 8737 section 6.1
_DAY = timedelta(days=1)


def server_name(identifier: str) -> str:
    """Return the server name (SNI) that the CA sends in its handshake for a normalized identifier."""
    # RFC 8738 section 6: SNI cannot carry an address, so the CA sends the name of the reverse mapping.
    return ipaddress.ip_address(identifier).reverse_pointer if is_address(identifier) else identifier


def authorization(key_authorization: str) -> bytes:
    """Return the DER value of the extension acmeIdentifier (RFC 8737 section 3).

    Authorization ::= OCTET STRING (SIZE (32)), the SHA-256 digest of the key authorization.
    """
    return b"\x04\x20" + hashlib.sha256(key_authorization.encode()).digest()


def certificate(identifier: str, key_authorization: str, key: PrivateKey, now: datetime) -> x509.Certificate:
    """Return the self-signed certificate of RFC 8737 section 3. *now*: aware UTC datetime.

    *identifier*: normalized.
    """
    proof = x509.UnrecognizedExtension(x509.ObjectIdentifier(ACME_IDENTIFIER), authorization(key_authorization))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(san.build([identifier]), critical=False)
        .add_extension(proof, critical=True)
        .sign(key, hashes.SHA256())
    )
