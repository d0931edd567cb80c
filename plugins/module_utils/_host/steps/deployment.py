# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put a certificate in place: verify it, add it to its pending version, and make that the live one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..._common.errors import CollectionError
from ..._common.names import CERTIFICATE, KEY, verify_name
from ..._common.statuses import Outcome
from ..._common.terms import Terms
from ..._common.times import utc
from ..._x509 import certificates, chains
from ..._x509.errors import CertificateError, MisfitError, ValidityError
from ..errors import StateError
from ..store import files, format_files
from ..store.manifest import StoredVersions, is_whole, issued_facts, live_facts, read_versions
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
    """A certificate that the CA delivered, with its chain (PEM), and the URLs of account and order."""

    certificate: str
    chain: str
    account_uri: str | None = None
    order_uri: str | None = None


@dataclass(frozen=True)
class Return:
    """A roll-back: the version that was left, the one that is live again, and their serials.

    trouble: what could not be rolled back, or empty.
    """

    left: str
    left_serial: str
    live: str
    live_serial: str
    trouble: str = ""


@dataclass(frozen=True)
class Deployed:
    """The outcome for a certificate. warning, and problem, which is worse: a sentence for people, or empty.

    details: what was repaired, for people. written: True if a format was written that services have to read.
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
        """True if this run has put the certificate in place."""
        return self.outcome in _NEW

    @property
    def reason(self) -> str:
        """For people: what was repaired, or else the outcome."""
        return "; ".join(self.details) or self.outcome.value

    def line(self) -> str:
        """Return what changed, for people."""
        return f"version {self.version}: {self.reason}\nserial {self.serial}\nuntil {self.not_after}\n"


def deploy(home: str, wanted: WantedCertificate, issued: IssuedCertificate, now: datetime, check: bool) -> Deployed:
    """Verify the certificate, add it to the pending version and switch the live link. Raises CollectionError.

    ValidityError: by this host's clock it is not valid now. It is added all the same, and a later run switches to it.
    """
    versions = Versions(home, wanted.name)
    leaf, chain = parsed(issued)
    pem = certificates.pem(leaf)
    with versions.opened(check) as found:
        wanted.claim.verify(found, wanted.identifiers)
        if found.live:
            in_place = files.has_content(versions.path(found.live, CERTIFICATE), pem)
            # Another run at the same time may have put the certificate of its own order in place.
            if in_place or (not found.pending and _overtaken(versions, found.live, leaf, issued, wanted, now)):
                deployed = _deployed(versions.manifest(found.live), found.live, False, Outcome.UNCHANGED)
                return with_formats(deployed, versions, wanted, now, check)
        number = versions.pending(found)
        untimely, warning = None, ""
        try:
            warning = certificates.verify(leaf, chain, versions.key(number), wanted.identifiers, now)
        except ValidityError as error:
            untimely = error
        except MisfitError as error:
            raise _misfit(error, issued, found.manifest or {}) from None
        # If another run has journaled its order for the same key since, it will find this certificate in place.
        manifest = {**(found.manifest or {}), **wanted.claim.fields(found), **certificates.facts(leaf)}
        manifest.update({field: uri for field in ("account_uri", "order_uri") if (uri := getattr(issued, field))})
        if not check:
            versions.repair(number, wanted.attributes)
            versions.complete(number, manifest, pem, b"".join(map(certificates.pem, chain)))
        if untimely:
            raise untimely
        if not check:
            versions.switch(number)
        return with_formats(_deployed(manifest, number, True, Outcome.ISSUED, warning), versions, wanted, now, check)


def switch(home: str, wanted: WantedCertificate, now: datetime, check: bool) -> Deployed | None:
    """Make the pending version live if it has its certificate. Return None if there is none.

    Raises CollectionError.
    """
    versions = Versions(home, wanted.name)
    with versions.opened(check) as found:
        number = found.pending
        if not number or not issued_facts(home, wanted.name, found):
            return None
        wanted.claim.verify(found, wanted.identifiers)
        # It is verified like one that came from the CA.
        leaf, chain = parsed(IssuedCertificate(*versions.pems(number)))
        warning = certificates.verify(leaf, chain, versions.key(number), wanted.identifiers, now)
        if not check:
            versions.repair(number, wanted.attributes)
            _reassigned(versions, found, wanted, check)
            versions.switch(number)
        deployed = _deployed(found.manifests[number], number, True, Outcome.SWITCHED, warning)
        return with_formats(deployed, versions, wanted, now, check)


def repair(home: str, wanted: WantedCertificate, now: datetime, check: bool) -> Deployed | None:
    """Repair the live key's mode, owner and group, the list that the manifest names, and the formats.

    Return None if no version is live. Raises CollectionError.
    """
    versions = Versions(home, wanted.name)
    with versions.opened(check) as found:
        if not found.live:
            return None
        wanted.claim.verify(found, wanted.identifiers)
        path = versions.path(found.live, KEY)
        texts = drift(path, wanted.attributes) if check else versions.repair(found.live, wanted.attributes)
        texts += _reassigned(versions, found, wanted, check)
        manifest = found.manifests.get(found.live, {})
        outcome = Outcome.REPAIRED if texts else Outcome.UNCHANGED
        deployed = _deployed(manifest, found.live, bool(texts), outcome)
        return with_formats(replace(deployed, details=tuple(texts)), versions, wanted, now, check)


def go_back(home: str, wanted: WantedCertificate, number: str, now: datetime) -> Return | None:
    """Roll back from *number*, the live version, to an earlier one, with its formats. *number* is pending then.

    Return None if a newer version of another run is live, which is what is wanted. Raises CollectionError; StateError
    if there is no earlier version that is whole, still valid and not revoked, or *number* is not new, or not the live
    one.
    """
    versions = Versions(home, wanted.name)
    with versions.locked() as found:
        if found.live != number:
            newer = found.live is not None and int(found.live) > int(number)
            if found.live and newer and _is_as_wanted(versions, found.live, wanted, now):
                return None
            raise StateError(f"another run has made version {found.live} the live one" if found.live else _NONE_LIVE)
        if versions.was_used(number):
            raise StateError(f"version {number} is not new, its services have used it before")
        before = [other for other in reversed(found.numbers) if int(other) < int(number)]
        # Prefer versions that services have used: another one may have been rolled back, too.
        for other in sorted(before, key=lambda other: not versions.was_used(other)):
            facts = live_facts(home, wanted.name, other)
            if _is_usable(facts, now):
                versions.note(number, reloaded=False)  # else it would count as history, not as pending
                versions.switch(other)
                try:
                    trouble = "; ".join(format_files.write(versions, other, wanted.formats, now).problems)
                except CollectionError as error:  # the link is switched already
                    trouble = str(error)
                serial = versions.manifest(number).get("serial") or ""
                return Return(number, serial, other, facts["serial"], trouble)
        raise StateError("no earlier version is still valid, so there is nothing to roll back to")


def certificate(home: str, name: str, number: str) -> bytes:
    """Return a version's certificate, PEM. Raises CollectionError."""
    return files.read(Versions(home, name).path(number, CERTIFICATE))


def unconfirm(home: str, name: str, number: str) -> None:
    """Note that the services may not use a version, if it is live. Raises CollectionError."""
    versions = Versions(home, name)
    with versions.locked() as found:
        if found.live == number:
            versions.unconfirm(number)


def reload_outstanding(home: str, name: str, number: str) -> bool:
    """Return True if a version is live, and the services have not been reloaded since then."""
    verify_name(name)
    found = read_versions(home, name)
    manifest = found.manifests.get(number) if found.live == number else None
    return manifest is not None and not manifest["reloaded"]


def confirm(home: str, name: str, number: str, keep: int = KEPT) -> None:
    """Note that the services use a version, if it is live, and remove all but *keep* versions.

    Raises CollectionError.
    """
    versions = Versions(home, name)
    with versions.locked() as found:
        if found.live == number:
            versions.note(number, reloaded=True)
            versions.prune(found, number, keep)


def _reassigned(versions: Versions, found: StoredVersions, wanted: WantedCertificate, check: bool) -> list[str]:
    """Have the manifests name the list that wants the certificate. Return the differences, for people."""
    texts = wanted.claim.drift(found)
    if texts and not check:
        fields = wanted.claim.fields(found)
        for number in reversed(found.manifests):  # the newest first, as it counts if this is killed
            versions.note(number, **fields)
    return texts


def with_formats(
    deployed: Deployed, versions: Versions, wanted: WantedCertificate, now: datetime, check: bool
) -> Deployed:
    """Write the formats of the version that was put in place or kept. In a check, only return what would be done."""
    if check:
        if deployed.is_new:
            return replace(deployed, written=bool(wanted.formats))
        manifest = versions.manifest(deployed.version)
        key = files.read(versions.path(deployed.version, KEY))
        content = any(formats.as_recorded(item, manifest, key) is None for item in wanted.formats)
        return replace(_with_details(deployed, formats.drift(wanted.formats, manifest, key)), written=content)
    written = format_files.write(versions, deployed.version, wanted.formats, now)
    if written.content:
        versions.unconfirm(deployed.version)
    warning = "; ".join(filter(None, (deployed.warning, *written.warnings)))
    detailed = _with_details(deployed, written.changed)
    return replace(detailed, warning=warning, problem="; ".join(written.problems), written=written.content)


def _with_details(deployed: Deployed, texts: Sequence[str]) -> Deployed:
    """Return *deployed* with the differences of formats that were repaired, unless its certificate is new."""
    if not texts or deployed.is_new:
        return deployed
    return replace(deployed, changed=True, outcome=Outcome.REPAIRED, details=(*deployed.details, *texts))


def _misfit(error: MisfitError, issued: IssuedCertificate, pending: Mapping[str, Any]) -> CollectionError:
    """Return the error for a certificate that does not fit the pending version; *pending* is its manifest.

    It is no MisfitError where the certificate is of another order than the journal's: that order is not to blame.
    """
    journaled = pending.get("order_uri")
    if not issued.order_uri or not journaled or issued.order_uri == journaled:
        return error
    return StateError(
        f"the certificate is of the order {issued.order_uri}, but the journal has {journaled}: "
        "another run ordered it at the same time; the next run goes on with that order"
    )


def _overtaken(
    versions: Versions,
    live: str,
    leaf: x509.Certificate,
    issued: IssuedCertificate,
    wanted: WantedCertificate,
    now: datetime,
) -> bool:
    """Return True if another run has made the live version of the same pending one, or in its place."""
    try:
        certificates.verify(leaf, (), versions.key(live), wanted.identifiers, now)
    except CollectionError:
        own = not issued.order_uri or issued.order_uri == versions.manifest(live).get("order_uri")
        return not own and _is_as_wanted(versions, live, wanted, now)
    return True


def _is_as_wanted(versions: Versions, number: str, wanted: WantedCertificate, now: datetime) -> bool:
    """Return True if a version has the wanted terms, is whole, not revoked and has not expired."""
    facts = live_facts(versions.home, versions.name, number)
    return not wanted.terms.difference(Terms.of_version(facts)) and _is_usable(facts, now)


def _is_usable(facts: dict[str, Any], now: datetime) -> bool:
    """Return True if a version is whole, not revoked and has not expired; its terms may differ."""
    return is_whole(facts) and not facts["revoked"] and utc(now) < facts["not_after"]


def parsed(issued: IssuedCertificate) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Return the certificate and its issuers in the chain, in order. Raises CertificateError."""
    leaves = certificates.load_all(issued.certificate, "the certificate from the CA")
    if len(leaves) != 1:
        raise CertificateError(f"the CA's answer has {len(leaves)} certificates instead of one")
    return leaves[0], chains.issuers_of(leaves[0], certificates.load_all(issued.chain, "the chain from the CA"))


def _deployed(manifest: Mapping[str, Any], number: str, changed: bool, outcome: Outcome, warning: str = "") -> Deployed:
    return Deployed(changed, number, manifest.get("serial") or "", manifest.get("not_after") or "", outcome, warning)
