# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own CA: its certificates are valid for the strictest client."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone

import pytest
from cryptography.hazmat.primitives import serialization

from tests.unit.host import ca

NAME = "shop.example"


def shake_hands(client, server):
    """Run a handshake in memory. Raises ssl.SSLError."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=NAME),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while sides:
        for side in list(sides):
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("kind", ["ec256", "ec384", "rsa"])
def test_authority_chain_passes_strict_verification(tmp_path, kind):
    """Python 3.13 and later verify so by default (VERIFY_X509_STRICT)."""
    now = datetime.now(timezone.utc)
    validity = {"not_before": now - ca.DAY, "not_after": now + ca.DAY}
    root = ca.Authority.root(kind=kind, **validity)
    issuer = root.intermediate(kind=kind, **validity)
    key = ca.key_of(kind)
    leaf = issuer.leaf(key.public_key(), [NAME], **validity)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "server.pem").write_text(private.decode() + ca.pem(leaf, issuer.certificate))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem")
    client = ssl.create_default_context(cadata=ca.pem(root.certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    shake_hands(client, server)
