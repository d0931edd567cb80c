# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the live version of a certificate in its formats, and record them in its manifest."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ..._common.errors import CollectionError
from ..._common.names import KEY
from ..._x509 import certificates, keys
from ..wanted import attributes, formats
from ..wanted.formats import Format
from . import files
from .files import Content
from .format_encodings import encode
from .versions import Versions

if TYPE_CHECKING:
    from cryptography import x509

_MOUNTED = "which a renewal cannot replace. Mount the folder that it is in"
_LINKED = "which keeps the old content. Replace that hard link with a symbolic link"
_MOUNTS = "/proc/self/mountinfo"
# Spaces and some other characters of a mount point are written in octal (proc(5)).
_OCTAL = re.compile(r"\\([0-7]{3})")


class Written(NamedTuple):
    """The result of writing the formats.

    changed: what differed, in words. content: True if a service must reload a file. problems: files that could not be
    written, and why. warnings: files that a later renewal does not replace.
    """

    changed: list[str]
    content: bool
    problems: list[str]
    warnings: list[str]


def write(versions: Versions, number: str, items: Sequence[Format], now: datetime) -> Written:
    """Write the files *items* of a version. If one cannot be written, the others are. Raises CollectionError."""
    manifest = versions.manifest(number)
    known = formats.records(manifest)
    # Files of the version before are reported once: when this version is written for the first time.
    before = {} if "formats" in manifest else _before(versions, number)
    if not items and not known and not before:
        return Written([], False, [], [])
    path = versions.path(number, KEY)
    key_file = files.read(path)
    written = Written(formats.drift(items, manifest, key_file), False, [], [])
    records = {item.path: known[item.path] for item in items if item.path in known}
    content = False
    mounted = _mount_points() if items else frozenset()
    for item in items:
        try:
            data = formats.as_recorded(item, manifest, key_file)
            if data is not None:
                if attributes.drift(item.path, item.attributes):
                    # Write a new file with the same bytes: other users may have opened the old one.
                    files.replace(item.path, Content(data, attributes.completed(item.path, item.attributes)))
                if formats.place(item.path) in mounted:
                    written.warnings.append(f"{item.path} is a mount point, {_MOUNTED}")
                continue
            leaf, chain = _certificates(versions, number)
            data = encode(item, keys.load(key_file, path), leaf, chain, now)
            if _count_links(item.path) > 1:
                written.warnings.append(f"{item.path} had a second hard link, {_LINKED}")
            files.replace(item.path, Content(data, item.attributes))
            content = True
            # The hash of the bytes that were written, since the folder's owner may have replaced the file.
            records[item.path] = {"sha256": hashlib.sha256(data).hexdigest(), "wanted": item.stamp(key_file)}
        except CollectionError as error:
            written.problems.append(str(error))
    dropped = {*known, *before} - {item.path for item in items}
    for stale in sorted(dropped):
        written.warnings.append(f"{stale} is no longer in formats. It stays, but is not renewed any more")
    if records != known or dropped:
        versions.note(number, formats=records)
    return written._replace(content=content)


def _before(versions: Versions, number: str) -> dict[str, dict[str, str]]:
    """Return the records of the last version before *number* that has any."""
    for other, manifest in reversed(versions.read().manifests.items()):
        if int(other) < int(number) and "formats" in manifest:
            return formats.records(manifest)
    return {}


def _mount_points() -> frozenset[str]:
    """Return the mount points of this system; an empty set if the kernel does not list them."""
    try:
        with open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
            places = [line.split(" ")[4] for line in lines]
    except OSError:
        return frozenset()
    return frozenset(_OCTAL.sub(lambda match: chr(int(match[1], 8)), place) for place in places)


def _count_links(path: str) -> int:
    """Return the number of a file's hard links; 0 if it does not exist."""
    try:
        return os.lstat(path).st_nlink
    except OSError:
        return 0


def _certificates(versions: Versions, number: str) -> tuple[x509.Certificate, list[x509.Certificate]]:
    certificate, chain = versions.pems(number)
    (leaf,) = certificates.load_all(certificate, "the certificate")
    return leaf, certificates.load_all(chain, "the chain")
