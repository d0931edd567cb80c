# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a certificate in place: checked, added to its pending version, made the live one, told to its services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import certificates, chains, files, keys
from .attributes import drift
from .errors import CertificateError, HostError
from .manifest import CERTIFICATE, KEY, MANIFEST, Found, read
from .versions import Versions
from .wanted import Wanted

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True)
class Issued:
    """What the CA delivered for a certificate, PEM texts, and the account that ordered it."""

    certificate: str
    chain: str
    account_uri: str | None = None


@dataclass(frozen=True)
class Deployed:
    """What became of a certificate. warning: a sentence for people, or empty."""

    changed: bool
    version: str
    serial: str
    not_after: str
    reason: str
    warning: str = ""


def deploy(home: str, wanted: Wanted, issued: Issued, now: datetime, check: bool) -> Deployed:
    """Check the certificate, add it to the pending version and switch the live link. Raises HostError."""
    versions = Versions(home, wanted.name)
    leaf, chain = _parsed(issued)
    pem = certificates.pem(leaf)

    def step(found: Found) -> Deployed:
        if found.live and files.holds(versions.path(found.live, CERTIFICATE), pem):
            return _deployed(read(versions.path(found.live, MANIFEST)) or {}, found.live, False, "unchanged")
        if not found.pending and found.live and _would_do(versions, found.live, leaf, wanted, now):
            # Another run at the same time was faster with its own order for the same key.
            return _deployed(read(versions.path(found.live, MANIFEST)) or {}, found.live, False, "unchanged")
        number = versions.pending(found)
        warning = certificates.check(leaf, _key(versions, number), wanted.identifiers, now)
        chains.check(leaf, chain, now)
        manifest = {**(found.manifest or {}), **certificates.facts(leaf)}
        if issued.account_uri:
            manifest["account_uri"] = issued.account_uri
        if not check:
            versions.repair(number, wanted.attributes)
            versions.complete(number, manifest, pem, b"".join(map(certificates.pem, chain)))
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
        path = versions.path(found.live, KEY)
        texts = drift(path, wanted.attributes) if check else versions.repair(found.live, wanted.attributes)
        manifest = read(versions.path(found.live, MANIFEST)) or {}
        return _deployed(manifest, found.live, bool(texts), "; ".join(texts) or "unchanged")

    if check:
        return step(versions.look())
    with versions.locked() as found:
        return step(found)


def reload_outstanding(home: str, name: str) -> bool:
    """Whether the services have not been reloaded since the live version became it."""
    found = Versions(home, name).look()
    manifest = read(Versions(home, name).path(found.live, MANIFEST)) if found.live else None
    return manifest is not None and not manifest["reloaded"]


def confirm(home: str, name: str) -> None:
    """Write down that the services use the live version, and remove the oldest versions. Raises HostError."""
    versions = Versions(home, name)
    with versions.locked() as found:
        if found.live:
            versions.note(found.live, reloaded=True)
            versions.prune(found.live)


def _key(versions: Versions, number: str) -> keys.PrivateKey:
    path = versions.path(number, KEY)
    return keys.load(files.read(path), path)


def _would_do(versions: Versions, number: str, leaf: x509.Certificate, wanted: Wanted, now: datetime) -> bool:
    """Whether a certificate is for a version's key and what is wanted."""
    try:
        certificates.check(leaf, _key(versions, number), wanted.identifiers, now)
    except HostError:
        return False
    return True


def _parsed(issued: Issued):  # type: ignore[no-untyped-def]
    leaves = certificates.load_all(issued.certificate, "the certificate")
    if len(leaves) != 1:
        raise CertificateError(f"the CA's answer has {len(leaves)} certificates where one belongs")
    return leaves[0], certificates.load_all(issued.chain, "the chain")


def _deployed(manifest: Mapping[str, Any], number: str, changed: bool, reason: str, warning: str = "") -> Deployed:
    return Deployed(changed, number, manifest.get("serial") or "", manifest.get("not_after") or "", reason, warning)
