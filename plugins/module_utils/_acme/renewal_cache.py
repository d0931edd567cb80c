# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cache of renewal information, kept until the CA allows the next request (RFC 9773 section 4.3).

An entry that is missing or damaged only costs a request.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime

from .._common import atomic_file
from .._common.errors import OptionError
from .._common.times import parse_time

_FILE = "renewal-info.json"


@dataclass(frozen=True)
class Cached:
    """An answer, and until when no new request is sent. Without a window, the CA only asked for a pause."""

    until: datetime
    start: datetime | None = None
    end: datetime | None = None
    explanation_url: str = ""


class RenewalCache:
    """Answers by URL, in a folder of the controller; only in memory if there is no folder."""

    def __init__(self, folder: str | None = None) -> None:
        self._path = os.path.join(os.path.expanduser(folder), _FILE) if folder else None
        self._entries: dict[str, Cached] = _read(self._path) if self._path else {}
        self._changed = False

    def get(self, base_url: str, ari_id: str, now: datetime) -> Cached | None:
        """Return the entry, if there is one that is still valid."""
        entry = self._entries.get(_key(base_url, ari_id))
        return entry if entry and now < entry.until else None

    def put(self, base_url: str, ari_id: str, entry: Cached) -> None:
        """Keep an answer."""
        self._entries[_key(base_url, ari_id)] = entry
        self._changed = True

    def save(self, now: datetime) -> str:
        """Write the valid entries. Return an error message, or an empty text."""
        if not self._path or not self._changed:
            return ""
        entries = {key: _to_json(entry) for key, entry in self._entries.items() if now < entry.until}
        try:
            atomic_file.write(self._path, json.dumps(entries).encode())
        except OSError as error:
            return f"acme_cache {os.path.dirname(self._path)} cannot be written: {error.strerror}"
        return ""


def _key(base_url: str, ari_id: str) -> str:
    return f"{base_url.rstrip('/')}/{ari_id}"


def _read(path: str) -> dict[str, Cached]:
    try:
        with open(path, encoding="utf-8") as file:
            return {str(key): _from_json(entry) for key, entry in json.load(file).items()}
    except (OptionError, OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return {}


def _to_json(entry: Cached) -> dict[str, str | None]:
    return {
        "until": entry.until.isoformat(),
        "start": entry.start.isoformat() if entry.start else None,
        "end": entry.end.isoformat() if entry.end else None,
        "explanation_url": entry.explanation_url,
    }


def _from_json(entry: dict[str, str]) -> Cached:
    start, end = (parse_time(entry[key]) if entry[key] else None for key in ("start", "end"))
    return Cached(parse_time(entry["until"]), start, end, str(entry["explanation_url"]))
