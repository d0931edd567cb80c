# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a certificate in place: checked, added to its pending version, and made the live one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from . import certificates, chains, files, keys
from .attributes import drift
from .errors import CertificateError, StateError
from .manifest import CERTIFICATE, KEY, MANIFEST, Found, Manifest, read
from .versions import Versions
from .wanted import Wanted


@dataclass(frozen=True)
class Issued:
    """What the CA delivered for a certificate: PEM texts, and the account."""

    certificate: str
    chain: str
    account_uri: str | None = None


@dataclass(frozen=True)
class Deployed:
    """What became of a certificate."""

    changed: bool
    version: str
    serial: str
    not_after: str
    reason: str
    warning: str = ""


def deploy(home: str, wanted: Wanted, issued: Issued, now: datetime, check: bool) -> Deployed:
    """Check the certificate, add it to the pending version and switch the live link. Raises HostError."""
    versions = Versions(home, wanted.name)
    leaves = certificates.load_all(issued.certificate, "the certificate")
    if len(leaves) != 1:
        raise CertificateError(f"the CA's answer has {len(leaves)} certificates where one belongs")
    leaf, chain = leaves[0], certificates.load_all(issued.chain, "the chain")
    pem = certificates.pem(leaf)

    def step(found: Found) -> Deployed:
        if found.live and _is_live(versions, found.live, pem):
            return _deployed(read(versions.path(found.live, MANIFEST)) or {}, found.live, False, "unchanged", "")
        number, manifest = versions.pending(found), found.manifest or {}
        path = versions.path(number, KEY)
        key = keys.load(files.read(path), path)
        warning = certificates.check(leaf, key, wanted.identifiers, now)
        chains.check(leaf, chain, now)
        manifest = {**manifest, **certificates.facts(leaf)}
        if issued.account_uri:
            manifest["account_uri"] = issued.account_uri
        if not check:
            versions.repair(number, wanted.attributes)
            versions.complete(number, manifest, pem, b"".join(certificates.pem(item) for item in chain))
            versions.switch(number)
        return _deployed(manifest, number, True, "issued", warning)

    if check:
        return step(versions.look())
    with versions.locked() as found:
        return step(found)


def repair(home: str, wanted: Wanted, check: bool) -> Deployed | None:
    """Put the live key's mode, owner and group right; None if there is no live version. Raises HostError."""
    versions = Versions(home, wanted.name)

    def step(found: Found) -> Deployed | None:
        if not found.live:
            return None
        manifest = read(versions.path(found.live, MANIFEST)) or {}
        if check:
            texts = drift(versions.path(found.live, KEY), wanted.attributes)
        else:
            texts = versions.repair(found.live, wanted.attributes)
        return _deployed(manifest, found.live, bool(texts), "; ".join(texts) or "unchanged", "")

    if check or not step_needed(versions, wanted):
        return step(versions.look())
    with versions.locked() as found:
        return step(found)
