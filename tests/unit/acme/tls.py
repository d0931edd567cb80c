# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for servers at 127.0.0.1."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.unit.host.ca import Authority, ec_key, pem


@dataclass(frozen=True)
class TlsFiles:
    """Paths of a root, of another root, and of the certificate and the key for 127.0.0.1."""

    root: str
    other_root: str
    certificate: str
    key: str


def make_tls_files(folder):
    """Write such files into a folder."""
    # The library that connects looks at the machine's own clock.
    now = datetime.now(timezone.utc)
    validity = {"not_before": now - timedelta(days=1), "not_after": now + timedelta(days=1)}
    root, other = (Authority.root(name, **validity) for name in ("root", "another root"))
    leaf_key = ec_key()
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    leaf = root.leaf(leaf_key.public_key(), [address], **validity)
    private = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def write(name, text):
        path = folder / name
        path.write_text(text)
        return str(path)

    return TlsFiles(
        root=write("root.pem", pem(root.certificate)),
        other_root=write("other.pem", pem(other.certificate)),
        certificate=write("cert.pem", pem(leaf)),
        key=write("key.pem", private.decode()),
    )
