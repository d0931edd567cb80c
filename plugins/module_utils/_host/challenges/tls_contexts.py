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


class ChallengeContexts:
    """TLS contexts, one for each response, with one private key for this process.

    folder: where the key is written while OpenSSL reads it from a file.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._key = keys.generate("ec256")
        self._contexts: dict[tuple[str, str], ssl.SSLContext] = {}

    def context(self, identifier: str, key_authorization: str) -> ssl.SSLContext:
        """Return the context that proves control of a normalized identifier. Raises DiskError."""
        context = self._contexts.get((identifier, key_authorization))
        if context is None:
            context = self._make(identifier, key_authorization)
            self._contexts[identifier, key_authorization] = context
        return context

    def _make(self, identifier: str, key_authorization: str) -> ssl.SSLContext:
        proof = acme_tls.certificate(identifier, key_authorization, self._key, datetime.now(timezone.utc))
        context = empty_context()
        with files.temporary_file(
            self._folder, proof.public_bytes(serialization.Encoding.PEM) + keys.pem(self._key)
        ) as path:
            context.load_cert_chain(path)
        return context


def empty_context() -> ssl.SSLContext:
    """Return a server's TLS context as RFC 8737 requires it, without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8737 section 4
    context.set_alpn_protocols([acme_tls.PROTOCOL])
    context.num_tickets = 0  # no client resumes a session
    return context
