# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's part in a revocation: sign the request with the certificate's own key, and mark what is revoked.

A version is found by its certificate's serial number, in the certificate itself: a manifest may be damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..._common.errors import CollectionError
from ..._common.names import CERTIFICATE, KEY
from ..._x509 import certificates, revocation_request
from ..errors import StateError
from ..store import files
from ..store.manifest import StoredVersions, link_path, revoked_at
from ..store.versions import Versions
from . import removal

if TYPE_CHECKING:
    from cryptography import x509


class Marked(NamedTuple):
    """The result of marking. removed: the live version was taken away. warning: what stays of it, or empty."""

    changed: bool
    removed: bool = False
    warning: str = ""


def sign(home: str, name: str, serial: str, reason: int, nonces: Mapping[str, str]) -> dict[str, str]:
    """Return by URL of revokeCert a signature by the certificate's own key (RFC 8555 section 7.6).

    *reason*: a code of RFC 5280 section 5.3.1. *nonces*: by these URLs. Nothing but the revocation of just this
    certificate is signed. Raises CollectionError.
    """
    versions = Versions(home, name)
    problem: CollectionError = _absent(serial)
    for number, leaf in _with_serial(versions, versions.read(), serial):
        try:
            key = versions.key(number)
        except CollectionError as error:
            problem = error
            continue
        if not certificates.is_for(leaf, key.public_key()):
            problem = StateError(f"{versions.path(number, KEY)} is not the key of {CERTIFICATE} beside it")
            continue
        inputs = {url: revocation_request.signing_input(leaf, reason, url, nonce) for url, nonce in nonces.items()}
        return {url: revocation_request.sign(key, message) for url, message in inputs.items()}
    raise problem


def mark(home: str, name: str, serial: str, at: str, remove_live: bool, check: bool) -> Marked:
    """Note in the manifests of a certificate's versions that it is revoked since *at* (as manifests have times).

    *remove_live*: also remove the live link and the formats, if it is the live one. After a kill it can be repeated.
    Raises CollectionError.
    """
    versions = Versions(home, name)
    if not list(_with_serial(versions, versions.read(), serial)):
        raise _absent(serial)  # before the lock, for which folders would be made
    with versions.opened(check) as found:
        numbers = [number for number, _leaf in _with_serial(versions, found, serial)]
        unmarked = [number for number in numbers if not revoked_at(versions.manifest(number))]
        is_removed = remove_live and found.live in numbers
        if check:
            return Marked(bool(unmarked) or is_removed, is_removed)
        problem: CollectionError | None = None
        for number in unmarked:  # first of all: a run that is killed now leaves a version that the next one replaces
            try:
                versions.note(number, revoked=at)
            except CollectionError as error:  # a damaged manifest must not keep the version live
                problem = error
        warning = _take_away(home, name, found) if is_removed else ""
    if problem:
        raise problem
    return Marked(bool(unmarked) or is_removed, is_removed, warning)


def _take_away(home: str, name: str, found: StoredVersions) -> str:
    """Remove the formats and the live link; the versions stay. Return what is left, and why."""
    left = removal.remove_formats(found)
    files.remove_file(link_path(home, name))  # last, so that a killed run can be repeated
    return "; ".join(left)


def _with_serial(versions: Versions, found: StoredVersions, serial: str) -> Iterator[tuple[str, x509.Certificate]]:
    """Yield the number and the certificate of each version whose certificate has a serial number."""
    for number in found.numbers:
        path = versions.path(number, CERTIFICATE)
        try:
            leaves = certificates.load_all(files.read(path).decode("ascii", "replace"), path)
        except CollectionError:
            continue
        if leaves and certificates.serial(leaves[0]) == serial:
            yield number, leaves[0]


def _absent(serial: str) -> StateError:
    return StateError(f"no version here has the serial number {serial}")
