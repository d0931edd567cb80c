# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Choose the certificates to revoke, and say why others are not. Only for a task that runs once: it loads cryptography.

The fleet's account may revoke the certificates of all hosts, and a host whose root is hostile may say anything. So a
certificate that a host shows is revoked only if it is that host's (ownership.py). What the host should have shown and
does not is a failure of that host: a run that succeeds has revoked what it was to revoke.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    HostCertificate,
    PastVersion,
    Revocation,
    Version,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.schema import message
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import first_second, parse_time, utc
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import issuance_history
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.flow import read, registered
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.ownership import (
    Certificate,
    Inventory,
    IssuanceRecord,
    RecordEntry,
    hexadecimal,
    objection,
)

# Of certificates that only the host knows of. More than that, and a host would have the account busy for hours.
_MOST_SHOWN = 100
_SERIAL = re.compile(r"(?:0x)?([0-9a-f]{1,64})")


@dataclass(frozen=True)
class _Version:
    """A certificate of a host. shown: by the host, not by the record alone.

    created: the latest time at which its key can have been made, by the host's word and the record; empty if unknown.
    issued: the time in the record; empty if it has none. Both are times as manifests have them.
    """

    name: str
    certificate: Certificate
    live: bool = False
    created: str = ""
    issued: str = ""
    shown: bool = True


class Chosen(NamedTuple):
    """The certificates to revoke, by host what speaks against others, and lines for people."""

    certificates: list[Revocation]
    problems: list[Revocation]
    notes: list[str]


@dataclass
class _Choice:
    """The certificates that are chosen, and the problems, which fail their hosts."""

    certificates: list[Revocation] = field(default_factory=list)
    problems: list[Revocation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    handled: set[tuple[str, str]] = field(default_factory=set)
    digests: set[bytes] = field(default_factory=set)

    def add(self, host: str, name: str, certificate: Certificate, record: IssuanceRecord) -> None:
        """Have a certificate revoked."""
        self.digests.add(certificate.digest)
        known = record.of(certificate)
        ordered = f", ordered by {known[0].account_uri} of {known[0].directory}" if known else ""
        self.certificates.append(
            Revocation(
                host,
                name,
                content=certificate.content,
                directory=known[0].directory if known else None,
                ordered=message(f"serial {hexadecimal(certificate.serial)}{ordered}", "ordered"),
            )
        )
        self.handled.add((host, name))

    def refuse(self, host: str, name: str, problem: str, serial: int | None = None) -> None:
        """Have a host fail for a certificate that is not revoked."""
        which = f"{name} (serial {hexadecimal(serial)})" if serial is not None else name
        self.problems.append(Revocation(host, which, problem))
        self.handled.add((host, name))


def to_revoke(
    hosts: Sequence[str],
    hostvars: Mapping[str, Any],
    names: Sequence[str],
    before: str = "",
    still: Iterable[str] = (),
    lost: Iterable[str] = (),
    history: str = "",
    serials: Any = (),
    files: Any = (),
    unverified: bool = False,
    check: bool = False,
) -> Chosen:
    """Return the certificates to revoke, and what speaks against others.

    *names*: of certificates; the live ones of *hosts* are chosen, or with *before* those that were live, have not
    expired, and whose key was made before that instant. *still*: all hosts of the play; *lost*: those of them that
    failed or could not be reached. *history*: path of the controller's record. *serials*: to be revoked whatever host
    they are of, with certificates from the record or from *files*. *unverified*: see ownership.objection(). *check*:
    nothing has been replaced before.

    Raises AnsibleActionFail.
    """
    wanted = _parse_serials(serials)
    if not names and not wanted:
        raise AnsibleActionFail("nothing to revoke is given: set acme_revoke or acme_revoke_serials")
    record, damaged = _read_record(history)
    run = _Run(
        hosts=hosts,
        hostvars=hostvars,
        names=names,
        since=_instant(before),
        inventory=Inventory(hostvars) if names else Inventory({}),
        record=record,
        files=_read_files(files),
        unverified=unverified,
        check=check,
        now=datetime.now(timezone.utc),
    )
    for serial in wanted:
        run.choose_serial(serial)
    if names:
        run.look(still, set(lost))
        for host in run.answered:
            run.choose_of(host)
        run.expect_something({*still, *hosts})
        if history and not record:
            run.choice.notes.append(f"acme_history {history} has no record: all that is known is what the hosts say")
    choice = run.choice
    for line in [*damaged, *(f"acme_history {history}: {line}" for line in record.damaged)]:
        choice.problems.append(Revocation(hosts[0], "", line))
    return Chosen(choice.certificates, choice.problems, choice.notes)


@dataclass
class _Run:
    """All that the choice depends on. The methods fill the fields that have defaults."""

    hosts: Sequence[str]
    hostvars: Mapping[str, Any]
    names: Sequence[str]
    since: str
    inventory: Inventory
    record: IssuanceRecord
    files: list[Certificate]
    unverified: bool
    check: bool
    now: datetime
    choice: _Choice = field(default_factory=_Choice)
    #: What the hosts show that answered.
    answered: dict[str, list[_Version]] = field(default_factory=dict)
    #: Who says that it uses a certificate, and as what: by its digest, or its serial number where that is all there is.
    users: dict[bytes | int, list[tuple[str, str]]] = field(default_factory=dict)
    #: Hosts that do not say what they use.
    silent: set[str] = field(default_factory=set)
    #: Digests of what the user gave by serial numbers.
    given: set[bytes] = field(default_factory=set)

    def choose_serial(self, serial: int) -> None:
        """Choose the certificates with a serial number that the user gave."""
        entries = self.record.of_serial(serial)
        known = [(entry.issuance.host, entry.issuance.name, entry.certificate) for entry in entries]
        known += [("", "of a file", certificate) for certificate in self.files if certificate.serial == serial]
        for host, name, certificate in known:
            if certificate.digest not in self.given:
                self.given.add(certificate.digest)
                self.choice.add(host if host in self.hosts else self.hosts[0], name, certificate, self.record)
        if not known:
            problem = _get_it("it is neither in acme_history nor in acme_revoke_files")
            self.choice.problems.append(Revocation(self.hosts[0], f"with serial {hexadecimal(serial)}", problem))

    def look(self, still: Iterable[str], lost: Collection[str]) -> None:
        """Read what the hosts show, and what they and others use."""
        for host in [*self.hosts, *sorted(set(still).difference(self.hosts))]:
            shown = _shown(self.hostvars, host)
            if shown is None:
                self._look_back(host, host in lost or host in self.hosts)
                continue
            versions = _by_digest(version for item in shown for version in self._parsed(host, item))
            for version in versions:
                if version.live:
                    self.users.setdefault(version.certificate.digest, []).append((host, version.name))
            if host in self.hosts:
                self.answered[host] = self._limited(host, versions)
        for entry in self.record.select(self.names, self.now) if lost and self.since else ():
            if entry.issuance.host in lost and entry.issuance.time < self.since:
                self._note_lost(entry)

    def _look_back(self, host: str, had_its_turn: bool) -> None:
        """Take what a host used when the run began, as it does not say what it uses now."""
        found = _found(self.hostvars, host)
        if found is None and had_its_turn:
            self.silent.add(host)
        for item in found or ():
            if item.live and _number(item.live) >= 0:
                self.users.setdefault(_number(item.live), []).append((host, item.name))

    def _parsed(self, host: str, item: PastVersion) -> Iterator[_Version]:
        try:
            leaf = Certificate.parse_all(item.certificate)[0]
        except (IndexError, ValueError):
            if host in self.hosts:
                self.choice.refuse(host, item.name, "the host shows a version with no certificate that can be read")
            return
        # A key without a known time may be old.
        yield _Version(item.name, leaf, item.live, item.created or "", self._issued(leaf))

    def _issued(self, certificate: Certificate) -> str:
        return min((issuance.time for issuance in self.record.of(certificate)), default="")

    def _limited(self, host: str, versions: list[_Version]) -> list[_Version]:
        """Return the versions without those that would have the CA asked about too many certificates."""
        unknown = [version for version in versions if not version.issued and not self._is_over(version)]
        dropped = {version.certificate.digest for version in unknown[:-_MOST_SHOWN]}
        for name in sorted({version.name for version in unknown}) if dropped else ():
            self.choice.refuse(
                host,
                name,
                f"the host shows {len(unknown)} certificates that have not expired and are not in acme_history; only "
                f"{_MOST_SHOWN} of them are looked at. Revoke the others by serial number (acme_revoke_serials)",
            )
        return [version for version in versions if version.certificate.digest not in dropped]

    def _note_lost(self, entry: RecordEntry) -> None:
        serial = hexadecimal(entry.certificate.serial)
        self.choice.notes.append(
            f"{entry.issuance.host} did not get this far, so its certificate {entry.issuance.name} (serial {serial}) "
            f"is not revoked. Run again as before, or revoke it now with -e acme_revoke_serials={serial}"
        )

    def choose_of(self, host: str) -> None:
        """Choose a host's certificates, or say why not."""
        if self.since:
            self._choose_old(host)
        else:
            self._choose_live(host)

    def _choose_live(self, host: str) -> None:
        live = [version for version in self.answered[host] if version.live]
        for version in live:
            self._choose(host, version)
        for name in sorted(set(self.names).difference(version.name for version in live)):
            self.choice.refuse(host, name, "there is no live version of it on this host")
        for name in self.names:
            issued = [version for version in self._recorded(host) if version.name == name]
            newest = max(issued, key=lambda version: version.issued, default=None)
            if newest and newest.certificate.digest not in self.choice.digests:
                serial = newest.certificate.serial
                self.choice.refuse(
                    host,
                    name,
                    "it is the newest that was issued (acme_history), and the host does not show it as the live one. "
                    f"Revoke it with -e acme_revoke_serials={hexadecimal(serial)}",
                    serial,
                )

    def _choose_old(self, host: str) -> None:
        versions = _by_digest([*self.answered[host], *self._recorded(host)])
        versions += self._missing(host, {version.certificate.serial for version in versions})
        first = {_number(item) for _name, item in self._first(host)}
        for version in versions:
            # The host may say something else of it by now.
            is_old = version.created < self.since or version.certificate.serial in first
            if not is_old or self._is_over(version):
                continue
            if (host, version.name) in self.users.get(version.certificate.digest, ()) and not self.check:
                made = version.created or "an unknown time"
                problem = f"it is still in use, with a key from {made}: replace it first"
                self.choice.refuse(host, version.name, problem, version.certificate.serial)
            else:
                self._choose(host, version)

    def _choose(self, host: str, version: _Version) -> None:
        certificate = version.certificate
        # What the user gave by its serial number is meant to be revoked, whoever uses it.
        is_given = certificate.digest in self.given
        problem = self._owned(host, version.name, certificate, self.unverified or is_given, version.shown)
        if not problem and self.since and not is_given and not self.check:
            problem = self._user(host, version)
        if problem:
            self.choice.refuse(host, version.name, problem, certificate.serial)
        else:
            self.choice.add(host, version.name, certificate, self.record)

    def _owned(self, host: str, name: str, certificate: Certificate, unverified: bool, shown: bool = True) -> str:
        return objection(host, name, certificate, self.inventory, self.record, unverified, shown)

    def _user(self, host: str, version: _Version) -> str:
        """Return a line that says which other host may still use a certificate; empty if none is known to."""
        certificate = version.certificate
        for other, name in (*self.users.get(certificate.digest, ()), *self.users.get(certificate.serial, ())):
            # It counts where that host may have it. Else any host could keep any certificate from being revoked.
            if other != host and not self._owned(other, name, certificate, unverified=True):
                return f"{other} still uses it: replace it there first"
        for other in sorted(self.silent & self.inventory.sharing(host, version.name)):
            return f"{other} shares it and could not be asked whether it still uses it"
        return ""

    def _recorded(self, host: str) -> list[_Version]:
        """Return what the record has of a host's certificates and those that it shares, if it has not expired."""
        found = []
        for name in self.names:
            for other in self.inventory.sharing(host, name):
                for entry in self._by_host.get((other, name), ()):
                    time = self._issued(entry.certificate)
                    found.append(_Version(name, entry.certificate, created=time, issued=time, shown=False))
        return found

    @cached_property
    def _by_host(self) -> dict[tuple[str, str], list[RecordEntry]]:
        found: dict[tuple[str, str], list[RecordEntry]] = {}
        for entry in self.record.select(self.names, self.now):
            found.setdefault((entry.issuance.host, entry.issuance.name), []).append(entry)
        return found

    def _first(self, host: str) -> list[tuple[str, Version]]:
        """Return the versions that the first step showed, with keys from before the instant, that have not expired."""
        versions = [
            (item.name, version)
            for item in _found(self.hostvars, host) or ()
            for version in (item.live, item.pending)
            if version and _number(version) >= 0 and item.name in self.names
        ]
        return [
            (name, version)
            for name, version in versions
            if _made(version) < self.since and not "" < (version.not_after or "") <= utc(self.now)
        ]

    def _missing(self, host: str, known: set[int]) -> list[_Version]:
        """Return from files what the first step showed and is not *known* by now; what is in no file is a problem."""
        found = []
        for name, item in self._first(host):
            serial = _number(item)
            if serial in known:
                continue
            known.add(serial)
            files = [certificate for certificate in self.files if certificate.serial == serial]
            found += [_Version(name, certificate, created=_made(item)) for certificate in files]
            if not files:
                problem = _get_it("the host had it when the run began, and does not show the certificate now")
                self.choice.refuse(host, name, problem, serial)
        return found

    def expect_something(self, play: Collection[str]) -> None:
        """Have hosts fail that should have had a certificate to revoke and showed none. *play*: all of its hosts."""
        for name in self.names if self.since else ():
            handled = {host for host, other in self.choice.handled if other == name}
            # A name that no host has is a mistake, and no reason to succeed.
            unknown = not handled and not any(self.inventory.lists(host, name) for host in play)
            for host in self.answered:
                expected = unknown or self.inventory.lists(host, name)
                if not expected or handled & self.inventory.sharing(host, name):
                    continue
                self.choice.refuse(
                    host,
                    name,
                    f"neither the host nor acme_history has one with a key from before {self.since}. If it had none "
                    "then, leave this host out; else revoke it by its serial number (acme_revoke_serials)",
                )

    def _is_over(self, version: _Version) -> bool:
        return version.certificate.not_after <= self.now


def _by_digest(versions: Iterable[_Version]) -> list[_Version]:
    """Return each certificate of a name once; it is live if any of its versions is, and as old as the oldest."""
    found: dict[tuple[str, bytes], _Version] = {}
    for version in versions:
        key = version.name, version.certificate.digest
        other = found.get(key, version)
        found[key] = replace(
            version,
            live=version.live or other.live,
            created=min(version.created, other.created),
            shown=version.shown or other.shown,
        )
    return list(found.values())


def _shown(hostvars: Mapping[str, Any], host: str) -> list[PastVersion] | None:
    """Return the versions that a host shows; None if it gave no answer."""
    answer = hostvars[host].get("_acme_looked_at") if host in hostvars else None
    found = answer.get("history") if isinstance(answer, Mapping) else None
    return read(PastVersion, found) if isinstance(found, (list, tuple)) else None


def _found(hostvars: Mapping[str, Any], host: str) -> list[HostCertificate] | None:
    """Return what a host had of each certificate when the role looked first; None if that is not known."""
    answer = hostvars[host].get("_acme_found") if host in hostvars else None
    if not isinstance(answer, Mapping) or not isinstance(answer.get("certificates"), (list, tuple)):
        return None
    return read(HostCertificate, registered(hostvars, host, "_acme_found", "certificates"))


def _number(version: Version) -> int:
    """Return the serial number of a version; -1 if it has no certificate."""
    return int(version.serial, 16) if version.serial else -1


def _made(version: Version) -> str:
    """Return when a version's key was made, as the host says, or from when its certificate is valid."""
    return version.created or version.not_before or ""


def _get_it(reason: str) -> str:
    return (
        f"{reason}. Save the certificate in a file, from the CA or a log of Certificate Transparency, and run again "
        "with -e acme_revoke_files=FILE"
    )


def _instant(before: Any) -> str:
    """Return an instant as manifests have it, which compare as texts."""
    try:
        return first_second(parse_time(before)) if before else ""
    except OptionError:
        raise AnsibleActionFail(f"{before!r} is not an instant: give one such as 2026-01-31T12:00:00Z") from None


def _texts(value: Any) -> list[str]:
    """Return a list's texts; -e gives a list as one text with commas."""
    parts = [part for item in (value if isinstance(value, (list, tuple)) else [value or ""]) for part in _split(item)]
    return [part.strip() for part in parts if part.strip()]


def _split(item: Any) -> list[str]:
    if not isinstance(item, str):
        raise AnsibleActionFail(f"{item!r} is not a text: write it in quotes")
    return item.split(",")


def _parse_serials(value: Any) -> list[int]:
    serials = []
    for text in _texts(value):
        found = _SERIAL.fullmatch(text.replace(":", "").replace(" ", "").lower())
        if not found:
            raise AnsibleActionFail(
                f"acme_revoke_serials: {text[:60]!r} is not a serial number: give hexadecimal digits"
            )
        serials.append(int(found[1], 16))
    return list(dict.fromkeys(serials))


def _read_record(path: str) -> tuple[IssuanceRecord, list[str]]:
    try:
        found, problems = issuance_history.read(path) if path else ([], [])
    except AcmeError as error:
        raise AnsibleActionFail(str(error)) from None
    return IssuanceRecord(found), problems


def _read_files(paths: Any) -> list[Certificate]:
    found = []
    for path in _texts(paths):
        try:
            certificates = Certificate.parse_all(Path(path).expanduser().read_text(encoding="ascii", errors="replace"))
        except OSError as error:
            raise AnsibleActionFail(f"acme_revoke_files: {path} cannot be read: {error.strerror}") from None
        except ValueError:
            certificates = []
        if not certificates:
            raise AnsibleActionFail(f"acme_revoke_files: {path} has no PEM certificate that can be read")
        found += certificates
    return found
