# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of RFC 8737, verified as a CA does, and the connections that get it."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import ssl
import stat
from datetime import datetime, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges import challenge_server
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import acme_tls, keys
from tests.unit.host.listeners import answer, free_port, handshake, tls_alpn01

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
NOW = datetime(2026, 9, 17, 12, tzinfo=timezone.utc)

# RFC 8738 section 6 for the addresses.
IDENTIFIERS = {
    "shop.example": ("shop.example", x509.DNSName("shop.example")),
    "xn--bcher-kva.example": ("xn--bcher-kva.example", x509.DNSName("xn--bcher-kva.example")),
    "192.0.2.1": ("1.2.0.192.in-addr.arpa", x509.IPAddress(ipaddress.ip_address("192.0.2.1"))),
    "2001:db8::1": (
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    ),
}


def proves(certificate, identifier, key_authorization):
    """Return True if a CA accepts the certificate (RFC 8737 section 3, RFC 8738 section 6)."""
    extensions = certificate.extensions
    names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    proof = extensions.get_extension_for_oid(ACME_IDENTIFIER)
    return (
        names == [IDENTIFIERS[identifier][1]]
        and proof.critical
        and proof.value.value == bytes([4, 32]) + hashlib.sha256(key_authorization.encode()).digest()
    )


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_tls_alpn_certificate_has_acme_identifier(identifier):
    key = keys.generate("ec256")
    made = acme_tls.certificate(identifier, "token.thumb", key, NOW)
    assert proves(made, identifier, "token.thumb")
    assert not proves(made, identifier, "token.other")
    assert len(list(made.extensions)) == 2
    key.public_key().verify(made.signature, made.tbs_certificate_bytes, ec.ECDSA(made.signature_hash_algorithm))
    assert acme_tls.server_name(identifier) == IDENTIFIERS[identifier][0]


@pytest.fixture
def port(home):
    """Yield a port at which all the identifiers are proved, with token-N."""
    port = free_port()
    made = [tls_alpn01(home, port, identifier, f"token-{n}") for n, identifier in enumerate(IDENTIFIERS)]
    for response in made:
        response.put()
    yield port
    for response in made:
        response.remove()


def test_tls_alpn_each_name_has_own_certificate(port):
    for number, (identifier, (name, _general)) in enumerate(IDENTIFIERS.items()):
        for asked in (name, name.upper()):
            der, protocol, data = handshake(port, asked)
            assert proves(x509.load_der_x509_certificate(der), identifier, answer(f"token-{number}"))
            assert (protocol, data) == ("acme-tls/1", b"")


@pytest.mark.parametrize("name", ["other.example", "example", "a.shop.example", "1.2.0.192", "192.0.2.1", None])
def test_tls_alpn_unknown_name_gets_alert(port, name):
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        handshake(port, name)


@pytest.mark.parametrize("protocols", [(), ("http/1.1",), ("h2", "http/1.1"), ("acme-tls/2",)])
def test_tls_alpn_other_protocol_gets_no_data(port, protocols):
    _der, protocol, data = handshake(port, "shop.example", protocols)
    assert (protocol, data) == (None, b"")


def test_tls_alpn_selects_acme_tls(port):
    assert handshake(port, "shop.example", ("h2", "acme-tls/1"))[1:] == ("acme-tls/1", b"")


def test_tls_alpn_old_tls_is_refused(port):
    context = challenge_server.empty_context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_tls_alpn_leaves_no_key_on_disk(port, home):
    handshake(port, "shop.example")
    (folder,) = [path for path in (home / "challenges").iterdir() if path.is_dir()]
    assert sorted(os.listdir(folder)) == [".running", *(f"token-{n}" for n in range(len(IDENTIFIERS)))]
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in folder.iterdir())


def test_tls_alpn_key_file_is_private(tmp_path, monkeypatch):
    seen = []

    load = ssl.SSLContext.load_cert_chain

    def watched(context, path):
        seen.append((stat.S_IMODE(os.stat(path).st_mode), os.path.dirname(path)))
        load(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    proofs = challenge_server.ChallengeContexts(str(tmp_path))
    context = proofs.context("shop.example", "token.thumb")
    assert seen == [(0o600, str(tmp_path))]
    assert os.listdir(tmp_path) == []
    assert proofs.context("shop.example", "token.thumb") is context
    assert proofs.context("shop.example", "token.other") is not context
