# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide whose a certificate is: by the controller's record, else by the names that the inventory lists.

Neither the answers of a host nor its facts count, although Ansible lets facts replace the inventory's variables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import values
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import canonical
from ansible_collections.certfleet.tls.plugins.module_utils._common.schema import message
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates as pki

from .._play.facts import shadowing

UNVERIFIED = "If it is this host's, revoke it with -e acme_revoke_unverified=true"


@dataclass(frozen=True)
class Certificate:
    """A certificate, parsed. content: PEM, without any other text. digest: SHA-256 of content."""

    content: str
    digest: bytes
    serial: int
    not_after: datetime
    identifiers: frozenset[str]

    @classmethod
    def parse_all(cls, text: str) -> list[Certificate]:
        """Return the certificates in a PEM text. Raises ValueError."""
        try:
            found = pki.load_all(text, "the certificate")
        except CollectionError as error:
            raise ValueError(str(error)) from None
        return [
            cls(
                content=pki.pem(each).decode(),
                digest=hashlib.sha256(pki.pem(each)).digest(),
                serial=each.serial_number,
                not_after=pki.validity(each).not_after,
                identifiers=frozenset(pki.covered(each)),
            )
            for each in found
        ]


class Inventory:
    """The certificates and names that each host of the inventory has in acme_certificates."""

    def __init__(self, hostvars: Mapping[str, Any]) -> None:
        self._hosts = frozenset(hostvars)
        self._names: dict[str, set[str]] = {}
        self._shared: dict[str, set[str]] = {}
        self.identifiers: dict[str, set[str]] = {}
        self.owners: dict[str, list[str]] = {}
        for host in hostvars:
            self._add(host, listed(hostvars[host]))

    def _add(self, host: str, certificates: Iterable[Any]) -> None:
        names, identifiers = self._names.setdefault(host, set()), self.identifiers.setdefault(host, set())
        for certificate in certificates:
            if not isinstance(certificate, Mapping):
                continue
            name = str(certificate.get("name"))
            names.add(name)
            if _is_true(certificate.get("shared")):
                self._shared.setdefault(name, set()).add(host)
            given = certificate.get("identifiers")
            for item in given if isinstance(given, (list, tuple)) else ():
                value = item.get("value") if isinstance(item, Mapping) else item
                identifiers.add(canonical(str(value)))
        for identifier in identifiers:
            self.owners.setdefault(identifier, []).append(host)

    def __contains__(self, host: object) -> bool:
        return host in self._hosts

    def lists(self, host: str, name: str) -> bool:
        """Return True if the host has a certificate of this name in acme_certificates."""
        return name in self._names.get(host, ())

    def sharing(self, host: str, name: str) -> frozenset[str]:
        """Return the hosts that have the certificate *name* in common with *host*, and *host* itself."""
        sharing = self._shared.get(name, set())
        return frozenset(sharing if host in sharing else {host})


def _is_true(value: Any) -> bool:
    """Return True for a value that a boolean option takes as true; one that it refuses shares nothing."""
    try:
        return values.to_bool(value)
    except values.Invalid:
        return False


@dataclass(frozen=True)
class RecordEntry:
    """A line of the record, and the certificate in it."""

    recorded: RecordedCertificate
    certificate: Certificate


class CertificateRecord:
    """The controller's record. damaged: a line for each certificate in it that cannot be read."""

    def __init__(self, certificates: Iterable[RecordedCertificate]) -> None:
        self.damaged: list[str] = []
        self._by_serial: dict[int, list[RecordedCertificate]] = {}
        self._entries: dict[RecordedCertificate, RecordEntry | None] = {}
        for recorded in certificates:
            self._by_serial.setdefault(int(recorded.serial, 16), []).append(recorded)

    def __bool__(self) -> bool:
        return bool(self._by_serial)

    def select(self, names: Collection[str], now: datetime) -> list[RecordEntry]:
        """Return the entries of certificates with these names that have not expired."""
        certificates = (recorded for found in self._by_serial.values() for recorded in found)
        entries = (self._entry(recorded) for recorded in certificates if recorded.name in names)
        return [entry for entry in entries if entry and entry.certificate.not_after > now]

    def of_serial(self, serial: int) -> list[RecordEntry]:
        """Return the entries with a serial number, which may be of different CAs."""
        return [entry for entry in map(self._entry, self._by_serial.get(serial, [])) if entry]

    def of(self, certificate: Certificate) -> list[RecordedCertificate]:
        """Return the lines for just this certificate, the oldest first."""
        return [
            entry.recorded
            for entry in self.of_serial(certificate.serial)
            if entry.certificate.digest == certificate.digest
        ]

    def _entry(self, recorded: RecordedCertificate) -> RecordEntry | None:
        if recorded not in self._entries:
            try:
                self._entries[recorded] = RecordEntry(recorded, Certificate.parse_all(recorded.certificate)[0])
            except (IndexError, ValueError):
                self._entries[recorded] = None
                self.damaged.append(f"the certificate with serial {recorded.serial} is damaged")
        return self._entries[recorded]


@dataclass(frozen=True)
class ClaimedCertificate:
    """A certificate that a host has under a name. is_shown: the host itself says so, and not the record alone."""

    host: str
    name: str
    certificate: Certificate
    is_shown: bool = True


def objection(
    claim: ClaimedCertificate, inventory: Inventory, record: CertificateRecord, unverified: bool = False
) -> str:
    """Return why the certificate may not be the host's; empty if there is no reason against it.

    *unverified*: accept it also where neither record nor inventory say whose it is.
    """
    # A record may be of several inventories, with a host of the same name in each.
    issued = [entry.host for entry in record.of(claim.certificate) if entry.host in inventory]
    if issued:
        return _by_record(claim, issued, inventory, unverified)
    return _by_names(claim, inventory) or ("" if unverified else _doubt(claim, inventory))


def _by_record(claim: ClaimedCertificate, issued: list[str], inventory: Inventory, unverified: bool) -> str:
    """Return an objection for a certificate that was *issued* for these hosts."""
    if inventory.sharing(claim.host, claim.name).isdisjoint(issued):
        return f"it was issued for {issued[0]} (acme_history)"
    unlisted = sorted(claim.certificate.identifiers - inventory.identifiers[claim.host])
    if claim.is_shown or unverified or not unlisted:
        return ""
    return (
        f"acme_history has it and the host does not show it; it is for {message(unlisted[0], 'a name')}, which "
        f"acme_certificates does not have for this host. {UNVERIFIED}"
    )


def _by_names(claim: ClaimedCertificate, inventory: Inventory) -> str:
    """Return an objection for a certificate that is not in the record, if it has a name of other hosts only."""
    if not claim.certificate.identifiers:
        return "it has no names"
    for identifier in sorted(claim.certificate.identifiers):
        owners = inventory.owners.get(identifier, [claim.host])
        if claim.host not in owners:
            named = message(identifier, "a name")
            return f"it is for {named}, which acme_certificates has for {owners[0]} and not for this host"
    return ""


def _doubt(claim: ClaimedCertificate, inventory: Inventory) -> str:
    """Return an objection for a certificate that may be another host's by its names."""
    identifiers = claim.certificate.identifiers
    unlisted = sorted(identifiers - inventory.owners.keys())
    if unlisted:
        named = message(unlisted[0], "a name")
        return f"it is for {named}, which no host of the inventory has in acme_certificates. {UNVERIFIED}"
    others = set.intersection(*(set(inventory.owners[identifier]) for identifier in identifiers))
    others -= inventory.sharing(claim.host, claim.name)
    if others:
        return f"it may be that of {min(others)}, which has the same names in acme_certificates. {UNVERIFIED}"
    return ""


def hexadecimal(serial: int) -> str:
    """Return a serial number as manifests, CAs and browsers write it: two digits a byte."""
    digits = f"{serial:x}"
    return digits.zfill(len(digits) + len(digits) % 2)


def listed(variables: Mapping[str, Any]) -> Iterable[Any]:
    """Return a host's acme_certificates as the inventory has it; nothing if the host's facts replace it."""
    if constants.INJECT_FACTS_AS_VARS and shadowing(variables.get("ansible_facts", {}), ("acme_certificates",)):
        return ()
    try:
        found = variables.get("acme_certificates")
    except AnsibleError:
        return ()  # it has something undefined in it; what is not listed is not revoked
    entries = (_whole(found, number) for number in range(len(found) if isinstance(found, (list, tuple)) else 0))
    return [entry for entry in entries if entry is not None]


def _whole(entries: Any, number: int) -> Any:
    """Return an entry of a list; None if something in it is undefined, which ansible-core 2.19 reports late."""

    def copy(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: copy(value[key]) for key in value}
        return [copy(item) for item in value] if isinstance(value, (list, tuple)) else value

    try:
        return copy(entries[number])
    except AnsibleError:
        return None
