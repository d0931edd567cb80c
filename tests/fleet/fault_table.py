# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a CA, and what the role has to make of each. docs/faults.md shows this table (make docs)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

NAME = "NAME"  # in a sentence: the name of one certificate


class Outcome(Enum):
    """The end of the certificates that a fault concerns, in a run and the next."""

    ISSUED = "issued in the same run"
    STOPPED = "fails, or is deferred, in one line; issued by the next run"
    ANY = "issued in the same run, or stopped in one line and issued by the next"
    KEPT = "nothing is issued"
    DONE = "done in the same run"
    FAILED = "fails in one line, and changes nothing"


@dataclass(frozen=True)
class Case:
    """Faults of a CA at the same time, and their outcome.

    words: in the line or warning about the certificate; "…" stands for what varies. options: of the certificate.
    is_slow: something waits until a time limit.
    """

    faults: tuple[str, ...]
    outcome: Outcome
    words: str = ""
    is_slow: bool = False
    options: dict[str, Any] = field(default_factory=dict, hash=False)

    def sentences(self, name: str) -> list[str]:
        """Return the faults for the certificate with this name."""
        return [fault.replace(NAME, name) for fault in self.faults]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The words as a regular expression. Case does not matter."""
        return re.compile(".*".join(map(re.escape, self.words.split("…"))), re.IGNORECASE)

    @property
    def title(self) -> str:
        """The faults in a line."""
        return "; ".join(self.faults)


def issued(*faults: str, warned: str = "", slow: bool = False, **options: Any) -> Case:
    """Return a case whose certificate is issued, with a warning if *warned* says so."""
    return Case(faults, Outcome.ISSUED, warned, is_slow=slow, options=options)


def stopped(*faults: str, words: str, slow: bool = False) -> Case:
    """Return a case whose certificate is not issued in the run, for a reason with these words."""
    return Case(faults, Outcome.STOPPED, words, is_slow=slow)
