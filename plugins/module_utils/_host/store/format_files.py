# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Formats on the disk: written from a version that is live, recorded in its manifest."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ..._common.errors import CollectionError
from ..._common.names import CERTIFICATE, CHAIN, KEY, MANIFEST
from ..._x509 import certificates, keys
from ..wanted import attributes, formats
from ..wanted.formats import Format
from . import files
from .files import Content
from .format_encodings import encode
from .manifest import read
from .versions import Versions

_MOUNTED = "which a renewal cannot replace: mount the folder that it is in"
_LINKED = "which keeps what it had: make it a symbolic link"
_MOUNTS = "/proc/self/mountinfo"
# Of a line in it, the place; blanks and such are octal there (proc(5)).
_OCTAL = re.compile(r"\\([0-7]{3})")


class Written(NamedTuple):
    """What came of it. changed: what differed, in words. content: whether a service has something to read anew.

    problems: what could not be written, and why. warnings: files that stay behind.
    """

    changed: list[str]
    content: bool
    problems: list[str]
    warnings: list[str]


def write(versions: Versions, number: str, wanted: Sequence[Format], now: datetime) -> Written:
    """Have the files be those of a version. One that cannot be written stops no other. Raises CollectionError."""
    manifest = read(versions.path(number, MANIFEST)) or {}
    known = formats.records(manifest)
    # Of what the version before had, it is told once: when this one is written for the first time.
    before = {} if "formats" in manifest else _before(versions, number)
    if not wanted and not known and not before:
        return Written([], False, [], [])
    path = versions.path(number, KEY)
    key_file = files.read(path)
    written = Written(formats.drift(wanted, manifest, key_file), False, [], [])
    records = {}
    content = False
    mounted = _mount_points() if wanted else frozenset()
    for item in wanted:
        try:
            data = formats.as_recorded(item, manifest, key_file)
            if data is not None:
                if attributes.drift(item.path, item.attributes):
                    # A new file with the same bytes: what was found may be open to others by now.
                    files.replace(item.path, Content(data, attributes.completed(item.path, item.attributes)))
                if formats.place(item.path) in mounted:
                    written.warnings.append(f"{item.path} is a mount point, {_MOUNTED}")
                records[item.path] = known[item.path]
                continue
            leaf, chain = _certificates(versions, number)
            data = encode(item, keys.load(key_file, path), leaf, chain, now)
            if _names(item.path) > 1:
                written.warnings.append(f"{item.path} had another name, too (a hard link), {_LINKED}")
            files.replace(item.path, Content(data, item.attributes))
            content = True
            # The hash of the bytes that were written: the folder's owner may have exchanged the file since.
            records[item.path] = {"sha256": hashlib.sha256(data).hexdigest(), "wanted": item.stamp(key_file)}
        except CollectionError as error:
            written.problems.append(str(error))
            if item.path in known:
                records[item.path] = known[item.path]
    dropped = {*known, *before} - {item.path for item in wanted}
    for stale in sorted(dropped):
        written.warnings.append(f"{stale} is not wanted any more: it stays as it is, and is renewed no longer")
    if records != known or dropped:
        versions.note(number, formats=records)
    return written._replace(content=content)


def _before(versions: Versions, number: str) -> dict[str, dict[str, str]]:
    """What was written of the version before, or of the last one of which anything was."""
    for other in reversed(versions.look().numbers):
        manifest = read(versions.path(other, MANIFEST)) or {}
        if int(other) < int(number) and "formats" in manifest:
            return formats.records(manifest)
    return {}


def _mount_points() -> frozenset[str]:
    """Return the mount points of this system; none if the kernel does not list them."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
            places = [line.split(" ")[4] for line in lines]
    except OSError:
        return frozenset()
    return frozenset(_OCTAL.sub(lambda found: chr(int(found[1], 8)), place) for place in places)


def _names(path: str) -> int:
    """Return the number of a file's names; 0 if there is no file."""
    try:
        return os.lstat(path).st_nlink
    except OSError:
        return 0


def _certificates(versions: Versions, number: str):  # type: ignore[no-untyped-def]
    texts = [files.read(versions.path(number, file)).decode("ascii", "replace") for file in (CERTIFICATE, CHAIN)]
    (leaf,) = certificates.load_all(texts[0], "the certificate")
    return leaf, certificates.load_all(texts[1], "the chain")
