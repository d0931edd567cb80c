# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TLS contexts of the server that answers tls-alpn-01 challenges (RFC 8737)."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone

from ..._x509 import acme_tls, keys
from ..store import files

try:
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass  # reported by availability.py, before anything here is called


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
        proof = acme_tls.certificate(identifier, key_authorization, self._key, datetime.now(timezone.utc))
        context = empty_context()
        with files.passing(self._folder, proof.public_bytes(serialization.Encoding.PEM) + keys.pem(self._key)) as path:
            context.load_cert_chain(path)
        return context


def empty_context() -> ssl.SSLContext:
    """A server's TLS context as RFC 8737 wants it, with no certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8737 section 4
    context.set_alpn_protocols([acme_tls.PROTOCOL])
    context.num_tickets = 0  # nobody comes back
    return context
