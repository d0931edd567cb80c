# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate that several hosts share: the host that made its private key seals it for the others.

A receiver makes a key to receive with, for one run. The giver seals the private key to it. The receiver opens that,
verifies key, certificate and chain as if they came from the CA, and makes them its live version.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..._common.errors import CollectionError
from ..._common.names import CERTIFICATE
from ..._common.statuses import Outcome
from ..._common.times import as_time
from ..._x509 import certificates, keys, sealing
from ..._x509.errors import KeyFileError, SealError
from ..errors import StateError
from ..store import files
from ..store.files import Content
from ..store.manifest import StoredVersions, folder_path, is_whole, live_facts
from ..store.versions import Versions
from ..wanted.attributes import Attributes
from ..wanted.wanted import WantedCertificate
from .deployment import Deployed, IssuedCertificate, parsed, with_formats

if TYPE_CHECKING:
    from cryptography import x509

_RECEIVING = ".receiving-privkey.pem"  # no version's number, and removed by the run that made it


@dataclass(frozen=True)
class Given:
    """The result of a giver. certificate and chain (PEM) are empty if the CA has not delivered them here yet.

    sealed: the private key, for each receiver. refused: receivers whose public key cannot be sealed to, and why.
    created: the instant at which the private key was made, or empty if it is unknown.
    """

    certificate: str
    chain: str
    sealed: dict[str, str]
    refused: dict[str, str]
    created: str


@dataclass(frozen=True)
class Received:
    """The input of a receiver: the certificate, the private key sealed to it, and the URL of the CA's directory.

    created: the instant at which the key was made, or empty.
    """

    issued: IssuedCertificate
    sealed: str
    directory: str
    created: str = ""


def await_key(home: str, name: str) -> str:
    """Make the key to receive with, and return its public part, for give(). Raises CollectionError."""
    versions = Versions(home, name)
    key = sealing.make_receiving_key()
    with versions.locked():
        files.replace(folder_path(home, name, _RECEIVING), Content(keys.pem(key), Attributes(0o600)))
    return sealing.public_text(key)


def discard_key(home: str, name: str) -> None:
    """Remove the key to receive with of a run that received nothing. Raises CollectionError."""
    path = folder_path(home, name, _RECEIVING)
    if os.path.lexists(path):  # else no lock is needed, for which folders would be made
        with Versions(home, name).locked():
            files.remove_file(path)


def give(home: str, name: str, serial: str | None, receivers: Mapping[str, str]) -> Given:
    """Seal a private key to each of *receivers*, names and public keys: that of the version with *serial*.

    Without a serial it is the pending version's, whose certificate is yet to come. Raises CollectionError.
    """
    versions = Versions(home, name)
    with versions.locked() as found:
        number = versions.pending(found) if serial is None else _with_serial(found, serial)
        secret = keys.pem(versions.key(number))
        created = as_time(found.manifests.get(number, {}).get("created"))
        certificate, chain = ("", "") if serial is None else versions.pems(number)
    sealed, refused = {}, {}
    for receiver, text in receivers.items():
        try:
            sealed[receiver] = sealing.seal(secret, text, name)
        except SealError as error:  # the other receivers get the key
            refused[receiver] = str(error)
    return Given(certificate, chain, sealed, refused, created)


def give_all(home: str, shares: Iterable[Mapping[str, Any]]) -> tuple[list[tuple[str, Given]], dict[str, str]]:
    """Return what is given of each of *shares* (options), and the reasons where that failed, by certificate."""
    given, failures = [], {}
    for share in shares:
        name = share["name"]
        try:
            given.append((name, give(home, name, share["serial"], share["receivers"])))
        except CollectionError as error:
            failures[name] = str(error)
    return given, failures


def receive(home: str, wanted: WantedCertificate, received: Received, now: datetime, check: bool) -> Deployed:
    """Make the certificate that another host gave the live version here. Raises CollectionError."""
    versions = Versions(home, wanted.name)
    if check:
        found = versions.read()
        wanted.claim.verify(found, wanted.identifiers)
        leaf, _chain = parsed(received.issued)
        return _deployed(leaf, found.live or "", not _has_whole(versions, found.live, leaf))
    with versions.locked() as found:
        try:
            wanted.claim.verify(found, wanted.identifiers)
            deployed = _taken_in(versions, found, wanted, received, now)
            return with_formats(deployed, versions, wanted, now, check)
        finally:
            files.remove_file(folder_path(home, wanted.name, _RECEIVING))


def _taken_in(
    versions: Versions, found: StoredVersions, wanted: WantedCertificate, received: Received, now: datetime
) -> Deployed:
    key = _opened(folder_path(versions.home, versions.name, _RECEIVING), received.sealed, wanted)
    leaf, chain = parsed(received.issued)
    warning = certificates.verify(leaf, chain, key, wanted.identifiers, now)
    if found.live and _has_whole(versions, found.live, leaf):
        return _deployed(leaf, found.live, False)
    if found.pending and _has_whole(versions, found.pending, leaf):  # a run was killed before the switch
        versions.repair(found.pending, wanted.attributes)
        versions.switch(found.pending)
        return _deployed(leaf, found.pending, True, warning)
    facts, account = certificates.facts(leaf), received.issued.account_uri
    # The age of the key, not of this copy: a key that was compromised is selected by it.
    created = as_time(received.created) or facts["not_before"]
    # Without the order, which is another host's: this one could not go on with it.
    manifest = wanted.manifest(found, directory=received.directory, account_uri=account, created=created, **facts)
    pem, above = certificates.pem(leaf), b"".join(map(certificates.pem, chain))
    # Whole from the start: a private key without its certificate would count as one that was made here.
    number = versions.take_in(found, manifest, Content(keys.pem(key), wanted.attributes), pem, above)
    versions.switch(number)
    return _deployed(leaf, number, True, warning)


def _with_serial(found: StoredVersions, serial: str) -> str:
    for number in (found.live, found.pending):
        if number and found.manifests.get(number, {}).get("serial") == serial:
            return number
    raise StateError(f"no version here has the serial number {serial}")


def _opened(path: str, sealed: str, wanted: WantedCertificate) -> keys.PrivateKey:
    if not os.path.lexists(path):
        raise StateError("the receiving key is missing: run certificate_request with 'receive' first")
    receiving = keys.load(files.read(path), path)
    key = keys.load(sealing.unseal(sealed, receiving, wanted.name), "what another host gave")
    if keys.type_of(key) != wanted.key_type:
        raise KeyFileError(f"the private key from another host is {keys.type_of(key)}, not {wanted.key_type}")
    return key


def _has_whole(versions: Versions, number: str | None, leaf: x509.Certificate) -> bool:
    """Return True if a version has this certificate, and all its files undamaged."""
    if not number or not is_whole(live_facts(versions.home, versions.name, number)):
        return False
    return files.has_content(versions.path(number, CERTIFICATE), certificates.pem(leaf))


def _deployed(leaf: x509.Certificate, number: str, changed: bool, warning: str = "") -> Deployed:
    facts = certificates.facts(leaf)
    outcome = Outcome.RECEIVED if changed else Outcome.UNCHANGED
    return Deployed(changed, number, facts["serial"], facts["not_after"], outcome, warning)
