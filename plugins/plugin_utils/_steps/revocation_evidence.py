# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates that hosts and the record show, and which hosts use them, before any of them is chosen.

A host may lie: what it says is evidence only, and ownership.py decides what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    HostCertificate,
    PastVersion,
    Version,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc

from .flow import Shape, read
from .ownership import Certificate, CertificateRecord, RecordEntry
from .revocation_sources import RevocationSources

# Of certificates that are not in the record. With more than that, a host could keep the account busy for hours.
_MOST_SHOWN = 100


@dataclass(frozen=True)
class ShownVersion:
    """A certificate of a host. is_shown: by the host, and not by the record alone.

    created: the latest time at which its key can have been made, by the host's word and the record; empty if unknown.
    recorded_at: the time in the record; empty if it has none. Both are times as manifests have them.
    """

    name: str
    certificate: Certificate
    live: bool = False
    created: str = ""
    recorded_at: str = ""
    is_shown: bool = True


@dataclass
class Evidence:
    """The certificates that hosts show. Its methods read the sources again, and nothing else.

    answered: by host of the batch, its versions. users: the hosts that say that they use a certificate, and the name
    that it has there, by its digest, or by its serial number if that is all that is known. silent: hosts that do not
    say what they use. problems: a host, the name of a certificate, and why none is revoked.
    """

    sources: RevocationSources
    answered: dict[str, list[ShownVersion]] = field(default_factory=dict)
    users: dict[bytes | int, list[tuple[str, str]]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    _by_host: dict[tuple[str, str], list[RecordEntry]] = field(default_factory=dict)

    @classmethod
    def gather(cls, sources: RevocationSources) -> Evidence:
        """Read what the hosts of the play show, and what they use."""
        evidence = cls(sources)
        for entry in sources.record.select(sources.request.names, sources.now):
            evidence._by_host.setdefault((entry.recorded.host, entry.recorded.name), []).append(entry)
        hosts = sources.request.hosts
        for host in [*hosts, *sorted(set(sources.request.all_hosts).difference(hosts))]:
            evidence._add(host)
        return evidence

    def recorded(self, host: str) -> list[ShownVersion]:
        """Return the record's certificates of a host and of those that share with it, if they have not expired."""
        found = []
        for name in self.sources.request.names:
            for other in self.sources.inventory.sharing(host, name):
                for entry in self._by_host.get((other, name), ()):
                    time = recorded_at(entry.certificate, self.sources.record)
                    found.append(ShownVersion(name, entry.certificate, created=time, recorded_at=time, is_shown=False))
        return found

    def at_first(self, host: str) -> list[tuple[str, Version]]:
        """Return the versions of the first step with keys from before the instant that have not expired, by name."""
        request = self.sources.request
        versions = [
            (item.name, version)
            for item in self._found(host) or ()
            for version in (item.live, item.pending)
            if version and serial_of(version) >= 0 and item.name in request.names
        ]
        now = utc(self.sources.now)
        return [
            (name, version)
            for name, version in versions
            if made_at(version) < self.sources.since and not "" < (version.not_after or "") <= now
        ]

    def lost(self) -> list[RecordEntry]:
        """Return the old certificates in the record of hosts that failed or could not be reached."""
        lost, since = self.sources.request.lost, self.sources.since
        entries = (entry for entries in self._by_host.values() for entry in entries) if since else ()
        return [entry for entry in entries if entry.recorded.host in lost and entry.recorded.time < since]

    def _add(self, host: str) -> None:
        is_in_batch = host in self.sources.request.hosts
        shown = self._answer(PastVersion, host, "_acme_past_versions", "history")
        if shown is None:
            self._add_at_first(host, is_in_batch or host in self.sources.request.lost)
            return
        versions = merged(version for item in shown for version in self._parsed(host, item))
        for version in versions:
            if version.live:
                self.users.setdefault(version.certificate.digest, []).append((host, version.name))
        if is_in_batch:
            self.answered[host] = self._limited(host, versions)

    def _add_at_first(self, host: str, had_its_turn: bool) -> None:
        """Take what a host used when the run began, as it does not say what it uses now."""
        found = self._found(host)
        if found is None and had_its_turn:
            self.silent.add(host)
        for item in found or ():
            if item.live and serial_of(item.live) >= 0:
                self.users.setdefault(serial_of(item.live), []).append((host, item.name))

    def _found(self, host: str) -> list[HostCertificate] | None:
        """Return what the first step returned for each certificate of a host; None if there is no such answer."""
        return self._answer(HostCertificate, host, "_acme_found", "certificates")

    def _answer(self, shape: type[Shape], host: str, variable: str, key: str) -> list[Shape] | None:
        """Return a list in a registered result of a host; None if there is no such answer."""
        hostvars = self.sources.request.hostvars
        answer = hostvars[host].get(variable) if host in hostvars else None
        found = answer.get(key) if isinstance(answer, Mapping) else None
        return read(shape, found) if isinstance(found, (list, tuple)) else None

    def _parsed(self, host: str, item: PastVersion) -> Iterator[ShownVersion]:
        try:
            leaf = Certificate.parse_all(item.certificate)[0]
        except (IndexError, ValueError):
            if host in self.sources.request.hosts:
                problem = "the host shows a version with no certificate that can be read"
                self.problems.append((host, item.name, problem))
            return
        # A key without a known time may be old.
        time = recorded_at(leaf, self.sources.record)
        yield ShownVersion(item.name, leaf, item.live, item.created or "", time)

    def _limited(self, host: str, versions: list[ShownVersion]) -> list[ShownVersion]:
        """Return the versions without those that would have the CA asked about too many certificates."""
        unknown = [item for item in versions if not item.recorded_at and not self.sources.is_expired(item.certificate)]
        dropped = {version.certificate.digest for version in unknown[:-_MOST_SHOWN]}
        for name in sorted({version.name for version in unknown}) if dropped else ():
            problem = (
                f"the host shows {len(unknown)} certificates that have not expired and are not in acme_history; only "
                f"{_MOST_SHOWN} of them are checked. Revoke the others by serial number (acme_revoke_serials)"
            )
            self.problems.append((host, name, problem))
        return [version for version in versions if version.certificate.digest not in dropped]


def merged(versions: Iterable[ShownVersion]) -> list[ShownVersion]:
    """Return each certificate of a name once; it is live if any of its versions is, and as old as the oldest."""
    found: dict[tuple[str, bytes], ShownVersion] = {}
    for version in versions:
        key = version.name, version.certificate.digest
        other = found.get(key, version)
        found[key] = replace(
            version,
            live=version.live or other.live,
            created=min(version.created, other.created),
            is_shown=version.is_shown or other.is_shown,
        )
    return list(found.values())


def recorded_at(certificate: Certificate, record: CertificateRecord) -> str:
    """Return when a certificate was issued, by the record; empty if it is not there."""
    return min((recorded.time for recorded in record.of(certificate)), default="")


def serial_of(version: Version) -> int:
    """Return the serial number of a version; -1 if it has no certificate."""
    return int(version.serial, 16) if version.serial else -1


def made_at(version: Version) -> str:
    """Return when a version's key was made, as the host says, or from when on its certificate is valid."""
    return version.created or version.not_before or ""
