# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the versions of a certificate from the disk: the live link, the manifests, the hashes of the files.

    HOME/live/NAME            -> ../versions/NAME/0007
    HOME/versions/NAME/0007/  privkey.pem cert.pem chain.pem fullchain.pem version.json
    HOME/versions/NAME/       failures.json, if there were any since the last success

Standard library only, since every host runs this in every run. Damaged files raise no errors here: they are reported
in the result.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import timedelta
from typing import Any, NamedTuple

from ..._common import paths
from ..._common.names import CERTIFICATE, DEFAULT_LIST, FILES, MANIFEST, NUMBER, name_problem
from ..._common.times import as_time, parse_utc
from . import failures
from .failures import Failures

FORMAT = 1  # marks a manifest; releases before the schema refuse any other
#: The schema of manifests that this code writes. 0: those of 0.3.0 and before, which name no schema and no list.
#: docs/architecture.md has its history, and says when it rises.
SCHEMA = 1
# The rate limits of CAs cover seven days at most. A weekly job is known by its certificates of two weeks.
_COUNTED = timedelta(days=15)
_MAX_SIZE = 1 << 20  # bytes; files of a version are much smaller

_OPTIONAL = dict.fromkeys(("profile", "account_uri", "order_uri"))
_DEFAULTS: dict[str, Any] = {**_OPTIONAL, "list": DEFAULT_LIST, "reloaded": False}
_TEXT_OR_NONE = (str, type(None))
_TYPES: dict[str, Any] = {
    "name": str,
    "key_type": str,
    "directory": str,
    "list": str,
    "identifiers": list,
    "former_lists": list,
    **dict.fromkeys(_OPTIONAL, _TEXT_OR_NONE),
}
_ISSUED_TYPES = {"serial": str, "issuer": str, "files": dict, "reloaded": bool, "ari_id": _TEXT_OR_NONE}
_OF_CERTIFICATE = ("serial", "issuer", "not_before", "not_after")

Manifest = dict[str, Any]


class NewerError(ValueError):
    """A manifest of a later release, whose fields may have another meaning."""


class StoredVersions(NamedTuple):
    """The versions of one certificate on the disk. A version is known by its number.

    live: the version that the link leads to. foreign: True if something else is in the place of the link.
    pending: the version being made. numbers: all versions, the oldest first. manifests: the readable manifests by
    number, in the same order. newer: a line about a manifest of a later release, or empty. If it is not empty, nothing
    of the certificate may be changed. failures: those since the last success.
    """

    live: str | None
    foreign: bool
    pending: str | None
    numbers: list[str]
    manifests: dict[str, Manifest]
    newer: str
    failures: Failures | None = None

    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the pending version."""
        return self.manifests[self.pending] if self.pending else None

    @property
    def newest(self) -> Manifest | None:
        """The newest readable manifest, which says to which list the certificate belongs."""
        return next(reversed(self.manifests.values()), None)

    @property
    def owner(self) -> str | None:
        """The list that the certificate belongs to. One that never got as far as a version has failures only."""
        if self.newest:
            return str(self.newest["list"])
        return self.failures.list if self.failures and not self.numbers else None


def link_path(home: str, name: str) -> str:
    """Return the path of the link to the live version."""
    return os.path.join(home, "live", name)


def folder_path(home: str, name: str, *below: str) -> str:
    """Return the path of the folder with a certificate's versions, or of something in it."""
    return os.path.join(home, "versions", name, *below)


def read_versions(home: str, name: str) -> StoredVersions:
    """Return what is stored on disk for the certificate *name* (a valid name)."""
    live, foreign = _live(home, name)
    numbers = sorted(filter(NUMBER.fullmatch, paths.entries(folder_path(home, name))), key=int)
    manifests, newer = {}, ""
    for number in numbers:
        path = folder_path(home, name, number, MANIFEST)
        try:
            manifests[number] = parse(paths.read_whole(path, _MAX_SIZE))
        except NewerError as error:
            newer = f"{path} {error}"
        except (OSError, ValueError, RecursionError):
            continue  # it does not exist or is damaged
    # A version that was live and was rolled back is history, not pending. Nobody switches to a revoked one.
    waiting = (
        other for other in reversed(manifests) if not (manifests[other]["reloaded"] or revoked_at(manifests[other]))
    )
    pending = next((number for number in waiting if int(number) > int(live or 0)), None)
    failed = failures.read(folder_path(home, name))
    return StoredVersions(live, foreign, pending, numbers, manifests, newer, failed)


def read(path: str) -> Manifest | None:
    """Return the manifest *path*; None if it does not exist, is damaged, or a later release wrote it."""
    try:
        return parse(paths.read_whole(path, _MAX_SIZE))
    except (OSError, ValueError, RecursionError):
        return None


def content(home: str, name: str, number: str, file: str) -> bytes:
    """Return the bytes of a file of a version; no bytes if it cannot be read."""
    try:
        return paths.read_whole(folder_path(home, name, number, file), _MAX_SIZE)
    except OSError:
        return b""


def parse(data: bytes) -> Manifest:
    """Parse the text of a manifest. Unknown fields stay unchanged. Raises ValueError, NewerError."""
    manifest = json.loads(data)
    if not isinstance(manifest, dict):
        raise ValueError("not a manifest")
    schema = manifest.setdefault("schema", 0)
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 0:
        raise ValueError("schema")
    if schema > SCHEMA:  # verified first, since all other fields may have another form
        raise NewerError(
            f"was written by a newer certfleet.tls (schema {schema}, this release knows {SCHEMA}). "
            "Upgrade certfleet.tls on the controller"
        )
    if manifest.get("format") != FORMAT:
        raise ValueError("not a manifest")
    manifest = {**_DEFAULTS, "former_lists": [], **manifest}
    _verify_types(manifest, _TYPES)
    texts = [*manifest["identifiers"], *manifest["former_lists"]]
    if not manifest["identifiers"] or not all(isinstance(text, str) for text in texts):
        raise ValueError("identifiers or former_lists")
    if "files" in manifest:
        manifest.setdefault("ari_id", None)
        _verify_types(manifest, _ISSUED_TYPES)
        if not as_time(manifest.get("not_before")) or not as_time(manifest.get("not_after")):
            raise ValueError("not_before or not_after")
    return manifest


def revoked_at(manifest: Manifest) -> str | None:
    """Return since when a version's certificate is known to be revoked; None if it is not."""
    return as_time(manifest.get("revoked")) or None


def is_whole(facts: dict[str, Any]) -> bool:
    """Return True if the version that live_facts() describes has all its files, undamaged."""
    return not (facts["missing"] or facts["damaged"] or facts["unreadable"])


def live_facts(home: str, name: str, number: str, stored: StoredVersions | None = None) -> dict[str, Any]:
    """Return what certificate_info reports about the live version: fields of its manifest, and the state of its files.

    *stored*: the certificate's versions, if they have just been read.
    """
    folder = folder_path(home, name, number)
    manifest = stored.manifests.get(number) if stored else read(os.path.join(folder, MANIFEST))
    known: dict[str, Any] = manifest if manifest and "files" in manifest and manifest["name"] == name else {}
    broken: dict[str, list[str]] = {"missing": [], "damaged": [], "unreadable": []}
    for file in FILES:
        try:
            data = paths.read_whole(os.path.join(folder, file), _MAX_SIZE)
            if hashlib.sha256(data).hexdigest() != known.get("files", {}).get(file):
                broken["damaged"].append(file)
        except FileNotFoundError:
            broken["missing"].append(file)
        except PermissionError:
            broken["unreadable"].append(file)
        except OSError:
            broken["damaged"].append(file)
    if not known:
        broken["damaged"] = [MANIFEST]  # without hashes the other files cannot be verified
    fields = ("key_type", "profile", "directory", "account_uri", *_OF_CERTIFICATE, "ari_id", "created")
    return {
        "version": number,
        "identifiers": known.get("identifiers", []),
        **{field: known.get(field) for field in fields},
        "reloaded": known.get("reloaded", False),
        "revoked": revoked_at(known),
        **broken,
    }


def pending_facts(home: str, name: str, stored: StoredVersions) -> dict[str, Any] | None:
    """Return what certificate_info reports about the pending version. serial is None until it is issued."""
    if stored.manifest is None:
        return None
    fields = ("identifiers", "key_type", "profile", "directory", "account_uri", "order_uri", "created")
    return {
        "version": stored.pending,
        **{field: stored.manifest.get(field) for field in fields},
        **(issued_facts(home, name, stored) or dict.fromkeys(_OF_CERTIFICATE)),
    }


def issued_facts(home: str, name: str, stored: StoredVersions) -> dict[str, Any] | None:
    """Return the facts of the pending version's certificate; None if it has none or is damaged.

    If it has one, only the switch is missing.
    """
    if not stored.pending or "files" not in stored.manifests[stored.pending]:
        return None
    facts = live_facts(home, name, stored.pending, stored)
    return {field: facts[field] for field in _OF_CERTIFICATE} if is_whole(facts) else None


def counted_orders(stored: StoredVersions) -> list[dict[str, Any]]:
    """Return the certificates that count for the CA's rate limits: the newest, and those of two weeks before it.

    renewal: True if it is for the same names and CA as an earlier one.
    """
    result: list[dict[str, Any]] = []
    before: list[tuple[str, list[str]]] = []
    for number, manifest in stored.manifests.items():
        if "files" not in manifest:
            continue
        what = (manifest["directory"], sorted(manifest["identifiers"]))
        # Earlier versions may have been removed. They are assumed to have been for the same names.
        renewal = what in before if before else number == stored.numbers[0] and int(number) > 1
        before.append(what)
        if manifest["order_uri"]:  # otherwise it came from another host, or was adopted
            at = max(manifest["not_before"], as_time(manifest.get("created")))
            facts = {"at": at, "serial": manifest["serial"], "directory": what[0], "identifiers": what[1]}
            result.append({**facts, "renewal": renewal})
    return [item for item in result if parse_utc(result[-1]["at"]) - parse_utc(item["at"]) < _COUNTED]


def history(home: str, name: str) -> list[dict[str, Any]]:
    """Return the versions of a certificate that have been issued, the oldest first. created: when the key was made."""
    if name_problem(name):
        return []
    stored = read_versions(home, name)
    result = []
    for number in stored.numbers:
        if certificate := content(home, name, number, CERTIFICATE).decode("ascii", "replace"):
            known = stored.manifests.get(number, {})
            created = as_time(known.get("created")) or known.get("not_before")
            facts = {"name": name, "version": number, "live": number == stored.live, "serial": known.get("serial")}
            facts.update(created=created, not_after=known.get("not_after"), certificate=certificate)
            result.append(facts)
    return result


def _live(home: str, name: str) -> tuple[str | None, bool]:
    try:
        target = os.readlink(link_path(home, name))
    except (FileNotFoundError, NotADirectoryError):
        return None, False
    except OSError:
        return None, True
    number = os.path.basename(target)
    is_ours = NUMBER.fullmatch(number) and target == os.path.join("..", "versions", name, number)
    return (number, False) if is_ours else (None, True)


def _verify_types(manifest: Manifest, fields: dict[str, Any]) -> None:
    for field, kind in fields.items():
        if not isinstance(manifest.get(field), kind):
            raise ValueError(field)
