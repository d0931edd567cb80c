# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates that a lab makes for itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .errors import LabError
from .namespaces import CLEAN_ENV


def ssh_key(path: Path, comment: str) -> str:
    """Make a key pair without passphrase; return the public line."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, env=CLEAN_ENV, check=True, stdin=subprocess.DEVNULL)
    return path.with_name(f"{path.name}.pub").read_text()


def web_certificate(directory: Path, names: list[str], addresses: list[str]) -> None:
    """Write ca.pem, and cert.pem and key.pem for a web server."""
    san = ",".join([*(f"DNS:{name}" for name in names), *(f"IP:{address}" for address in addresses)])
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]
    # The machine's openssl.cnf may add extensions of its own.
    (directory / "openssl.cnf").write_text("[req]\ndistinguished_name = name\n[name]\n")
    # Python 3.13 verifies by RFC 5280 to the letter (VERIFY_X509_STRICT): sections 4.2.1.1 to 4.2.1.3 and 4.2.1.9.
    ca = ["-subj", "/CN=the lab's web CA"]
    for extension in (
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=critical,keyCertSign,cRLSign",
        "subjectKeyIdentifier=hash",
    ):
        ca += ["-addext", extension]
    server = ["-subj", f"/CN={names[0]}", "-CA", "ca.pem", "-CAkey", "ca.key"]
    for extension in (
        "basicConstraints=critical,CA:FALSE",
        f"subjectAltName={san}",
        "subjectKeyIdentifier=hash",
        "authorityKeyIdentifier=keyid",
    ):
        server += ["-addext", extension]
    for args in (["-keyout", "ca.key", "-out", "ca.pem", *ca], ["-keyout", "key.pem", "-out", "cert.pem", *server]):
        command = ["openssl", "req", "-x509", "-config", "openssl.cnf", *key, *args]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"openssl cannot make Pebble's certificate: {done.stderr.strip()}")
