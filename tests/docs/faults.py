# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of docs/faults.md and docs/dns-faults.md from the cases of the tests: make docs.

A unit test finds stale ones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fleet import dns_fault_cases
from tests.fleet.fault_cases import ACCOUNT, CHAIN, NEW_ORDER, ORDER, RENEWAL_INFORMATION, SLOW, VALIDATION, WHOLE
from tests.fleet.fault_table import Case, Outcome

DOCS = Path(__file__).parents[2] / "docs"
START, END = "<!-- made by make docs: do not edit -->", "<!-- end of what make docs made -->"
_HAPPENS = {
    Outcome.ISSUED: "issued in the same run",
    Outcome.STOPPED: "stopped",
    Outcome.ANY: "issued, or stopped",
    Outcome.KEPT: "nothing is issued",
    Outcome.DONE: "done",
    Outcome.FAILED: "fails",
}
_PARTS = {
    "An order that cannot be made": NEW_ORDER,
    "Validation": VALIDATION,
    "The order, finalize": ORDER,
    "The certificate and its chain": CHAIN,
    "One order that stalls": SLOW,
    "The CA as a whole": WHOLE,
    "Renewal information of certificates that are not due": RENEWAL_INFORMATION,
    "The account": ACCOUNT,
}


@dataclass(frozen=True)
class Page:
    """A page with a table for each part. intro: follows the number of faults in the page's first line."""

    name: str
    parts: Mapping[str, Iterable[Case]]
    intro: str

    @property
    def path(self) -> Path:
        """Its file."""
        return DOCS / self.name

    def updated(self, page: str) -> str:
        """Return the text of the page with its tables made again."""
        before, _start, rest = page.partition(START)
        parts = [f"## {title}\n\n{_table(cases)}\n" for title, cases in self.parts.items()]
        count = sum(len(tuple(cases)) for cases in self.parts.values())
        return "\n".join([before + START, f"{count} faults. {self.intro}", "", *parts]) + END + rest.partition(END)[2]


PAGES = (
    Page("faults.md", _PARTS, "In the first five tables a fault concerns one certificate, NAME; others are issued."),
    Page("dns-faults.md", dns_fault_cases.PARTS, "Each concerns one certificate; others of the run are issued."),
)


def main() -> None:
    """Update the pages."""
    for page in PAGES:
        page.path.write_text(page.updated(page.path.read_text()))
        print(f"{page.name}: made again")


def _table(cases: Iterable[Case]) -> str:
    return "\n".join(["| fault | what happens |", "|---|---|", *map(_row, cases)])


def _row(case: Case) -> str:
    words = f"; warning: `{case.words}`" if case.outcome in (Outcome.ISSUED, Outcome.KEPT) else f": `{case.words}`"
    entry = f"`{case.options['entry']}`: " if "entry" in case.options else ""
    return f"| {entry}{case.title} | {_HAPPENS[case.outcome]}{words if case.words else ''} |"


if __name__ == "__main__":
    sys.exit(main())
