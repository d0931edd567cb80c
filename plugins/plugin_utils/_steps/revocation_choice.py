# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose the certificates to revoke, and say why others are not. Only for a task that runs once: it loads cryptography.

The fleet's account may revoke the certificates of all hosts, and a host whose root is hostile may say anything. So a
certificate that a host shows is revoked only if it is that host's (ownership.py). If a host does not show what it
should, it fails: a run that succeeds has revoked all that it was to revoke.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import Revocation, Version
from ansible_collections.certfleet.tls.plugins.module_utils._common.schema import message

from .ownership import Certificate, CertificateRecord, ClaimedCertificate, RecordEntry, hexadecimal, objection
from .revocation_evidence import Evidence, ShownVersion, made_at, merged, serial_of
from .revocation_sources import RevocationRequest, RevocationSources


@dataclass
class Chosen:
    """The certificates to revoke, and the reasons against others, which fail their hosts.

    notes: lines for people. lost: hosts that did not get this far. handled: hosts and names with either. digests: those
    of the certificates that are chosen. given: of those that the user chose by serial numbers.
    """

    certificates: list[Revocation] = field(default_factory=list)
    problems: list[Revocation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    handled: set[tuple[str, str]] = field(default_factory=set)
    digests: set[bytes] = field(default_factory=set)
    given: set[bytes] = field(default_factory=set)

    def add(
        self, host: str, name: str, certificate: Certificate, record: CertificateRecord, can_sign: bool = False
    ) -> None:
        """Have a certificate revoked. *can_sign*: the host has just shown it."""
        self.digests.add(certificate.digest)
        known = record.of(certificate)
        ordered = f", ordered by {known[0].account_uri} of {known[0].directory}" if known else ""
        self.certificates.append(
            Revocation(
                host,
                name,
                content=certificate.content,
                directory=known[0].directory if known else None,
                serial=hexadecimal(certificate.serial),
                can_sign=can_sign,
                ordered=message(f"serial {hexadecimal(certificate.serial)}{ordered}", "ordered"),
            )
        )
        self.handled.add((host, name))

    def refuse(self, host: str, name: str, problem: str, serial: int | None = None) -> None:
        """Have a host fail for a certificate that is not revoked."""
        which = f"{name} (serial {hexadecimal(serial)})" if serial is not None else name
        self.problems.append(Revocation(host, which, problem))
        self.handled.add((host, name))


def to_revoke(request: RevocationRequest) -> Chosen:
    """Return the certificates to revoke, and the reasons against others. Raises AcmeError, AnsibleActionFail."""
    sources = RevocationSources.read(request)
    choice = Chosen()
    for serial in sources.serials:
        _choose_serial(serial, sources, choice)
    if request.names:
        _choose_names(sources, choice)
    lines = [*sources.damaged, *(f"acme_history {request.history}: {line}" for line in sources.record.damaged)]
    choice.problems += [Revocation(request.hosts[0], "", line) for line in lines]
    return choice


def _choose_serial(serial: int, sources: RevocationSources, choice: Chosen) -> None:
    """Choose the certificates with a serial number that the user gave."""
    hosts = sources.request.hosts
    entries = sources.record.of_serial(serial)
    known = [(entry.recorded.host, entry.recorded.name, entry.certificate) for entry in entries]
    known += [("", "of a file", certificate) for certificate in sources.of_serial(serial)]
    for host, name, certificate in known:
        if certificate.digest not in choice.given:
            choice.given.add(certificate.digest)
            choice.add(host if host in hosts else hosts[0], name, certificate, sources.record)
    if not known:
        problem = _get_it("it is neither in acme_history nor in acme_revoke_files")
        choice.problems.append(Revocation(hosts[0], f"with serial {hexadecimal(serial)}", problem))


def _choose_names(sources: RevocationSources, choice: Chosen) -> None:
    """Choose the certificates of the hosts of the batch by their names."""
    request = sources.request
    evidence = Evidence.gather(sources)
    for problem in evidence.problems:
        choice.refuse(*problem)
    choice.notes += map(_lost, evidence.lost())
    choice.lost += sorted(request.lost)
    for host in evidence.answered:
        if sources.since:
            _choose_old(host, evidence, choice)
        else:
            _choose_live(host, evidence, choice)
    _refuse_unmet(evidence, choice)
    if request.history and not sources.record:
        choice.notes.append(f"acme_history {request.history} has no record: only what the hosts say is known")


def _choose_live(host: str, evidence: Evidence, choice: Chosen) -> None:
    """Choose the live certificates of a host."""
    sources = evidence.sources
    live = [version for version in evidence.answered[host] if version.live]
    for version in live:
        _choose(host, version, evidence, choice)
    names = sources.request.names
    for name in sorted(set(names).difference(version.name for version in live)):
        # A run before may have revoked it and taken it away; the record says if another one was issued since.
        if not sources.has_revoked(host, name):
            choice.refuse(host, name, "there is no live version of it on this host")
    recorded = evidence.recorded(host)
    for name in names:
        issued = [version for version in recorded if version.name == name]
        newest = max(issued, key=lambda version: version.recorded_at, default=None)
        if newest and newest.certificate.digest not in choice.digests and not sources.is_revoked(newest.certificate):
            serial = newest.certificate.serial
            problem = (
                "it is the newest that was issued (acme_history), and the host does not show it as the live one. "
                f"Revoke it with -e acme_revoke_serials={hexadecimal(serial)}"
            )
            choice.refuse(host, name, problem, serial)


def _choose_old(host: str, evidence: Evidence, choice: Chosen) -> None:
    """Choose the certificates of a host that have not expired and whose keys are from before the instant."""
    sources = evidence.sources
    versions = merged([*evidence.answered[host], *evidence.recorded(host)])
    first = evidence.at_first(host)
    at_first = {serial_of(version) for _name, version in first}
    for version in [*versions, *_hidden(host, first, versions, evidence, choice)]:
        certificate = version.certificate
        # The host may give another time by now.
        is_old = version.created < sources.since or certificate.serial in at_first
        if not is_old or sources.is_expired(certificate):
            continue
        if (host, version.name) in evidence.users.get(certificate.digest, ()) and not sources.request.is_check:
            made = version.created or "an unknown time"
            text = f"it is still in use, with a key from {made}: replace it first"
            choice.refuse(host, version.name, text, certificate.serial)
        else:
            _choose(host, version, evidence, choice)


def _choose(host: str, version: ShownVersion, evidence: Evidence, choice: Chosen) -> None:
    """Choose a certificate of a host, unless it is not the host's or another host uses it."""
    sources, certificate = evidence.sources, version.certificate
    # The user wants a certificate that is given by its serial number revoked, whoever uses it.
    is_given = certificate.digest in choice.given
    claim = ClaimedCertificate(host, version.name, certificate, version.is_shown)
    unverified = sources.request.unverified or is_given
    problem = objection(claim, sources.inventory, sources.record, unverified)
    if not problem and sources.since and not is_given and not sources.request.is_check:
        problem = _other_user(host, version, evidence)
    if problem:
        choice.refuse(host, version.name, problem, certificate.serial)
    else:
        choice.add(host, version.name, certificate, sources.record, can_sign=version.is_shown)


def _other_user(host: str, version: ShownVersion, evidence: Evidence) -> str:
    """Return a line about another host that may still use a certificate; empty if none is known to."""
    certificate, sources = version.certificate, evidence.sources
    for other, name in (
        *evidence.users.get(certificate.digest, ()),
        *evidence.users.get(certificate.serial, ()),
    ):
        # It counts only if the other host may have it. Else any host could keep any certificate from being revoked.
        claim = ClaimedCertificate(other, name, certificate)
        if other != host and not objection(claim, sources.inventory, sources.record, unverified=True):
            return f"{other} still uses it: replace it there first"
    for other in sorted(evidence.silent & sources.inventory.sharing(host, version.name)):
        return f"{other} shares it and could not be asked whether it still uses it"
    return ""


def _hidden(
    host: str, first: list[tuple[str, Version]], versions: list[ShownVersion], evidence: Evidence, choice: Chosen
) -> list[ShownVersion]:
    """Return the versions that the first step showed and the host does not show now.

    *first*: of Evidence.at_first(). *versions*: those that are shown or recorded. The certificates of others are taken
    from files; one that is in no file is refused.
    """
    found: list[ShownVersion] = []
    known = {version.certificate.serial for version in versions}
    for name, version in first:
        serial = serial_of(version)
        if serial in known:
            continue
        known.add(serial)
        files = evidence.sources.of_serial(serial)
        found += [ShownVersion(name, certificate, created=made_at(version)) for certificate in files]
        if not files:
            text = _get_it("the host had it when the run began, and does not show the certificate now")
            choice.refuse(host, name, text, serial)
    return found


def _refuse_unmet(evidence: Evidence, choice: Chosen) -> None:
    """Have each host fail that should have had a certificate to revoke and showed none."""
    sources = evidence.sources
    play = {*sources.request.all_hosts, *sources.request.hosts}
    for name in sources.request.names if sources.since else ():
        hosts = {host for host, other in choice.handled if other == name}
        # A name that no host has is a mistake, and no reason to succeed.
        is_unknown = not hosts and not any(sources.inventory.lists(host, name) for host in play)
        for host in evidence.answered:
            is_expected = is_unknown or sources.inventory.lists(host, name)
            if not is_expected or hosts & sources.inventory.sharing(host, name):
                continue
            problem = (
                f"neither the host nor acme_history has one with a key from before {sources.since}. If it had none "
                "then, leave this host out; else revoke it by its serial number (acme_revoke_serials)"
            )
            choice.refuse(host, name, problem)


def _lost(entry: RecordEntry) -> str:
    serial = hexadecimal(entry.certificate.serial)
    return (
        f"{entry.recorded.host} did not get this far, so its certificate {entry.recorded.name} (serial {serial}) "
        f"is not revoked. Run again as before, or revoke it now with -e acme_revoke_serials={serial}"
    )


def _get_it(reason: str) -> str:
    return (
        f"{reason}. Save the certificate in a file, from the CA or a log of Certificate Transparency, and run again "
        "with -e acme_revoke_files=FILE"
    )
