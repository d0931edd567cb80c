# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host while certificates are renewed: reads the live pair over and over, as a starting server would.

watcher.py LIVE STOP: LIVE is the link to the live version; ends when the file STOP is there, or after five minutes.
Prints what it saw as JSON: reads, serials, and faults, which have to be none.
"""

from __future__ import annotations

import json
import os
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

FILES = ("privkey.pem", "cert.pem", "chain.pem", "fullchain.pem")
SPKI = Encoding.DER, PublicFormat.SubjectPublicKeyInfo


def by_folder(live: str) -> dict[str, bytes]:
    """Return the files of one version: a reader that resolves the link once has a pair, also if the link changes."""
    folder = os.open(live, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return {file: _read(os.open(file, os.O_RDONLY, dir_fd=folder)) for file in FILES}
    finally:
        os.close(folder)


def by_path(live: str) -> dict[str, bytes] | None:
    """Return the files by their paths, one after the other; None if the link was switched in between."""
    before = os.readlink(live)
    contents = {file: _read(os.open(os.path.join(live, file), os.O_RDONLY)) for file in FILES}
    return contents if os.readlink(live) == before else None


def _read(fd: int) -> bytes:
    with open(fd, "rb") as file:
        return file.read()


def fault(contents: dict[str, bytes]) -> str:
    """Return the fault of a version as it was read; empty if there is none."""
    certificate = x509.load_pem_x509_certificate(contents["cert.pem"])
    key = load_pem_private_key(contents["privkey.pem"], None)
    if key.public_key().public_bytes(*SPKI) != certificate.public_key().public_bytes(*SPKI):
        return "the key is not the certificate's"
    if contents["fullchain.pem"] != contents["cert.pem"] + contents["chain.pem"]:
        return "the full chain is not certificate and chain"
    return ""


def main(live: str, stop: str) -> None:
    reads, switched, faults, serials = 0, 0, set(), set()
    deadline = time.monotonic() + 300
    while not os.path.exists(stop) and time.monotonic() < deadline:
        for read in (by_folder, by_path):
            try:
                contents = read(live)
                if contents is None:
                    switched += 1
                    continue
                reads += 1
                faults.add(fault(contents))
                serials.add(x509.load_pem_x509_certificate(contents["cert.pem"]).serial_number)
            except (OSError, ValueError) as error:
                faults.add(f"{read.__name__}: {type(error).__name__}: {error}")
        # The machine has others to serve.
        time.sleep(0.002)
    print(json.dumps({"reads": reads, "switched": switched, "serials": len(serials), "faults": sorted(faults - {""})}))


if __name__ == "__main__":
    main(*sys.argv[1:])
