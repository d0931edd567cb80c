# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ordering as a user does it: a customer of the lab's CA, certificate requests, answers to challenges."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ansible_collections.certfleet.tls.plugins.module_utils._acme import account
from ansible_collections.certfleet.tls.plugins.module_utils._acme.client import Client
from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey
from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from tests.integration.calls import Result, call
from tests.lab import Lab

ALWAYS_VALID = {"PEBBLE_VA_ALWAYS_VALID": "1"}  # where validation is not the point
NEW = {"account_key_create": True, "terms_agreed": True}
CHALLENGES = "/var/www/html/.well-known/acme-challenge"


@dataclass(frozen=True)
class Issued:
    """A certificate that the CA issued, with the key it is for."""

    pem: str
    chain: str
    key: str

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.pem.encode())

    @property
    def serial(self) -> int:
        return self.certificate.serial_number

    @property
    def ari_id(self) -> str:
        """RFC 9773 section 4.1"""
        certificate = self.certificate
        key_id = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        serial = certificate.serial_number.to_bytes(certificate.serial_number.bit_length() // 8 + 1, "big")
        return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in (key_id or b"", serial))


class Customer:
    """A user with an account key. Called with a module that sends requests to the CA, and its options."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.key_file = folder / "account-key.pem"

    def __call__(self, module: str, check: bool = False, **options: Any) -> Result:
        options.setdefault("acme_directory", self.lab.pebble.directory_url)
        options.setdefault("ca_path", str(self.lab.pebble.ca_path))
        if module not in ("acme_directory_info", "acme_plan") and "account_key_content" not in options:
            options.setdefault("account_key_src", str(self.key_file))
        return call(self.lab, module, check=check, **options)

    def order(self, *orders: dict[str, Any], **options: Any) -> Result:
        """Run acme_order, which may make key and account."""
        return self("acme_order", orders=list(orders), **{**NEW, **options})

    def finalize(self, *items: dict[str, Any], **options: Any) -> Result:
        """Run acme_order_finalize, without a preflight unless the options say so."""
        return self("acme_order_finalize", orders=list(items), **{"preflight": False, **options})

    def issue(self, *names: str, **options: Any) -> list[Issued]:
        """Issue a certificate for each name. The CA must accept all authorizations."""
        ordered = self.order(*(order(domain, domain) for domain in names), **options)
        assert ordered.ok, ordered.text
        keys = [ec.generate_private_key(ec.SECP256R1()) for _unused in names]
        items = [{**item, "csr_content": csr(name, key=key)} for item, name, key in zip(local(ordered), names, keys)]
        done = self.finalize(*items, **options)
        assert done.ok, done.text
        return [Issued(item["certificate"], item["chain"], _pem(key)) for item, key in zip(local(done), keys)]

    def deactivate(self) -> str:
        """Make an account and deactivate it (RFC 8555 section 7.3.6). Returns its URL."""
        key = AccountKey.generate()
        self.key_file.touch(0o600)
        self.key_file.write_bytes(key.pem())

        def work() -> str:
            # By address: the lab's names are not known here.
            url = self.lab.pebble.directory_url.replace("ca.lab.test", self.lab.controller)
            with closing(Http(Clock(), url, str(self.lab.pebble.ca_path))) as http:
                client = Client(http, Directory.fetch(http, url), key)
                made = account.find_or_create(client, terms_agreed=True)
                client.post(made.url, {"status": "deactivated"}, "deactivation")
            return made.url.replace(self.lab.controller, "ca.lab.test")

        uri: str = self.lab.inside(work)
        return uri


def order(name: str, *identifiers: str, **options: Any) -> dict[str, Any]:
    """Return an entry of acme_order's orders; without identifiers for a name of web1."""
    return {"name": name, "identifiers": list(identifiers) or [f"{name}.web1.lab.test"], **options}


def local(result: Result) -> list[dict[str, Any]]:
    """Return the results of the orders for which no host was named."""
    items: list[dict[str, Any]] = result["hosts"]["localhost"]
    return items


def csr(*identifiers: str, key: ec.EllipticCurvePrivateKey | None = None) -> str:
    """Return a certificate request, PEM."""
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in identifiers])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=True)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def fitting(item: dict[str, Any]) -> dict[str, Any]:
    """Return an order as acme_order returned it, with a certificate request that fits."""
    return {**item, "csr_content": csr(*item["identifiers"])}


def serve(lab: Lab, *items: dict[str, Any], host: str = "web1") -> None:
    """Answer the orders' challenges."""
    folder = lab.path(host, CHALLENGES)
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        for challenge in item["challenges"]:
            (folder / challenge["token"]).write_text(challenge["key_authorization"])


def posts(lab: Lab, mark: int) -> list[str]:
    """Return the paths of signed requests since a mark."""
    return [path for method, path in lab.pebble.requests(mark) if method == "POST"]


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
