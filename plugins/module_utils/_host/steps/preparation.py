# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prepare a version for an order: a private key, a certificate request, and the order in its journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..._common.errors import CollectionError
from ..._common.names import KEY, REQUEST
from ..._common.statuses import FailureKind
from ..._common.terms import Terms
from ..._common.times import as_time, utc
from ..._x509 import csr, keys
from ..store import files
from ..store.files import Content
from ..store.manifest import StoredVersions, read_versions
from ..store.versions import Versions
from ..wanted.attributes import drift
from ..wanted.claim import Claim
from ..wanted.wanted import WantedCertificate


@dataclass(frozen=True)
class JournaledOrder:
    """The URLs of a version's order and of the account that ordered."""

    order_uri: str
    account_uri: str | None


@dataclass(frozen=True)
class Asked:
    """A certificate to prepare. directory: URL of its CA. new_key: do not use a key that was made for another order."""

    wanted: WantedCertificate
    directory: str
    order: JournaledOrder | None = None
    new_key: bool = False


@dataclass(frozen=True)
class PreparedRequest:
    """A pending version. version and request are None if this is a check, and the version would be new."""

    version: str | None
    request: bytes | None
    order: JournaledOrder | None
    reused: bool
    changed: bool


def prepare(home: str, asked: Asked, now: datetime, check: bool) -> PreparedRequest:
    """Make the pending version or resume the existing one, and journal the order, if there is one.

    Raises CollectionError.
    """
    versions, order = Versions(home, asked.wanted.name), asked.order
    claim, attributes = asked.wanted.claim, asked.wanted.attributes
    with versions.opened(check) as found:
        claim.verify(found, asked.wanted.identifiers)
        request = reusable(versions, found, asked)
        if request is None or found.pending is None:
            return PreparedRequest(None, None, order, False, True) if check else _made(versions, found, asked, now)
        journaled = _journaled(found.manifests[found.pending])
        if check:
            differs = drift(versions.path(found.pending, KEY), attributes) or claim.drift(found)
            changed = bool(differs) or order not in (None, journaled)
        else:
            versions.discard_before(found, found.pending)
            repaired = versions.repair(found.pending, attributes)
            noted = versions.note(found.pending, **claim.fields(found), **(vars(order) if order else {}))
            changed = bool(repaired) or noted
        return PreparedRequest(found.pending, request, order or journaled, True, changed)


def reusable(versions: Versions, found: StoredVersions, asked: Asked) -> bytes | None:
    """Return the request of the pending version if that has the wanted terms and is not used by another order."""
    pending, wanted = found.manifest, asked.wanted
    if not pending or not found.pending:
        return None
    others = asked.order is not None and asked.order.order_uri != pending["order_uri"]
    if others and ("files" in pending or asked.new_key):
        return None
    terms = replace(wanted.terms, directories=frozenset((asked.directory,)))
    if terms.difference(Terms.of_version(pending)):
        return None
    try:
        key = versions.key(found.pending)
        request = files.read(versions.path(found.pending, REQUEST))
    except CollectionError:
        return None
    return request if csr.matches(request, key, wanted.identifiers) else None


def journal(home: str, name: str, order: JournaledOrder, check: bool) -> bool:
    """Write the order into the pending version's journal. Return False if it was there. Raises CollectionError."""
    versions = Versions(home, name)
    found = versions.read()
    if check:
        return not found.manifest or _journaled(found.manifest) != order
    versions.pending(found)  # before the lock, for which folders would be made
    with versions.locked() as found:
        return versions.note(versions.pending(found), **vars(order))


def forget_order(home: str, name: str, order_uri: str | None, claim: Claim, check: bool) -> bool:
    """Remove an order that failed from the journal: the next run makes a new one, with the same key.

    *order_uri*: only that order; None: any order of the list of *claim*. Return False if there was none. Raises
    CollectionError.
    """
    versions = Versions(home, name)

    def concerned(found: StoredVersions) -> bool:
        journaled = found.manifest["order_uri"] if found.manifest else None
        return bool(journaled) and claim.owns(found) and order_uri in (None, "", journaled)

    is_concerned = concerned(read_versions(home, name))
    if check or not is_concerned:
        return is_concerned
    with versions.locked() as found:
        return concerned(found) and versions.note(versions.pending(found), order_uri=None)


def note_failure(home: str, claim: Claim, result: Mapping[str, Any], kind: FailureKind, now: datetime) -> None:
    """Record that an order has failed. *result*: as the option `results` has it. Raises CollectionError."""
    versions = Versions(home, result["name"])
    failure = {
        "kind": kind.value,
        "directory": result["directory"] or "",
        "at": utc(now),
        "retry_at": as_time(result["retry_at"]) or None,
        "problem": result["problem"],
        "digest": result["digest"] or "",
    }
    with versions.locked() as found:
        versions.note_failure(found, claim.list_name, failure)


def _made(versions: Versions, found: StoredVersions, asked: Asked, now: datetime) -> PreparedRequest:
    wanted, order = asked.wanted, asked.order
    key = keys.generate(wanted.key_type)
    request = csr.build(key, wanted.identifiers)
    journal = vars(order) if order else {"account_uri": None}
    manifest = wanted.manifest(found, directory=asked.directory, created=utc(now), **journal)
    contents = {KEY: Content(keys.pem(key), wanted.attributes), REQUEST: Content(request)}
    number = versions.add(found, manifest, contents)
    return PreparedRequest(number, request, order, False, True)


def _journaled(manifest: Mapping[str, Any]) -> JournaledOrder | None:
    return JournaledOrder(manifest["order_uri"], manifest["account_uri"]) if manifest["order_uri"] else None
