# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A round of faults: certificates are issued under them, and again without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fleet import crowd as crowds
from tests.fleet.crowd import Crowd, Round
from tests.fleet.fault_table import Case


def play_round(crowd: Crowd, cases: dict[str, Case], is_whole: bool = False) -> None:
    """Have certificates issued under faults, and again without. Fail with a line for each wrong outcome."""
    crowd.stand()
    before = crowd.serials()
    # An order with other names may replace no certificate.
    crowd.turn(keeps_names=any("replaces" in case.title for case in cases.values()))
    options = {name: case.options for name, case in cases.items()}
    of_each = [text for name, case in cases.items() for text in case.sentences(crowd.domain(name))]
    sentences = list(dict.fromkeys(of_each))
    crowd.ca.bend(*sentences)
    report = crowd.run(crowds.SLOW if any(case.is_slow for case in cases.values()) else crowds.FAST, options)
    problems = [f"the fault did not act: {sentence}" for sentence in sentences if not crowd.ca.acted(sentence)]
    crowd.ca.straighten()
    after = crowd.serials()
    first = Round(cases, before, after, report, is_whole)
    problems += [*first.problems(), *problems_later(crowd, first, options)]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def problems_later(crowd: Crowd, first: Round, options: dict[str, dict[str, Any]]) -> list[str]:
    """Run again without faults. Return the certificates that are not issued now, or once more.

    A plain run leaves those alone whose next attempt is later, as their line has said.
    """
    plain = crowd.run(options=options)
    waiting = [name for name in first.before if any("acme_retry_failed" in line for line in first.lines(name))]
    last = crowd.run(options=options, acme_retry_failed=True) if waiting else plain
    problems = [] if last.run.code == 0 else [f"the last run failed: {last.everything}"]
    for name, serial in crowd.serials().items():
        title = first.case(name).title
        if serial == first.before[name]:
            problems.append(
                f"{name}: {title}: not issued by the next run: {plain.lines.get(name)} {last.lines.get(name)}"
            )
        elif first.before[name] != first.after[name] != serial:
            problems.append(f"{name}: {title}: issued by the next run once more")
        elif name not in waiting and plain.lines.get(name):
            problems.append(f"{name}: {title}: not issued by the plain run: {plain.lines[name]}")
    return problems
