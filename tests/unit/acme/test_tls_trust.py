# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a CA's web server that are not accepted, as real handshakes and as a table."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ansible_collections.certfleet.tls.plugins.module_utils._acme import exchange, tls_trust
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import UntrustedError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from tests.unit.acme.ca import CA
from tests.unit.acme.server import tls_context
from tests.unit.fake_time import NOW
from tests.unit.host import ca as certificates

# The library that connects looks at the machine's own clock.
TODAY = datetime.now(timezone.utc)
DAY = timedelta(days=1)
VALID = {"not_before": TODAY - DAY, "not_after": TODAY + DAY}
HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def basic(critical=True):
    return (x509.BasicConstraints(ca=True, path_length=None), critical)


def root(*extensions):
    return (
        certificates.Authority.root(extensions=extensions, **VALID)
        if extensions
        else certificates.Authority.root(**VALID)
    )


def strict(*_args, **_more):
    """Return a context as urllib3 makes it with Python 3.13 and later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture
def refusal(tmp_path, time):
    """Return refusal(root, ...), which returns why a client with that root refuses a server's certificate."""
    servers = []

    def refusal_(root, names=(HERE,), **options):
        key = certificates.ec_key()
        leaf = root.leaf(key.public_key(), names, **{**VALID, **options})
        (tmp_path / "root.pem").write_text(certificates.pem(root.certificate))
        (tmp_path / "leaf.pem").write_text(certificates.pem(leaf))
        private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
        server = CA(tls_context(tmp_path / "leaf.pem", tmp_path / "key.pem"))
        servers.append(server)
        http = Http(time.clock, server.url, str(tmp_path / "root.pem"), timeout=20.0)
        try:
            http.request_once("GET", f"{server.url}/directory")
        except UntrustedError as error:
            return str(error).removeprefix(f"{server.url} ")
        finally:
            http.close()
        return ""

    yield refusal_
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("extensions", "aki", "lacking"),
    [
        ([], True, ""),
        ([basic()], True, "a key usage extension with keyCertSign and cRLSign"),
        ([basic(), (certificates.key_usage(), True)], True, "a subject key identifier"),
        ([basic(False), (certificates.key_usage(), True)], True, "basic constraints that are marked critical"),
        ([], False, "an authority key identifier"),
    ],
    ids=["whole", "no key usage", "no subject key identifier", "basic constraints", "no authority key identifier"],
)
def test_handshake_in_strict_mode_says_what_is_lacking(refusal, monkeypatch, extensions, aki, lacking):
    authority = root(*extensions)
    monkeypatch.setattr(exchange, "create_urllib3_context", strict)
    found = refusal(authority, aki=aki)
    if not lacking:
        assert found == ""
        return
    assert found.startswith("has a certificate that Python 3.13 and later refuse (")
    assert found.endswith(f"Have the CA make it again with {lacking}, or run Ansible with Python 3.12 until then")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"not_after": TODAY - timedelta(hours=1)},
            "is not valid now (certificate has expired), and this machine's clock",
        ),
        (
            {"not_before": TODAY + timedelta(hours=1)},
            "is not valid now (certificate is not yet valid), and this machine",
        ),
        ({"names": ["ca.example"]}, "for another server ("),
    ],
    ids=["expired", "not yet valid", "another name"],
)
def test_handshake_with_other_faults_has_its_own_advice(refusal, options, text):
    assert text in refusal(root(), **options)


@pytest.mark.parametrize(
    ("code", "beginning"),
    [
        (
            9,
            "has a certificate that is not valid now (why), and this machine's clock shows 2026-11-23T12:00:00Z. Check",
        ),
        (
            10,
            "has a certificate that is not valid now (why), and this machine's clock shows 2026-11-23T12:00:00Z. Check",
        ),
        (18, "has a certificate that is not trusted (why); set ca_path (acme_ca_path) to the CA bundle"),
        (19, "has a certificate that is not trusted (why); set ca_path (acme_ca_path) to the CA bundle"),
        (20, "has a certificate that is not trusted (why); set ca_path (acme_ca_path) to the CA bundle"),
        (62, "has a certificate for another server (why). Check the host in acme_directory"),
        (64, "has a certificate for another server (why). Check the host in acme_directory"),
        (79, "has a certificate that is not trusted (why)"),
        *((code, "has a certificate that Python 3.13 and later refuse (why): ") for code in range(80, 94)),
        (94, "has a certificate that is not trusted (why)"),
    ],
)
def test_explain_by_the_number_of_the_reason(code, beginning):
    found = tls_trust.explain(code, "why", NOW)
    assert found.startswith(beginning)
    assert len(found.splitlines()) == 1
