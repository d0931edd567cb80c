# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a certificate in place: checked, added to its pending version, made the live one, told to its services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import certificates, chains, files, format_files, formats, keys
from .attributes import drift
from .certificates import utc
from .errors import CertificateError, HostError, StateError
from .formats import Format
from .manifest import CERTIFICATE, CHAIN, KEY, MANIFEST, Found, issued_facts, live_facts, read
from .versions import KEPT, Versions
from .wanted import Wanted

if TYPE_CHECKING:
    from cryptography import x509


_NEW = ("issued", "switched", "received")  # reasons of what has been put in place just now


@dataclass(frozen=True)
class Issued:
    """What the CA delivered for a certificate, PEM texts, the account that ordered it, and the order."""

    certificate: str
    chain: str
    account_uri: str | None = None
    order_uri: str | None = None


@dataclass(frozen=True)
class Return:
    """A way back: the version that was left, the one that is live again, and their serials.

    trouble: what could not be taken back, or empty.
    """

    left: str
    left_serial: str
    live: str
    live_serial: str
    trouble: str = ""


@dataclass(frozen=True)
class Deployed:
    """What became of a certificate. warning, and problem, which is worse: a sentence for people, or empty."""

    changed: bool
    version: str
    serial: str
    not_after: str
    reason: str
    warning: str = ""
    problem: str = ""


def deploy(home: str, wanted: Wanted, issued: Issued, now: datetime, check: bool) -> Deployed:
    """Check the certificate, add it to the pending version and switch the live link. Raises HostError."""
    versions = Versions(home, wanted.name)
    leaf, chain = parsed(issued)
    pem = certificates.pem(leaf)

    def step(found: Found) -> Deployed:
        if found.live and files.holds(versions.path(found.live, CERTIFICATE), pem):
            return _unchanged(versions, found.live, wanted, now, check)
        if not found.pending and found.live and _would_do(versions, found.live, leaf, wanted, now):
            # Another run at the same time was faster with its own order for the same key.
            return _unchanged(versions, found.live, wanted, now, check)
        number = versions.pending(found)
        _check_order(issued, found.manifest or {})
        warning = certificates.check(leaf, _key(versions, number), wanted.identifiers, now)
        chains.check(leaf, chain, now)
        manifest = {**(found.manifest or {}), **certificates.facts(leaf)}
        if issued.account_uri:
            manifest["account_uri"] = issued.account_uri
        if not check:
            versions.repair(number, wanted.attributes)
            versions.complete(number, manifest, pem, b"".join(map(certificates.pem, chain)))
            versions.switch(number)
        return with_formats(_deployed(manifest, number, True, "issued", warning), versions, wanted, now, check)

    if check:
        return step(versions.look())
    with versions.locked() as found:
        return step(found)


def switch(home: str, wanted: Wanted, now: datetime, check: bool) -> Deployed | None:
    """Make the pending version the live one, which lacks nothing but that. None if there is none. Raises HostError."""
    versions = Versions(home, wanted.name)

    def step(found: Found) -> Deployed | None:
        if found.pending and issued_facts(home, wanted.name, found):
            return _switched(versions, found.pending, wanted, now, check)
        return None

    if check:
        return step(versions.look())
    with versions.locked() as found:
        return step(found)


def repair(home: str, wanted: Wanted, now: datetime, check: bool) -> Deployed | None:
    """Put the live key's mode, owner and group right, and the formats; None if no version is live. Raises HostError."""
    versions = Versions(home, wanted.name)

    def step(found: Found) -> Deployed | None:
        if not found.live:
            return None
        path = versions.path(found.live, KEY)
        texts = drift(path, wanted.attributes) if check else versions.repair(found.live, wanted.attributes)
        manifest = read(versions.path(found.live, MANIFEST)) or {}
        deployed = _deployed(manifest, found.live, bool(texts), "; ".join(texts) or "unchanged")
        return with_formats(deployed, versions, wanted, now, check)

    if check:
        return step(versions.look())
    with versions.locked() as found:
        return step(found)


def go_back(home: str, name: str, now: datetime, wanted: Sequence[Format] = ()) -> Return:
    """Make the version before the live one the live one again: what came after is pending from then on.

    *wanted*: the formats that go back with it.

    Raises HostError, StateError where there is none that is whole and holds still, or the live one is not new.
    """
    versions = Versions(home, name)
    with versions.locked() as found:
        if not found.live:
            raise StateError("no version of it is live")
        if (read(versions.path(found.live, MANIFEST)) or {}).get("proved"):
            raise StateError(f"version {found.live} is not new, its services have used it before")
        for number in reversed(found.numbers):
            if int(number) >= int(found.live):
                continue
            facts = live_facts(home, name, number)
            whole = not (facts["missing"] or facts["damaged"] or facts["unreadable"])
            if whole and utc(now) < facts["not_after"]:
                versions.note(found.live, reloaded=False)  # or it would be taken for history
                versions.switch(number)
                left = read(versions.path(found.live, MANIFEST)) or {}
                trouble = "; ".join(format_files.write(versions, number, wanted, now).problems)
                return Return(found.live, left.get("serial") or "", number, facts["serial"], trouble)
        raise StateError("there is no version before it that holds still")


def live_certificate(home: str, name: str) -> bytes:
    """The live certificate, PEM. Raises HostError."""
    versions = Versions(home, name)
    found = versions.look()
    if not found.live:
        raise StateError("no version of it is live")
    return files.read(versions.path(found.live, CERTIFICATE))


def unconfirm(home: str, name: str) -> None:
    """Write down that the services may not use the live version. Raises HostError."""
    versions = Versions(home, name)
    with versions.locked() as found:
        if found.live:
            versions.unconfirm(found.live)


def reload_outstanding(home: str, name: str) -> bool:
    """Whether the services have not been reloaded since the live version became it."""
    found = Versions(home, name).look()
    manifest = read(Versions(home, name).path(found.live, MANIFEST)) if found.live else None
    return manifest is not None and not manifest["reloaded"]


def confirm(home: str, name: str, keep: int = KEPT) -> None:
    """Write down that the services use the live version, and keep so many versions. Raises HostError."""
    versions = Versions(home, name)
    with versions.locked() as found:
        if found.live:
            versions.note(found.live, reloaded=True)
            versions.prune(found.live, keep)


def _switched(versions: Versions, number: str, wanted: Wanted, now: datetime, check: bool) -> Deployed:
    """Have a version that is complete go live, checked as if it came from the CA just now."""
    texts = (files.read(versions.path(number, file)).decode("ascii", "replace") for file in (CERTIFICATE, CHAIN))
    leaf, chain = parsed(Issued(*texts))
    warning = certificates.check(leaf, _key(versions, number), wanted.identifiers, now)
    chains.check(leaf, chain, now)
    if not check:
        versions.repair(number, wanted.attributes)
        versions.switch(number)
    deployed = _deployed(read(versions.path(number, MANIFEST)) or {}, number, True, "switched", warning)
    return with_formats(deployed, versions, wanted, now, check)


def _unchanged(versions: Versions, number: str, wanted: Wanted, now: datetime, check: bool) -> Deployed:
    deployed = _deployed(read(versions.path(number, MANIFEST)) or {}, number, False, "unchanged")
    return with_formats(deployed, versions, wanted, now, check)


def with_formats(deployed: Deployed, versions: Versions, wanted: Wanted, now: datetime, check: bool) -> Deployed:
    """Have the formats be those of the version that was put in place, or kept. In a check, say what would be done."""
    if check:
        texts = [] if deployed.reason in _NEW else _format_drift(versions, deployed.version, wanted)
        return _told(deployed, texts)
    written = format_files.write(versions, deployed.version, wanted.formats, now)
    if written.content:
        versions.unconfirm(deployed.version)
    warning = "; ".join(filter(None, (deployed.warning, *written.warnings)))
    return replace(_told(deployed, written.changed), warning=warning, problem="; ".join(written.problems))


def _format_drift(versions: Versions, number: str, wanted: Wanted) -> list[str]:
    manifest = read(versions.path(number, MANIFEST)) or {}
    return formats.drift(wanted.formats, manifest, files.read(versions.path(number, KEY)))


def _told(deployed: Deployed, texts: Sequence[str]) -> Deployed:
    """The same, with what was wrong with the formats as its reason, if it has no better one."""
    if not texts or deployed.reason in _NEW:
        return deployed
    known = [] if deployed.reason == "unchanged" else [deployed.reason]
    return replace(deployed, changed=True, reason="; ".join([*known, *texts]))


def _check_order(issued: Issued, pending: Mapping[str, Any]) -> None:
    """Raise StateError for the certificate of another order than the one that the journal has."""
    journaled = pending.get("order_uri")
    if issued.order_uri and journaled and issued.order_uri != journaled:
        raise StateError(
            f"the certificate is of the order {issued.order_uri}, but the journal has {journaled}: "
            "another run ordered it at the same time; the next run goes on with that order"
        )


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


def parsed(issued: Issued):  # type: ignore[no-untyped-def]
    """What the CA delivered: the certificate, and those of the chain above it. Raises CertificateError."""
    leaves = certificates.load_all(issued.certificate, "the certificate")
    if len(leaves) != 1:
        raise CertificateError(f"the CA's answer has {len(leaves)} certificates where one belongs")
    return leaves[0], certificates.load_all(issued.chain, "the chain")


def _deployed(manifest: Mapping[str, Any], number: str, changed: bool, reason: str, warning: str = "") -> Deployed:
    return Deployed(changed, number, manifest.get("serial") or "", manifest.get("not_after") or "", reason, warning)
