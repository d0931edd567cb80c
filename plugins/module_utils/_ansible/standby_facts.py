# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts about a possible change to another CA, kept for a day beside the renewal cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .._common.entry_file import EntryFile
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
        self._file = EntryFile(folder, _FILE)
        self._now = now
        self._facts = self._file.read(Fact.of_json)
        self._changed = False

    @property
    def are_kept(self) -> bool:
        """True if a later run knows them."""
        return self._file.is_kept

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
        if not self._changed:
            return ""
        return self._file.write(
            {about: fact.to_json() for about, fact in self._facts.items() if _is_fresh(fact, self._now)}
        )


def _is_fresh(fact: Fact, now: datetime) -> bool:
    return timedelta(0) <= now - fact.at < _DAY
