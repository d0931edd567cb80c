# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate that answers a tls-alpn-01 challenge (RFC 8737), for names and for IP addresses (RFC 8738)."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from . import files, keys, san
from .identifiers import is_address

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # said by library.py, before anything here is called

if TYPE_CHECKING:
    from .keys import PrivateKey

PROTOCOL = "acme-tls/1"  # RFC 8737 section 6.2
ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31"  # RFC 8737 section 6.1
_DAY = timedelta(days=1)


def server_name(identifier: str) -> str:
    """The name that the CA asks for in its handshake, for a normalized identifier."""
    # RFC 8738 section 6: SNI has no addresses, so it is the name of the reverse mapping.
    return ipaddress.ip_address(identifier).reverse_pointer if is_address(identifier) else identifier


def authorization(key_authorization: str) -> bytes:
    """The value of acmeIdentifier: Authorization ::= OCTET STRING (SIZE (32)), the digest (RFC 8737 section 3)."""
    return b"\x04\x20" + hashlib.sha256(key_authorization.encode()).digest()


def certificate(identifier: str, key_authorization: str, key: PrivateKey, now: datetime) -> x509.Certificate:
    """The self-signed certificate of RFC 8737 section 3: the one name, and the digest of the key authorization."""
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


class Proofs:
    """TLS contexts, one for each response, under one key that is made for this process.

    folder: where the key is for the moment that OpenSSL needs it in a file.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._key = keys.generate("ec256")
        self._made: dict[tuple[str, str], ssl.SSLContext] = {}

    def context(self, identifier: str, key_authorization: str) -> ssl.SSLContext:
        """That which proves control of a normalized identifier. Raises DiskError."""
        made = self._made.get((identifier, key_authorization))
        if made is None:
            made = self._make(identifier, key_authorization)
            self._made[identifier, key_authorization] = made
        return made

    def _make(self, identifier: str, key_authorization: str) -> ssl.SSLContext:
        proof = certificate(identifier, key_authorization, self._key, datetime.now(timezone.utc))
        context = empty_context()
        with files.passing(self._folder, proof.public_bytes(serialization.Encoding.PEM) + keys.pem(self._key)) as path:
            context.load_cert_chain(path)
        return context


def empty_context() -> ssl.SSLContext:
    """A server's TLS context as RFC 8737 wants it, with no certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8737 section 4
    context.set_alpn_protocols([PROTOCOL])
    context.num_tickets = 0  # nobody comes back
    return context
