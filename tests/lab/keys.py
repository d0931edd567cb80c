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
    ca = ["-subj", "/CN=the lab's web CA", "-addext", "basicConstraints=critical,CA:TRUE"]
    server = ["-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={san}", "-CA", "ca.pem", "-CAkey", "ca.key"]
    for args in (["-keyout", "ca.key", "-out", "ca.pem", *ca], ["-keyout", "key.pem", "-out", "cert.pem", *server]):
        command = ["openssl", "req", "-x509", "-config", "openssl.cnf", *key, *args]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"openssl cannot make Pebble's certificate: {done.stderr.strip()}")
