# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Putting a certificate in place: checked, added to its pending version, made the live one, told to its services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..._common.errors import CollectionError
from ..._common.names import CERTIFICATE, CHAIN, KEY, MANIFEST
from ..._common.statuses import Outcome
from ..._common.terms import Terms
from ..._common.times import utc
from ..._x509 import certificates, chains, keys
from ..._x509.errors import CertificateError, MisfitError
from ..errors import StateError
from ..store import files, format_files
from ..store.manifest import StoredVersions, issued_facts, live_facts, read, read_versions
from ..store.versions import KEPT, Versions
from ..wanted import formats
from ..wanted.attributes import drift
from ..wanted.wanted import WantedCertificate

if TYPE_CHECKING:
    from cryptography import x509


_NONE_LIVE = "no version of it is live"
_NEW = (Outcome.ISSUED, Outcome.SWITCHED, Outcome.RECEIVED)


@dataclass(frozen=True)
class IssuedCertificate:
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
    """What became of a certificate. warning, and problem, which is worse: a sentence for people, or empty.

    details: what was put right, for people. written: whether services have a format to read anew.
    """

    changed: bool
    version: str
    serial: str
    not_after: str
    outcome: Outcome
    warning: str = ""
    problem: str = ""
    written: bool = False
    details: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """True if a certificate has been put in place just now."""
        return self.outcome in _NEW

    @property
    def reason(self) -> str:
        """For people: what was put right, or else the outcome."""
        return "; ".join(self.details) or self.outcome.value


def deploy(home: str, wanted: WantedCertificate, issued: IssuedCertificate, now: datetime, check: bool) -> Deployed:
    """Check the certificate, add it to the pending version and switch the live link. Raises CollectionError."""
    versions = Versions(home, wanted.name)
    leaf, chain = parsed(issued)
    pem = certificates.pem(leaf)

    def step(found: StoredVersions) -> Deployed:
        wanted.claim.verify(found, wanted.identifiers)
        if found.live and files.has_content(versions.path(found.live, CERTIFICATE), pem):
            return _unchanged(versions, found.live, wanted, now, check)
        if not found.pending and found.live and _overtaken(versions, found.live, leaf, issued, wanted, now):
            # Another run at the same time was faster with an order of its own.
            return _unchanged(versions, found.live, wanted, now, check)
        number = versions.pending(found)
        try:
            warning = certificates.verify(leaf, _key(versions, number), wanted.identifiers, now)
        except MisfitError as error:
            raise _misfit(error, issued, found.manifest or {}) from None
        chains.verify(leaf, chain, now)
        # If another run has journaled its order since, for the same key, that one finds its host served.
        manifest = {**(found.manifest or {}), **wanted.claim.fields(found), **certificates.facts(leaf)}
        manifest.update({field: uri for field in ("account_uri", "order_uri") if (uri := getattr(issued, field))})
        if not check:
            versions.repair(number, wanted.attributes)
            versions.complete(number, manifest, pem, b"".join(map(certificates.pem, chain)))
            versions.switch(number)
        return with_formats(_deployed(manifest, number, True, Outcome.ISSUED, warning), versions, wanted, now, check)

    if check:
        return step(versions.read())
    with versions.locked() as found:
        return step(found)


def switch(home: str, wanted: WantedCertificate, now: datetime, check: bool) -> Deployed | None:
    """Make the pending version live, which lacks nothing but that. Return None if there is none.

    Raises CollectionError.
    """
    versions = Versions(home, wanted.name)

    def step(found: StoredVersions) -> Deployed | None:
        if found.pending and issued_facts(home, wanted.name, found):
            wanted.claim.verify(found, wanted.identifiers)
            return _switched(versions, found, found.pending, wanted, now, check)
        return None

    if check:
        return step(versions.read())
    with versions.locked() as found:
        return step(found)


def repair(home: str, wanted: WantedCertificate, now: datetime, check: bool) -> Deployed | None:
    """Put the live key's mode, owner and group right, the list that the manifest names, and the formats.

    None if no version is live. Raises CollectionError.
    """
    versions = Versions(home, wanted.name)

    def step(found: StoredVersions) -> Deployed | None:
        if not found.live:
            return None
        wanted.claim.verify(found, wanted.identifiers)
        path = versions.path(found.live, KEY)
        texts = drift(path, wanted.attributes) if check else versions.repair(found.live, wanted.attributes)
        texts += _reassigned(versions, found, wanted, check)
        manifest = read(versions.path(found.live, MANIFEST)) or {}
        outcome = Outcome.REPAIRED if texts else Outcome.UNCHANGED
        deployed = _deployed(manifest, found.live, bool(texts), outcome)
        return with_formats(replace(deployed, details=tuple(texts)), versions, wanted, now, check)

    if check:
        return step(versions.read())
    with versions.locked() as found:
        return step(found)


def go_back(home: str, wanted: WantedCertificate, number: str, now: datetime) -> Return | None:
    """Make the version before *number*, the live one, the live one again, with its formats; *number* is pending then.

    Return None if another run's is live by now, which is newer and valid. Raises CollectionError; StateError where
    there is no earlier version that is whole and still valid, or *number* is not new, or not the live one.
    """
    versions = Versions(home, wanted.name)
    with versions.locked() as found:
        if found.live != number:
            if found.live and int(found.live) > int(number) and _holds(versions, found.live, wanted, now):
                return None
            raise StateError(f"another run has made version {found.live} the live one" if found.live else _NONE_LIVE)
        manifest = read(versions.path(number, MANIFEST)) or {}
        if _was_used(versions, number):
            raise StateError(f"version {number} is not new, its services have used it before")
        before = [other for other in reversed(found.numbers) if int(other) < int(number)]
        # The newest that held once: one that never did may have been left in the same way.
        for other in sorted(before, key=lambda other: not _was_used(versions, other)):
            facts = live_facts(home, wanted.name, other)
            if _is_whole(facts, now):
                versions.note(number, reloaded=False)  # or it would be taken for history
                versions.switch(other)
                try:
                    trouble = "; ".join(format_files.write(versions, other, wanted.formats, now).problems)
                except CollectionError as error:  # the way back itself is done
                    trouble = str(error)
                return Return(number, manifest.get("serial") or "", other, facts["serial"], trouble)
        raise StateError("no earlier version is still valid, so there is nothing to roll back to")


def certificate(home: str, name: str, number: str) -> bytes:
    """A version's certificate, PEM. Raises CollectionError."""
    return files.read(Versions(home, name).path(number, CERTIFICATE))


def unconfirm(home: str, name: str, number: str) -> None:
    """Write down that the services may not use a version, if it is live. Raises CollectionError."""
    versions = Versions(home, name)
    with versions.locked() as found:
        if found.live == number:
            versions.unconfirm(number)


def reload_outstanding(home: str, name: str, number: str) -> bool:
    """Whether a version is live, and the services have not been reloaded since it became that."""
    versions = Versions(home, name)
    manifest = read(versions.path(number, MANIFEST)) if read_versions(home, name).live == number else None
    return manifest is not None and not manifest["reloaded"]


def confirm(home: str, name: str, number: str, keep: int = KEPT) -> None:
    """Write down that the services use a version, if it is live, and keep so many versions.

    Raises CollectionError.
    """
    versions = Versions(home, name)
    with versions.locked() as found:
        if found.live == number:
            versions.note(number, reloaded=True)
            versions.prune(number, keep)


def _reassigned(versions: Versions, found: StoredVersions, wanted: WantedCertificate, check: bool) -> list[str]:
    """Have the manifests name the list that wants the certificate. Gives what was wrong, in words."""
    texts = wanted.claim.drift(found)
    if texts and not check:
        fields = wanted.claim.fields(found)
        for number in reversed(found.manifests):  # the newest first, as it counts if this is killed
            versions.note(number, **fields)
    return texts


def _switched(
    versions: Versions, found: StoredVersions, number: str, wanted: WantedCertificate, now: datetime, check: bool
) -> Deployed:
    """Have a version that is complete go live, checked as if it came from the CA just now."""
    texts = (files.read(versions.path(number, file)).decode("ascii", "replace") for file in (CERTIFICATE, CHAIN))
    leaf, chain = parsed(IssuedCertificate(*texts))
    warning = certificates.verify(leaf, _key(versions, number), wanted.identifiers, now)
    chains.verify(leaf, chain, now)
    if not check:
        versions.repair(number, wanted.attributes)
        _reassigned(versions, found, wanted, check)
        versions.switch(number)
    deployed = _deployed(read(versions.path(number, MANIFEST)) or {}, number, True, Outcome.SWITCHED, warning)
    return with_formats(deployed, versions, wanted, now, check)


def _unchanged(versions: Versions, number: str, wanted: WantedCertificate, now: datetime, check: bool) -> Deployed:
    deployed = _deployed(read(versions.path(number, MANIFEST)) or {}, number, False, Outcome.UNCHANGED)
    return with_formats(deployed, versions, wanted, now, check)


def with_formats(
    deployed: Deployed, versions: Versions, wanted: WantedCertificate, now: datetime, check: bool
) -> Deployed:
    """Have the formats be those of the version that was put in place, or kept. In a check, say what would be done."""
    if check:
        if deployed.is_new:
            return replace(deployed, written=bool(wanted.formats))
        manifest = read(versions.path(deployed.version, MANIFEST)) or {}
        key = files.read(versions.path(deployed.version, KEY))
        content = any(formats.as_recorded(item, manifest, key) is None for item in wanted.formats)
        return replace(_told(deployed, formats.drift(wanted.formats, manifest, key)), written=content)
    written = format_files.write(versions, deployed.version, wanted.formats, now)
    if written.content:
        versions.unconfirm(deployed.version)
    warning = "; ".join(filter(None, (deployed.warning, *written.warnings)))
    told = _told(deployed, written.changed)
    return replace(told, warning=warning, problem="; ".join(written.problems), written=written.content)


def _told(deployed: Deployed, texts: Sequence[str]) -> Deployed:
    """The same, with what was wrong with the formats, if it has nothing better to tell."""
    if not texts or deployed.is_new:
        return deployed
    return replace(deployed, changed=True, outcome=Outcome.REPAIRED, details=(*deployed.details, *texts))


def _misfit(error: MisfitError, issued: IssuedCertificate, pending: Mapping[str, Any]) -> CollectionError:
    """Return the error for a certificate that does not fit the pending version, *pending* is its manifest.

    It is no MisfitError where the certificate is of another order than the journal's: that order is not to blame.
    """
    journaled = pending.get("order_uri")
    if not issued.order_uri or not journaled or issued.order_uri == journaled:
        return error
    return StateError(
        f"the certificate is of the order {issued.order_uri}, but the journal has {journaled}: "
        "another run ordered it at the same time; the next run goes on with that order"
    )


def _key(versions: Versions, number: str) -> keys.PrivateKey:
    path = versions.path(number, KEY)
    return keys.load(files.read(path), path)


def _overtaken(
    versions: Versions,
    live: str,
    leaf: x509.Certificate,
    issued: IssuedCertificate,
    wanted: WantedCertificate,
    now: datetime,
) -> bool:
    """Whether the live version is what another run made of the same pending one, or in its place."""
    try:
        certificates.verify(leaf, _key(versions, live), wanted.identifiers, now)
    except CollectionError:
        manifest = read(versions.path(live, MANIFEST)) or {}
        own = not issued.order_uri or issued.order_uri == manifest.get("order_uri")
        return not own and _holds(versions, live, wanted, now)
    return True


def _holds(versions: Versions, number: str, wanted: WantedCertificate, now: datetime) -> bool:
    """Whether a version is what is wanted, whole and in force."""
    facts = live_facts(versions.home, versions.name, number)
    return not wanted.terms.difference(Terms.of_version(facts)) and _is_whole(facts, now)


def _was_used(versions: Versions, number: str) -> bool:
    """Whether services have used a version, and it held."""
    manifest = read(versions.path(number, MANIFEST)) or {}
    return bool(manifest.get("proved") or manifest.get("reloaded"))


def _is_whole(facts: Mapping[str, Any], now: datetime) -> bool:
    """Whether there is nothing wrong with a version but what is wanted."""
    return not (facts["missing"] or facts["damaged"] or facts["unreadable"]) and utc(now) < facts["not_after"]


def parsed(issued: IssuedCertificate):  # type: ignore[no-untyped-def]
    """What the CA delivered: the certificate, and those of the chain above it. Raises CertificateError."""
    leaves = certificates.load_all(issued.certificate, "the certificate from the CA")
    if len(leaves) != 1:
        raise CertificateError(f"the CA's answer has {len(leaves)} certificates where one belongs")
    return leaves[0], certificates.load_all(issued.chain, "the chain from the CA")


def _deployed(manifest: Mapping[str, Any], number: str, changed: bool, outcome: Outcome, warning: str = "") -> Deployed:
    return Deployed(changed, number, manifest.get("serial") or "", manifest.get("not_after") or "", outcome, warning)
