# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a revocation, the record and the files: what the choice of certificates depends on.

Only for a task that runs once: it loads cryptography.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.module_utils._common.times import (
    first_second,
    parse_time,
    parse_utc,
    utc,
)
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import issuance_history
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedRevocation
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.selection import parse_serial

from .ownership import Certificate, CertificateRecord, Inventory, hexadecimal


@dataclass(frozen=True)
class RevocationRequest:
    """The options of a revocation.

    hosts: of the play's batch. hostvars: by host, what it registered and its acme_certificates. names: of certificates;
    the live ones of hosts are chosen, or with *before* (an instant) those that were live, have not expired, and whose
    key was made before it. all_hosts: of the play; lost: those of them that failed or could not be reached. history:
    path of the controller's record. serials: to be revoked whatever host they are of, with certificates from the record
    or from *files*. unverified: also revoke certificates of which neither record nor inventory say whose they are.
    is_check: nothing has been replaced before (check mode).
    """

    hosts: Sequence[str]
    hostvars: Mapping[str, Any]
    names: Sequence[str]
    before: str = ""
    all_hosts: Collection[str] = ()
    lost: Collection[str] = ()
    history: str = ""
    serials: Sequence[str] = ()
    files: Sequence[str] = ()
    unverified: bool = False
    is_check: bool = False


@dataclass(frozen=True)
class RevocationSources:
    """The request, parsed, and what it names.

    since: *before* as manifests have times; empty if the live certificates are meant. serials: numbers. files: the
    certificates in them. damaged: a message for each line of the record that cannot be read. revocations: those in the
    record, by serial number and expiry. now: aware UTC.
    """

    request: RevocationRequest
    since: str
    serials: list[int]
    files: list[Certificate]
    record: CertificateRecord
    damaged: list[str]
    revocations: Mapping[tuple[str, str], RecordedRevocation]
    inventory: Inventory
    now: datetime

    @classmethod
    def read(cls, request: RevocationRequest) -> RevocationSources:
        """Parse the options, and read the record and the files. Raises AcmeError, AnsibleActionFail.

        The first step has validated serial numbers and the instant.
        """
        certificates, damaged = issuance_history.read(request.history) if request.history else ([], [])
        return cls(
            request=request,
            # Instants as manifests have them compare as texts.
            since=first_second(parse_time(request.before)) if request.before else "",
            serials=list(dict.fromkeys(int(parse_serial(text), 16) for text in request.serials)),
            files=_read_files(request.files),
            record=CertificateRecord(certificates),
            damaged=damaged,
            revocations=issuance_history.read_revocations(request.history) if request.history else {},
            inventory=Inventory(request.hostvars if request.names else {}),
            now=datetime.now(timezone.utc),
        )

    def of_serial(self, serial: int) -> list[Certificate]:
        """Return the certificates in the files that have a serial number."""
        return [certificate for certificate in self.files if certificate.serial == serial]

    def is_revoked(self, certificate: Certificate) -> bool:
        """Return True if the record says that this collection revoked a certificate."""
        return (hexadecimal(certificate.serial), utc(certificate.not_after)) in self.revocations

    def has_revoked(self, host: str, name: str) -> bool:
        """Return True if the record says that a certificate of this name, not expired yet, was revoked for a host."""
        return any(
            (found.host, found.name) == (host, name) and parse_utc(found.not_after) > self.now
            for found in self.revocations.values()
        )

    def is_expired(self, certificate: Certificate) -> bool:
        """Return True if a certificate need not be revoked any more."""
        return certificate.not_after <= self.now


def _read_files(paths: Iterable[str]) -> list[Certificate]:
    found = []
    for path in paths:
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
