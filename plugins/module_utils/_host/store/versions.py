# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the versions of a certificate to the disk. Every change is made under the certificate's lock.

A version is pending until the live link leads to it. A pending version appears complete with key and request; the
certificate is added to it; then the link is switched. If a run is killed at any point, the next run resumes with the
pending version.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ..._common.failed_orders import Failure
from ..._common.names import CERTIFICATE, CHAIN, FULLCHAIN, KEY, MANIFEST, verify_name
from ..._common.paths import Rule
from ..._x509 import keys
from ..errors import StateError
from ..wanted.attributes import Attributes, completed, drift
from . import failures, files
from .failures import Failures
from .files import Content
from .manifest import FORMAT, SCHEMA, Manifest, StoredVersions, folder_path, link_path, read, read_versions

KEPT = 3  # versions: the live one, and earlier ones to roll back to


class Versions:
    """The versions of the certificate *name* in *home*. All methods raise CollectionError."""

    def __init__(self, home: str, name: str) -> None:
        verify_name(name)
        self.home = home
        self.name = name

    @contextmanager
    def locked(self) -> Iterator[StoredVersions]:
        """Hold the certificate's lock, remove what a killed run left aside, and yield the versions."""
        self.read()  # raises before anything is created, removed or locked
        folder = folder_path(self.home, self.name)
        files.make_folders(folder, rule=Rule.OWN)
        with files.locked(os.path.join(folder, ".lock")):
            files.sweep(folder)
            files.sweep(os.path.join(self.home, "live"), self.name)
            stored = self.read()
            for number in stored.numbers:
                files.sweep(self.path(number))
            yield stored

    def opened(self, check: bool) -> AbstractContextManager[StoredVersions]:
        """Return the versions as locked() does, in a *check* as read() does."""
        return nullcontext(self.read()) if check else self.locked()

    def read(self) -> StoredVersions:
        """Read the versions without a lock, as in check mode. Raises StateError if they may not be changed."""
        stored = read_versions(self.home, self.name)
        if stored.foreign:
            raise StateError(f"{link_path(self.home, self.name)} is not a link to one of its versions. Move it away")
        if stored.newer:
            raise StateError(stored.newer)
        return stored

    def pending(self, stored: StoredVersions) -> str:
        """Return the number of the pending version. Raises StateError if there is none."""
        if stored.pending is None:
            raise StateError("the certificate has no pending version. Run certificate_request first")
        return stored.pending

    def path(self, number: str, *file: str) -> str:
        """Return the path of a version, or of a file in it."""
        return folder_path(self.home, self.name, number, *file)

    def manifest(self, number: str) -> Manifest:
        """Return the manifest of a version; an empty one if it cannot be read."""
        return read(self.path(number, MANIFEST)) or {}

    def key(self, number: str) -> keys.PrivateKey:
        """Return the private key of a version."""
        path = self.path(number, KEY)
        return keys.load(files.read(path), path)

    def pems(self, number: str) -> tuple[str, str]:
        """Return the certificate and the chain of a version, PEM."""
        certificate, chain = (files.read(self.path(number, file)) for file in (CERTIFICATE, CHAIN))
        return certificate.decode("ascii", "replace"), chain.decode("ascii", "replace")

    def was_used(self, number: str) -> bool:
        """Return True if services have used a version."""
        manifest = self.manifest(number)
        return bool(manifest.get("proved") or manifest.get("reloaded"))

    def add(self, stored: StoredVersions, manifest: Mapping[str, Any], contents: Mapping[str, Content]) -> str:
        """Create a pending version, replace the earlier pending one, and return its number."""
        number = f"{max(map(int, (*stored.numbers, stored.live or '0'))) + 1:04d}"
        files.write_folder(self.path(number), {**contents, MANIFEST: _content(manifest)})
        self.discard_before(stored, number)
        return number

    def take_in(
        self, stored: StoredVersions, manifest: Manifest, key: Content, certificate: bytes, chain: bytes
    ) -> str:
        """Create a pending version that already has its certificate, and return its number."""
        contents = {KEY: key, **_public(certificate, chain)}
        return self.add(stored, _issued(manifest, contents), contents)

    def discard_before(self, stored: StoredVersions, number: str) -> None:
        """Remove the versions that were pending before *number*. Versions with another certificate stay."""
        without = (None, self.manifest(number).get("serial"))
        for other in stored.numbers:
            if int(stored.live or 0) < int(other) < int(number) and self.manifest(other).get("serial") in without:
                files.remove_folder(self.path(other))

    def note(self, number: str, **fields: Any) -> bool:
        """Write fields into a version's manifest. Return False if it has these values already."""
        manifest = self.manifest(number)
        if not manifest:
            raise StateError(f"cannot read {self.path(number, MANIFEST)}: it is damaged")
        if all(field in manifest and manifest[field] == value for field, value in fields.items()):
            return False
        files.write_all(self.path(number), {MANIFEST: _content({**manifest, **fields})})
        return True

    def unconfirm(self, number: str) -> None:
        """Record that the services must reload the version."""
        # A version that they have used before stays proved: only new versions are rolled back.
        self.note(number, reloaded=False, proved=self.was_used(number))

    def complete(self, number: str, manifest: Manifest, certificate: bytes, chain: bytes) -> None:
        """Add the certificate to the pending version. The manifest, which records it, is renamed last."""
        public = _public(certificate, chain)
        manifest = _issued(manifest, {KEY: Content(files.read(self.path(number, KEY))), **public})
        files.write_all(self.path(number), {**public, MANIFEST: _content(manifest)})

    def switch(self, number: str) -> None:
        """Make a version the live one. Failures of its orders are over."""
        files.remove_file(folder_path(self.home, self.name, failures.FILE))
        path = link_path(self.home, self.name)
        files.make_folders(os.path.dirname(path))
        files.link(path, os.path.join("..", "versions", self.name, number))

    def note_failure(self, stored: StoredVersions, list_name: str, failure: Failure) -> None:
        """Record an order that failed for a certificate of a list. *failure*: as failures.with_another() takes it."""
        before = stored.failures.failed if stored.failures else ()
        found = Failures(list_name, failures.with_another(before, failure))
        files.write_all(folder_path(self.home, self.name), {failures.FILE: Content(failures.content(found))})

    def prune(self, stored: StoredVersions, number: str, keep: int = KEPT) -> None:
        """Remove the oldest versions, so that *keep* are left with *number*, the live one."""
        numbers = [other for other in stored.numbers if int(other) < int(number)]
        for other in numbers[: max(0, len(numbers) + 1 - keep)]:
            files.remove_folder(self.path(other))

    def repair(self, number: str, attributes: Attributes) -> list[str]:
        """Correct the mode, owner and group of a private key. Return what was wrong, in words."""
        path = self.path(number, KEY)
        if texts := drift(path, attributes):
            # Write a new file: other users may have opened the old one.
            files.replace(path, Content(files.read(path), completed(path, attributes)))
        return texts


def _public(certificate: bytes, chain: bytes) -> dict[str, Content]:
    return {CERTIFICATE: Content(certificate), CHAIN: Content(chain), FULLCHAIN: Content(certificate + chain)}


def _issued(manifest: Manifest, contents: Mapping[str, Content]) -> Manifest:
    """Return the manifest of a version that has its certificate."""
    hashes = {file: hashlib.sha256(content.data).hexdigest() for file, content in contents.items()}
    return {**manifest, "files": hashes, "reloaded": False}


def _content(manifest: Mapping[str, Any]) -> Content:
    whole = {**manifest, "format": FORMAT, "schema": SCHEMA}
    return Content((json.dumps(whole, indent=2, sort_keys=True) + "\n").encode())
