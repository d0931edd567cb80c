# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Format files beside the PEM files of a certificate: the wanted ones, and how the existing ones differ.

Standard library only, as inspection uses it. The live version's manifest records what was written:

    "formats": {"/etc/haproxy/certs/shop.pem": {"sha256": ..., "wanted": ...}}

*wanted* is a digest of the options, with the passphrase, keyed with the private key: every user can read the manifest,
and nobody without the key can test passphrases against it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..._common import paths
from ..._common.errors import OptionError
from . import attributes
from .attributes import Attributes
from .reloads import NOTIFY

COMBINED, PKCS12, DER, ROOT = "combined", "pkcs12", "der", "root"
KINDS = (COMBINED, PKCS12, DER, ROOT)
#: The kinds that contain the private key.
SECRET = (COMBINED, PKCS12)
MODERN, LEGACY = "modern", "legacy"
#: Iterations of the key derivation and of the MAC in PKCS #12; services read such files at every start.
ROUNDS = 20000
#: Characters of a passphrase. 12 random letters and digits have 71 bits, which nobody can try out, and usual passwords
#: ("changeit") are shorter.
SHORTEST_PASSPHRASE = 12

#: The attribute of PKCS #12 by which a reader finds the certificate of a key: its object identifier in DER.
LOCAL_KEY_ID = bytes.fromhex("06092a864886f70d010915")
# The end of a file with ROUNDS iterations (RFC 7292 section 4: they are the last field of MacData): a DER INTEGER.
_STRONG_MAC = b"\x02\x02" + ROUNDS.to_bytes(2, "big")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LARGEST = 1 << 22  # bytes; no file of a certificate comes near it


class Format(NamedTuple):
    """A wanted file. passphrase, friendly_name, encryption: of PKCS #12. roots: the file to search for ROOT."""

    kind: str
    path: str
    attributes: Attributes
    encryption: str = MODERN
    passphrase: str = ""
    friendly_name: str = ""
    roots: str = ""

    def stamp(self, key: bytes) -> str:
        """Return the manifest's digest of the options, keyed with *key*, the private key's file (bytes)."""
        options = [self.kind, self.encryption, digest(self.passphrase), self.friendly_name, self.roots]
        return hmac.new(key, json.dumps(options).encode(), "sha256").hexdigest()


def parse_all(options: Iterable[Mapping[str, Any]], certificate: Mapping[str, Any]) -> tuple[Format, ...]:
    """Parse the formats in the options of a *certificate*. Raises OptionError."""
    found = tuple(parse(option, certificate) for option in options)
    for path, times in Counter(place(item.path) for item in found).items():
        if times > 1:
            raise OptionError(f"formats has {path} twice")
    return found


def place(path: str) -> str:
    """Return the path of a file with all links in its folder resolved. A link at *path* itself would be replaced."""
    folder, name = os.path.split(path)
    return os.path.join(paths.resolve(folder), name)


def places(certificates: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the places of the format files of certificates, by their options; for each certificate once."""
    return [where for option in certificates for where in {place(item["path"]) for item in option["formats"]}]


def contended(certificates: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the places of several certificates, which each of them would overwrite in every run."""
    return {where for where, times in Counter(places(certificates)).items() if times > 1}


def verify_places(formats: Iterable[Format], home: str, contended: Collection[str]) -> None:
    """Raise OptionError for a file that others write as well: another certificate, or the versions in *home*."""
    wheres = [(item, place(item.path)) for item in formats]
    own = os.path.join(paths.resolve(home), "") if wheres else ""
    for item, where in wheres:
        if where.startswith(own):
            raise OptionError(f"formats has {item.path}, which is in {home}: that is for the versions alone")
        if where in contended:
            raise OptionError(f"formats has {item.path}, which another certificate has as well")


def passphrase_problems(certificates: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return by certificate why its passphrases, or those of others, cannot be used.

    It needs the passphrases, not their digests. Ansible hides a secret in all texts of a result, also in the names of
    handlers, by which the role notifies them.
    """
    given = {item["passphrase"] for option in certificates for item in option["formats"] if item["passphrase"]}
    problems = {}
    for option in certificates:
        handlers = [entry[NOTIFY] for entry in option["reload"] if _notifies(entry)]
        if any(passphrase in handler for passphrase in given for handler in handlers):
            problems[option["name"]] = (
                "reload has a handler with a passphrase of formats in its name, which Ansible hides wherever it is: "
                "choose another passphrase"
            )
        if not all(_is_text(item["passphrase"] or "") for item in option["formats"]):
            problems[option["name"]] = "formats has a passphrase that is not text in UTF-8"
        for item in option["formats"]:
            if 0 < len(item["passphrase"] or "") < SHORTEST_PASSPHRASE:
                problems.setdefault(
                    option["name"],
                    f"formats has {item['path']} with a passphrase of fewer than {SHORTEST_PASSPHRASE} characters, "
                    "which can be guessed: choose a longer one",
                )
    return problems


def digest(passphrase: str) -> str:
    """Return the digest of a passphrase, for comparison; that of a digest is itself. Empty for none."""
    if not passphrase or _DIGEST.fullmatch(passphrase):
        return passphrase
    return "sha256:" + hashlib.sha256(passphrase.encode("utf-8", "surrogatepass")).hexdigest()


def with_digests(option: Any) -> Any:
    """Return a certificate's options, as in a task, with digests instead of passphrases."""
    return _changed(option, lambda passphrase: digest(str(passphrase)))


def without_passphrases(option: Any) -> Any:
    """Return a certificate's options without secrets."""
    return _changed(option, lambda passphrase: None)


def drift(formats: Sequence[Format], manifest: Mapping[str, Any], key: bytes) -> list[str]:
    """Return how the files differ from *formats*, for people. *manifest* and *key* are the live version's."""
    known = records(manifest)
    texts = []
    for item in formats:
        record = known.get(item.path, {})
        problem, _data = _examine(item, record, key)
        texts += [f"{item.path} {problem}"] if problem else attributes.drift(item.path, item.attributes, item.path)
    paths = {item.path for item in formats}
    texts.extend(f"{path} is not wanted any more" for path in known if path not in paths)
    return texts


def as_recorded(item: Format, manifest: Mapping[str, Any], key: bytes) -> bytes | None:
    """Return the file's bytes, if it is the one that was written for these options and this key."""
    problem, data = _examine(item, records(manifest).get(item.path, {}), key)
    return None if problem else data


def records(manifest: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the manifest's records of what was written, by path."""
    found = manifest.get("formats")
    if not isinstance(found, dict):
        return {}
    return {
        path: record
        for path, record in found.items()
        if isinstance(record, dict) and all(isinstance(record.get(field), str) for field in ("sha256", "wanted"))
    }


def sha256(path: str) -> str | None:
    """Return the SHA-256 of a file; None if it cannot be read, or is not a regular file."""
    data = _read(path)
    return None if data is None else hashlib.sha256(data).hexdigest()


def _read(path: str) -> bytes | None:
    try:
        return paths.read(path, _LARGEST)
    except OSError:
        return None


def _notifies(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get(NOTIFY), str)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _changed(option: Any, change: Callable[[Any], str | None]) -> Any:
    formats = option.get("formats") if isinstance(option, Mapping) else None
    if not isinstance(formats, list):
        return option
    return {
        **option,
        "formats": [
            {**item, "passphrase": change(item["passphrase"])}
            if isinstance(item, Mapping) and item.get("passphrase")
            else item
            for item in formats
        ],
    }


def _examine(item: Format, record: Mapping[str, str], key: bytes) -> tuple[str, bytes]:
    """Return how a file's content differs from *item*, for people, and the bytes that were compared."""
    if not os.path.lexists(item.path):
        return "is missing", b""
    if not record:
        return "is not of this version", b""
    if record["wanted"] != item.stamp(key):
        return "is wanted otherwise", b""
    data = _read(item.path)
    if data is None or hashlib.sha256(data).hexdigest() != record["sha256"]:
        return "is damaged", b""
    if item.kind == PKCS12 and LOCAL_KEY_ID not in data:  # written by 0.3.0 with cryptography 43
        return "has no localKeyID, so readers do not find the certificate of the key", data
    if item.kind == PKCS12 and not data.endswith(_STRONG_MAC):  # written by 0.3.0
        return "has a weak MAC, against which passphrases can be tried", data
    return "", data


def parse(option: Mapping[str, Any], certificate: Mapping[str, Any]) -> Format:
    """Parse one element of the option. Raises OptionError."""
    kind, path = option["kind"], option["path"]
    if not os.path.isabs(path) or os.path.normpath(path) != path:
        raise OptionError(f"formats has the path {path!r}, which is not a plain absolute one")
    passphrase = option["passphrase"] or ""
    if kind == PKCS12 and not passphrase:
        raise OptionError(f"formats has {path} without a passphrase, which pkcs12 needs")
    if kind != PKCS12 and passphrase:
        raise OptionError(f"formats has {path} with a passphrase, which {kind} does not take")
    if not _is_text(option["friendly_name"] or ""):
        raise OptionError(f"formats has {path} with a friendly_name that is not text in UTF-8")
    return Format(
        kind,
        path,
        _attributes(option, certificate),
        option["encryption"],
        passphrase,
        (option["friendly_name"] or certificate["name"]) if kind == PKCS12 else "",
        (option["roots"] or "") if kind == ROOT else "",
    )


def _attributes(option: Mapping[str, Any], certificate: Mapping[str, Any]) -> Attributes:
    """Return the wanted attributes; by default those of the private key if the file contains it, else mode 0644."""
    if option["kind"] in SECRET:
        wanted = {field: option[field] or certificate[field] for field in ("mode", "owner", "group")}
        return attributes.resolve(wanted)
    return attributes.resolve({**option, "mode": option["mode"] or "0644"}, secret=False)
