# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate's versions on the disk, for writing. Every step is taken under the certificate's lock.

A version is pending until the live link leads to it. A pending version appears complete with key and request; the
certificate is added to it; then the link is switched. Killed anywhere, the next run takes the pending version up.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..._common.names import CERTIFICATE, CHAIN, FULLCHAIN, KEY, MANIFEST, REQUEST, verify_name
from ..._common.paths import Rule
from ..errors import StateError
from ..wanted.attributes import Attributes, completed, drift
from . import files
from .files import Content
from .manifest import FORMAT, SCHEMA, Manifest, StoredVersions, folder_path, link_path, look, read

KEPT = 3  # versions: the live one and those before it, to roll back to


class Versions:
    """The versions of the certificate *name* in *home*. All methods raise CollectionError."""

    def __init__(self, home: str, name: str) -> None:
        verify_name(name)
        self.home = home
        self.name = name

    @contextmanager
    def locked(self) -> Iterator[StoredVersions]:
        """Hold the certificate's lock, and remove what a killed run left. Gives what there is, looked at under it."""
        self.look()  # before anything is made, swept or locked
        folder = folder_path(self.home, self.name)
        files.make_folders(folder, rule=Rule.OWN)
        with files.locked(os.path.join(folder, ".lock")):
            files.sweep(folder)
            files.sweep(os.path.join(self.home, "live"), self.name)
            found = self.look()
            for number in found.numbers:
                files.sweep(self.path(number))
            yield found

    def look(self) -> StoredVersions:
        """Return what there is, without a lock: for a check. Raises StateError if nothing of it may be changed."""
        found = look(self.home, self.name)
        if found.foreign:
            raise StateError(f"{link_path(self.home, self.name)} is not a link to one of its versions: move it away")
        if found.newer:
            raise StateError(found.newer)
        return found

    def pending(self, found: StoredVersions) -> str:
        """The number of the pending version. Raises StateError if there is none."""
        if found.pending is None:
            raise StateError("no version of it is pending: run certificate_request first")
        return found.pending

    def path(self, number: str, file: str = "") -> str:
        """Where a version, or a file of it, is."""
        return folder_path(self.home, self.name, number, file) if file else folder_path(self.home, self.name, number)

    def add(self, found: StoredVersions, manifest: Mapping[str, Any], key: Content, request: bytes) -> str:
        """Make a pending version in place of the one there may be. Gives its number."""
        number = _next(found)
        contents = {KEY: key, REQUEST: Content(request), MANIFEST: _content(manifest)}
        files.write_folder(self.path(number), contents)
        self.discard_before(found, number)
        return number

    def take_in(self, found: StoredVersions, manifest: Manifest, key: Content, certificate: bytes, chain: bytes) -> str:
        """Make a pending version that has its certificate already. Gives its number."""
        number = _next(found)
        public = _public(certificate, chain)
        files.write_folder(
            self.path(number), {KEY: key, **public, MANIFEST: _content(_issued(manifest, {KEY: key, **public}))}
        )
        self.discard_before(found, number)
        return number

    def discard_before(self, found: StoredVersions, number: str) -> None:
        """Remove what was pending before *number* became it. Other certificates, which may be revoked yet, stay."""
        without = (None, self._serial(number))
        for other in found.numbers:
            if int(found.live or 0) < int(other) < int(number) and self._serial(other) in without:
                files.remove_folder(self.path(other))

    def note(self, number: str, **fields: Any) -> bool:
        """Write fields into a version's manifest; False if they were there."""
        manifest = read(self.path(number, MANIFEST))
        if manifest is None:
            raise StateError(f"{self.path(number, MANIFEST)} is damaged")
        if all(field in manifest and manifest[field] == value for field, value in fields.items()):
            return False
        files.write_all(self.path(number), {MANIFEST: _content({**manifest, **fields})})
        return True

    def unconfirm(self, number: str) -> None:
        """Write down that there is something for the services to read anew."""
        manifest = read(self.path(number, MANIFEST)) or {}
        # Of one that they have used already it is known for good: going back is for what is new.
        self.note(number, reloaded=False, proved=bool(manifest.get("proved") or manifest.get("reloaded")))

    def complete(self, number: str, manifest: Manifest, certificate: bytes, chain: bytes) -> None:
        """Add the certificate to the pending version. The manifest, which says so, gets its name last."""
        public = _public(certificate, chain)
        manifest = _issued(manifest, {KEY: Content(files.read(self.path(number, KEY))), **public})
        files.write_all(self.path(number), {**public, MANIFEST: _content(manifest)})

    def switch(self, number: str) -> None:
        """Make a version the live one."""
        path = link_path(self.home, self.name)
        files.make_folders(os.path.dirname(path))
        files.link(path, os.path.join("..", "versions", self.name, number))

    def prune(self, number: str, keep: int = KEPT) -> None:
        """Remove the oldest versions, so that *keep* are left with *number*, the live one."""
        numbers = [other for other in self.look().numbers if int(other) < int(number)]
        for other in numbers[: max(0, len(numbers) + 1 - keep)]:
            files.remove_folder(self.path(other))

    def repair(self, number: str, wanted: Attributes) -> list[str]:
        """Put a private key's mode, owner and group right. Gives what was wrong, in words."""
        path = self.path(number, KEY)
        texts = drift(path, wanted)
        if texts:
            # A new file: what was found may be open to others by now.
            files.replace(path, Content(files.read(path), completed(path, wanted)))
        return texts

    def _serial(self, number: str) -> str | None:
        """That of the version's certificate, if it has one."""
        return (read(self.path(number, MANIFEST)) or {}).get("serial")


def _next(found: StoredVersions) -> str:
    return f"{max((int(number) for number in (*found.numbers, found.live or '0')), default=0) + 1:04d}"


def _public(certificate: bytes, chain: bytes) -> dict[str, Content]:
    return {
        CERTIFICATE: Content(certificate),
        CHAIN: Content(chain),
        FULLCHAIN: Content(certificate + chain),
    }


def _issued(manifest: Manifest, contents: Mapping[str, Content]) -> Manifest:
    """The manifest of a version that has its certificate."""
    hashes = {file: hashlib.sha256(content.data).hexdigest() for file, content in contents.items()}
    return {**manifest, "files": hashes, "reloaded": False}


def _content(manifest: Mapping[str, Any]) -> Content:
    whole = {**manifest, "format": FORMAT, "schema": SCHEMA}
    return Content((json.dumps(whole, indent=2, sort_keys=True) + "\n").encode())
