# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remove a certificate that is not listed any more: its link, its formats, its versions."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace

from ..._common.statuses import Outcome
from ..errors import DiskError, StateError
from ..store import files
from ..store.manifest import StoredVersions, folder_path, link_path
from ..store.versions import Versions
from ..wanted import formats
from ..wanted.claim import Claim
from .deployment import Deployed


def remove(home: str, name: str, claim: Claim, check: bool, kept: Collection[str] = ()) -> Deployed | None:
    """Remove all of a certificate, and return None if there is nothing. After a kill it can be repeated.

    *kept*: format files that other certificates have now. Raises CollectionError; StateError for a certificate of
    another list.
    """
    versions = Versions(home, name)
    found = versions.read()
    if not os.path.lexists(folder_path(home, name)) and not os.path.lexists(link_path(home, name)):
        return None
    _verify(claim, found)
    live = found.manifests.get(found.live or "", {})
    deployed = Deployed(True, found.live or "", live.get("serial") or "", live.get("not_after") or "", Outcome.REMOVED)
    if check:
        return deployed
    with versions.locked() as found:
        _verify(claim, found)
        files.sweep(os.path.join(home, "versions"), name)
        files.remove_file(link_path(home, name))
        left = remove_formats(found, kept)
        for number in found.numbers:
            files.remove_folder(versions.path(number))
        files.remove_folder(folder_path(home, name))
    return replace(deployed, warning="; ".join(left))


def remove_formats(found: StoredVersions, kept: Collection[str] = ()) -> list[str]:
    """Remove the format files of all versions, but those that others have now (*kept*). Return what stays, and why."""
    left = []
    for path, hashes in _formats(found).items():
        if formats.place(path) in kept:
            continue
        try:
            # A file that somebody else has replaced stays.
            files.remove_file(path, only_aside=formats.sha256(path) not in hashes)
        except DiskError as error:  # the owner of its folder must not keep the private keys from being removed
            left.append(str(error))
    return left


def _verify(claim: Claim, found: StoredVersions) -> None:
    """Raise StateError if the certificate is not one of the list's."""
    if claim.owns(found):
        return
    if found.owner:
        raise StateError(f"it is not removed: it belongs to list {found.owner!r}, not to {claim.list_name!r}")
    raise StateError("it is not removed: its manifests are damaged, so its list is unknown; remove it by hand")


def _formats(found: StoredVersions) -> dict[str, set[str]]:
    """Return the format files of all versions, with the hashes that were written to each."""
    written: dict[str, set[str]] = {}
    for manifest in found.manifests.values():
        for path, record in formats.records(manifest).items():
            written.setdefault(path, set()).add(record["sha256"])
    return written
