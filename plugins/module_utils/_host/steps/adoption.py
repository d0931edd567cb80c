# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take over certificates that other clients left on a host: one becomes the first version, and nothing is issued."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..._common.errors import CollectionError
from ..._common.names import CERTIFICATE_KEY_TYPES
from ..._common.statuses import Reason
from ..._common.terms import Terms
from ..._common.times import utc
from ..._x509 import certificates, chains, keys
from ..errors import StateError
from ..store import trusted_roots
from ..store.files import Content
from ..store.manifest import StoredVersions, revoked_at
from ..store.versions import Versions
from ..wanted.wanted import WantedCertificate
from . import other_clients
from .other_clients import Lineage

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
except ImportError:
    pass  # reported by availability.py, before anything here is called

if TYPE_CHECKING:
    from ..._x509.keys import PrivateKey

# OpenSSL writes the curve before an EC key, which readers stumble over.
_KEY = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----.+?-----END ([A-Z]+ )?PRIVATE KEY-----", re.DOTALL)


@dataclass(frozen=True)
class Material:
    """A private key, its certificate and the chain above it, which were verified."""

    key: PrivateKey
    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def key_type(self) -> str:
        return keys.type_of(self.key)

    @property
    def not_after(self) -> datetime:
        return certificates.validity(self.leaf).not_after


@dataclass(frozen=True)
class Candidate:
    """A certificate of another client. problem: why it cannot be taken over; empty if there is material."""

    lineage: Lineage
    problem: str = ""
    identifiers: frozenset[str] = frozenset()
    material: Material | None = None

    def facts(self) -> dict[str, Any]:
        """Return the fields of the module's result, with what an entry of acme_certificates needs."""
        return {
            "client": self.lineage.client,
            "name": self.lineage.name,
            "certificate": self.lineage.certificate,
            "identifiers": sorted(self.identifiers),
            "key_type": self.material.key_type if self.material else None,
            "not_after": utc(self.material.not_after) if self.material else None,
            "directory": self.lineage.directory or None,
            "webroot": self.lineage.webroot,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Adopted:
    """The outcome for a wanted certificate. problem: why nothing was taken over, or empty. warning: for people."""

    changed: bool
    version: str | None = None
    serial: str | None = None
    not_after: str | None = None
    source: Lineage | None = None
    problem: str = ""
    warning: str = ""

    def facts(self) -> dict[str, Any]:
        """Return the fields of the module's result."""
        source = self.source
        return {
            **{field: getattr(self, field) for field in ("changed", "version", "serial", "not_after", "problem")},
            "client": source.client if source else None,
            "source": source.certificate if source else None,
        }

    def line(self) -> str:
        """Return what changed, for people."""
        source = self.source.certificate if self.source else ""
        return f"adopted from {source}\nserial {self.serial}\nuntil {self.not_after}\n"


@dataclass
class AdoptionBatch:
    """Take over *candidates* for the wanted certificates. One that fails stops no other.

    now: aware UTC. check: change nothing. adopted: by certificate. failures: reasons by certificate.
    """

    home: str
    candidates: Sequence[Candidate]
    now: datetime
    check: bool
    adopted: dict[str, Adopted] = field(default_factory=dict, init=False)
    failures: dict[str, str] = field(default_factory=dict, init=False)

    def adopt(self, wanted: WantedCertificate) -> None:
        """Make the best candidate for a certificate its first version."""
        try:
            self.adopted[wanted.name] = adopt(self.home, wanted, self.candidates, self.now, self.check)
        except CollectionError as error:
            self.failures[wanted.name] = str(error)

    def warnings(self) -> list[str]:
        """Return lines about certificates that the next run replaces, and about named files that cannot be used."""
        of_certificates = [
            f"certificate {name}: {adopted.warning}" for name, adopted in self.adopted.items() if adopted.warning
        ]
        of_files = [
            f"{item.lineage.certificate}, which files names, cannot be taken over: {item.problem}"
            for item in self.candidates
            if item.problem and item.lineage.client == other_clients.FILES and item.lineage not in self._names
        ]
        return [*of_certificates, *of_files]

    def result(self) -> dict[str, Any]:
        """Return the result of the module."""
        changed = {name: adopted for name, adopted in self.adopted.items() if adopted.changed}
        names = self._names
        return {
            "changed": bool(changed),
            "diff": [
                {"before_header": name, "after_header": name, "before": "", "after": adopted.line()}
                for name, adopted in changed.items()
            ],
            "certificates": [{"name": name, **adopted.facts()} for name, adopted in self.adopted.items()],
            "found": [{**item.facts(), "adopted": names.get(item.lineage)} for item in self.candidates],
            "failures": self.failures,
        }

    @property
    def _names(self) -> Mapping[Lineage, str]:
        """The certificates that were made of lineages, in this run or before."""
        return {adopted.source: name for name, adopted in self.adopted.items() if adopted.source}


def read_candidates(lineages: Iterable[Lineage], now: datetime) -> list[Candidate]:
    """Read and verify the certificates of *lineages*. A file that several clients know is one candidate."""
    by_file: dict[str, Lineage] = {}
    for lineage in lineages:
        by_file.setdefault(lineage.certificate, lineage)
    return [_candidate(lineage, now) for lineage in by_file.values()]


def adopt(home: str, wanted: WantedCertificate, candidates: Sequence[Candidate], now: datetime, check: bool) -> Adopted:
    """Make the best of *candidates* the live version, if there is none. Raises CollectionError.

    One whose CA is unknown counts as one of the first of the wanted directories.
    """
    versions = Versions(home, wanted.name)
    there = versions.read()
    if there.live:
        return Adopted(False, source=_adopted_before(versions, there.live, candidates))
    wanted.claim.verify(there, wanted.identifiers)
    fitting = [found for found in candidates if found.identifiers == set(wanted.identifiers)]
    revoked = {said.get("serial") for said in there.manifests.values() if revoked_at(said)}
    fitting = [_not_revoked(found, revoked) for found in fitting]
    usable = [(found.lineage, found.material) for found in fitting if found.material]
    if not usable:
        return Adopted(False, problem=_why_not(fitting))
    lineage, best = max(usable, key=lambda found: _rank(found[1], wanted, now))
    manifest = _manifest(lineage, best, wanted, there)
    adopted = Adopted(
        True,
        serial=manifest["serial"],
        not_after=manifest["not_after"],
        source=lineage,
        warning="; ".join(filter(None, (_differences(manifest, wanted), _lack(lineage, best)))),
    )
    if check:
        return adopted
    with versions.locked() as found:
        if found.live:
            return Adopted(False)
        pem = certificates.pem(best.leaf), b"".join(map(certificates.pem, best.chain))
        number = versions.take_in(found, manifest, Content(keys.pem(best.key), wanted.attributes), *pem)
        versions.switch(number)
        # The services use it at its old place: there is nothing to reload.
        versions.note(number, reloaded=True)
    return replace(adopted, version=number)


def _not_revoked(found: Candidate, serials: Collection[str | None]) -> Candidate:
    """Return a candidate, without material if the certificate was revoked here (*serials*) and taken away."""
    serial = certificates.serial(found.material.leaf) if found.material else ""
    if serial not in serials:
        return found
    return replace(found, material=None, problem=f"{found.lineage.certificate} (serial {serial}) is revoked")


def _candidate(lineage: Lineage, now: datetime) -> Candidate:
    found: frozenset[str] = frozenset()
    try:
        delivered = _certificates(lineage.certificate)
        leaf = chains.leaf_of(delivered)
        found = frozenset(certificates.covered(leaf))
        if leaf.issuer == leaf.subject:
            raise StateError(f"{lineage.certificate} is self-signed")
        key = _key(lineage.key)
        if keys.public_der(leaf.public_key()) != keys.public_der(key.public_key()):
            raise StateError(f"{lineage.key} is not the key of {lineage.certificate}")
        if keys.type_of(key) not in CERTIFICATE_KEY_TYPES:
            known = ", ".join(CERTIFICATE_KEY_TYPES)
            raise StateError(f"{lineage.key} is {keys.type_of(key)}, which is not one of {known}")
        if certificates.validity(leaf).not_after <= now:
            raise StateError(f"{lineage.certificate} ended at {utc(certificates.validity(leaf).not_after)}")
        if len(delivered) == 1 and lineage.chain:
            delivered = _certificates(lineage.chain)
        above = chains.issuers_of(leaf, delivered)
        certificates.verify_chain(leaf, above, now)
    except CollectionError as error:
        return Candidate(lineage, str(error), found)
    except (ValueError, UnsupportedAlgorithm):  # in parts that the library parses only on access
        return Candidate(lineage, f"{lineage.certificate} or its chain has content that cannot be read")
    return Candidate(lineage, "", found, Material(key, leaf, tuple(above)))


def _certificates(path: str) -> list[x509.Certificate]:
    """Return the certificates in a file of a certificate or a chain. Raises StateError if there are none."""
    found = certificates.load_all(other_clients.material(path), path)
    if not found:
        raise StateError(f"{path} has no readable certificate")
    return found


def _key(path: str) -> PrivateKey:
    found = _KEY.search(other_clients.material(path))
    return keys.load(found[0].encode("utf-8", "replace") if found else b"", path)


def _adopted_before(versions: Versions, live: str, candidates: Iterable[Candidate]) -> Lineage | None:
    """Return the certificate that the live version was taken over from, if it still exists."""
    source = versions.manifest(live).get("adopted")
    return next((found.lineage for found in candidates if found.lineage.certificate == source), None)


def _rank(found: Material, wanted: WantedCertificate, now: datetime) -> tuple[bool, bool, bool, datetime]:
    """Rank chains that lead to the host's trust store first: a certificate that somebody made may have any date."""
    top = found.chain[-1] if found.chain else found.leaf
    trusted = trusted_roots.find(top, trusted_roots.TRUSTED, now) is not None
    return trusted, bool(found.chain), found.key_type == wanted.key_type, found.not_after


def _lack(lineage: Lineage, found: Material) -> str:
    if found.chain:
        return ""
    return f"{lineage.certificate} has no chain, which most clients of a server need: name its file, too"


def _manifest(lineage: Lineage, found: Material, wanted: WantedCertificate, there: StoredVersions) -> dict[str, Any]:
    facts = certificates.facts(found.leaf)
    return wanted.manifest(
        there,
        key_type=found.key_type,
        profile=lineage.profile,
        directory=_directory(lineage, wanted.directories),
        account_uri=lineage.account_uri,
        created=facts["not_before"],  # its key is that old at least
        adopted=lineage.certificate,
        **facts,
    )


def _directory(lineage: Lineage, directories: Sequence[str]) -> str:
    host = other_clients.place_of(lineage.directory or lineage.certificate_uri)
    if not host:
        return directories[0]
    if lineage.directory:
        return lineage.directory
    return next((url for url in directories if other_clients.place_of(url) == host), f"https://{host}/")


def _differences(manifest: Mapping[str, Any], wanted: WantedCertificate) -> str:
    """Return why the next run will replace the certificate; empty if it will not."""
    said = {
        Reason.KEY_TYPE: f"its key is {manifest['key_type']} and key_type is {wanted.key_type}",
        Reason.PROFILE: f"its profile is {manifest['profile'] or 'none'} and {wanted.profile or 'none'} is wanted",
        Reason.ISSUER: f"it is from {manifest['directory']} and {' or '.join(wanted.directories)} is wanted",
    }
    texts = [said[reason] for reason in wanted.terms.difference(Terms.of_version(manifest)) if reason in said]
    return f"the next run replaces it: {' and '.join(texts)}" if texts else ""


def _why_not(fitting: Sequence[Candidate]) -> str:
    if not fitting:
        return "no certificate with just these identifiers was found"
    return "; ".join(found.problem for found in fitting)
