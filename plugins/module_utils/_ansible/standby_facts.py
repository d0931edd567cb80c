# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts about a possible change to another CA, kept for a day beside the renewal cache."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .._common import atomic_file
from .._common.errors import OptionError
from .._common.times import parse_time

_FILE = "standby.json"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fact:
    """An answer. at: its instant, aware UTC. problem: why it is no good, in a line. meta: a directory's metadata."""

    at: datetime
    problem: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_json(cls, entry: Mapping[str, Any]) -> Fact:
        """Return an entry of the file. Raises OptionError, TypeError, ValueError, KeyError."""
        return cls(parse_time(entry["at"]), str(entry["problem"]), dict(entry["meta"]))

    def to_json(self) -> dict[str, Any]:
        """Return it as an entry of the file."""
        return {"at": self.at.isoformat(), "problem": self.problem, "meta": dict(self.meta)}


class Facts:
    """Facts by what they are about. They are in a folder of the controller; only in memory if there is none."""

    def __init__(self, folder: str | None, now: datetime) -> None:
        self._path = os.path.join(os.path.expanduser(folder), _FILE) if folder else None
        self._now = now
        self._facts = _read(self._path) if self._path else {}
        self._changed = False

    @property
    def are_kept(self) -> bool:
        """True if a later run knows them."""
        return self._path is not None

    def get(self, about: str) -> Fact | None:
        """Return a fact if it is known and less than a day old."""
        fact = self._facts.get(about)
        return fact if fact and _is_fresh(fact, self._now) else None

    def put(self, about: str, problem: str = "", meta: Mapping[str, Any] | None = None) -> Fact:
        """Keep a fact, and return it."""
        self._changed = True
        self._facts[about] = fact = Fact(self._now, problem, meta or {})
        return fact

    def save(self) -> str:
        """Write the facts of the last day. Return an error message, or an empty text."""
        if not self._path or not self._changed:
            return ""
        facts = {about: fact.to_json() for about, fact in self._facts.items() if _is_fresh(fact, self._now)}
        try:
            atomic_file.write(self._path, json.dumps(facts).encode())
        except OSError as error:
            return f"acme_cache {os.path.dirname(self._path)} cannot be written: {error.strerror}"
        return ""


def _is_fresh(fact: Fact, now: datetime) -> bool:
    return timedelta(0) <= now - fact.at < _DAY


def _read(path: str) -> dict[str, Fact]:
    try:
        with open(path, encoding="utf-8") as file:
            return {str(about): Fact.of_json(entry) for about, entry in json.load(file).items()}
    except (OptionError, OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return {}  # which costs a few requests
