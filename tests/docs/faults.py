# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of docs/faults.md from the cases of the tests: make docs. A unit test finds stale ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from tests.fleet.fault_cases import ACCOUNT, ALL, CHAIN, NEW_ORDER, ORDER, RENEWAL_INFORMATION, SLOW, VALIDATION, WHOLE
from tests.fleet.fault_table import Case, Outcome

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
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


def main() -> None:
    """Update the page."""
    PAGE.write_text(updated(PAGE.read_text()))
    print(f"{PAGE.name}: {len(ALL)} faults")


def updated(page: str) -> str:
    """Return the page with its tables made again."""
    before, _start, rest = page.partition(START)
    parts = [f"## {title}\n\n{_table(cases)}\n" for title, cases in _PARTS.items()]
    intro = f"{len(ALL)} faults. In the first five tables a fault concerns one certificate, NAME; others are issued."
    return "\n".join([before + START, intro, "", *parts]) + END + rest.partition(END)[2]


def _table(cases: Iterable[Case]) -> str:
    return "\n".join(["| fault | what happens |", "|---|---|", *map(_row, cases)])


def _row(case: Case) -> str:
    words = f"; warning: `{case.words}`" if case.outcome in (Outcome.ISSUED, Outcome.KEPT) else f": `{case.words}`"
    entry = f"`{case.options['entry']}`: " if "entry" in case.options else ""
    return f"| {entry}{case.title} | {_HAPPENS[case.outcome]}{words if case.words else ''} |"


if __name__ == "__main__":
    sys.exit(main())
