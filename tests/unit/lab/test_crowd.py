# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of the tests with a bent CA: it accepts what a case says, and nothing else."""

from __future__ import annotations

import pytest

from tests.fleet.crowd import Report, Round
from tests.fleet.fault_table import Case, Outcome, issued, stopped
from tests.fleet.fleet import Run

ISSUED, STOPPED = issued("x"), stopped("x", words="newOrder: …500")
WARNED, KEPT_OR_NOT = issued("x", warned="not_after"), Case(("x",), Outcome.ANY, "silent")
LINE = "newOrder: serverInternal (HTTP 500)"


def judged(
    case: Case, after: int, lines: tuple[str, ...] = (), warnings: tuple[str, ...] = (), is_whole: bool = False
) -> list[str]:
    """Return the problems of a round with the certificates a, of this case, and b; 1 is the serial before it."""
    report = Report(Run(0, "all well"), {"a": list(lines)} if lines else {}, list(warnings))
    return Round({"a": case}, {"a": 1, "b": 1}, {"a": after, "b": 2}, report, is_whole).problems()


@pytest.mark.parametrize(
    ("case", "after", "more"),
    [
        (ISSUED, 2, {}),
        (WARNED, 2, {"warnings": ("certificate a: not_after is ignored",)}),
        (STOPPED, 1, {"lines": (LINE,)}),
        (KEPT_OR_NOT, 2, {}),
        (KEPT_OR_NOT, 1, {"lines": ("the CA is silent",)}),
        (STOPPED, 1, {"warnings": (LINE,), "is_whole": True}),
    ],
)
def test_round_as_the_case_says_has_no_problems(case, after, more):
    assert judged(case, after, **more) == []


@pytest.mark.parametrize(
    ("case", "after", "more", "problem"),
    [
        (ISSUED, 1, {"lines": (LINE,)}, f"a: x: it is not issued: ['{LINE}']"),
        (WARNED, 2, {}, "a: x: no warning 'not_after'"),
        (WARNED, 2, {"warnings": ("certificate b: not_after is ignored",)}, "a: x: no warning 'not_after'"),
        (STOPPED, 2, {}, "a: x: it is issued"),
        (STOPPED, 0, {"lines": (LINE,)}, "a: x: nothing is live any more"),
        (STOPPED, 1, {}, "a: x: there is not one line about it: []"),
        (STOPPED, 1, {"lines": (LINE, LINE)}, "a: x: there is not one line about it"),
        (STOPPED, 1, {"lines": (f"{LINE}\nmore",)}, "a: x: it is more than a line"),
        (STOPPED, 1, {"lines": ("no time",)}, "a: x: not 'newOrder: …500': no time"),
        (STOPPED, 1, {"warnings": ("no time",), "is_whole": True}, "a: x: there is not one line about it"),
        (KEPT_OR_NOT, 1, {"lines": (LINE,)}, "a: x: not 'silent'"),
    ],
)
def test_round_otherwise_has_a_problem(case, after, more, problem):
    (found,) = judged(case, after, **more)
    assert found.startswith(problem)


def test_round_with_another_certificate_stopped_has_a_problem():
    report = Report(Run(0, ""), {"b": ["the CA gave no nonce"]})
    assert Round({}, {"b": 1}, {"b": 1}, report).problems() == [
        "b: no fault: it is not issued: ['the CA gave no nonce']"
    ]


def test_round_with_a_traceback_has_a_problem():
    assert Round({}, {}, {}, Report(Run(0, "Traceback (most recent call last)"))).problems() == ["there is a traceback"]
