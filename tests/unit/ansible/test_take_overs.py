# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a run about certificates that another CA than the first one issued."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import Failure
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import take_overs
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status
from tests.unit import contracts

FIRST, SECOND, THIRD = (f"https://{name}.example/dir" for name in "abc")
PAUSED = f"newOrder: rateLimited: paused, visit https://portal.example/unpause?jwt={'x' * 1500}"


@pytest.mark.parametrize(
    ("directory", "planned", "failures", "expected"),
    [
        (FIRST, None, [], None),
        # It was planned elsewhere, and came back.
        (FIRST, f"{FIRST}: failed before", [(SECOND, Failure("down"))], None),
        (SECOND, f"{FIRST}: failed before", [], f"{FIRST}: failed before"),
        (SECOND, None, [(FIRST, Failure(PAUSED))], f"{FIRST}: {PAUSED}"),
        (THIRD, f"{FIRST}: is down", [(SECOND, Failure("refused"))], f"{FIRST}: is down; {SECOND}: refused"),
        # An order that is asked for there without a plan.
        (SECOND, None, [], None),
    ],
)
def test_with_reason_has_all_reasons_whole(directory, planned, failures, expected):
    order = contracts.ordered(directory=directory, not_first=planned)
    assert take_overs.with_reason(order, FIRST, failures).not_first == expected


def moved(name, why, directory=SECOND, **more):
    return contracts.final(name=name, directory=directory, not_first=why, **more)


@pytest.mark.parametrize(
    ("finals", "expected"),
    [
        ([], []),
        ([contracts.final(directory=FIRST)], []),
        ([contracts.stopped("no", directory=SECOND, not_first="down")], []),
        (
            [contracts.final(directory=FIRST), moved("shop", f"{FIRST}: {PAUSED}")],
            [f"{SECOND} issued 1 certificate (shop of web1) in place of {FIRST}: {PAUSED}"],
        ),
        (
            [moved(name, "a: down") for name in "abcde"],
            [f"{SECOND} issued 5 certificates (a of web1, b of web1, c of web1 and 2 more) in place of a: down"],
        ),
        (
            [moved("a", "a: down"), moved("b", "a: refused"), moved("c", "a: down", THIRD)],
            [
                f"{SECOND} issued 2 certificates (a of web1, b of web1) in place of a: down; others have other reasons",
                f"{THIRD} issued 1 certificate (c of web1) in place of a: down",
            ],
        ),
    ],
)
def test_lines_name_each_take_over_once(finals, expected):
    assert take_overs.lines(finals) == expected


@pytest.mark.parametrize(
    ("final", "problem"),
    [
        (contracts.final(directory=SECOND, not_first="a: down"), ""),
        (contracts.stopped("no"), "no"),
        (contracts.stopped("no", directory=FIRST), f"{FIRST}: no"),
        (
            contracts.stopped("no", Status.DEFERRED, directory=SECOND, not_first=f"{FIRST}: down"),
            f"{SECOND}: no (asked in place of {FIRST}: down)",
        ),
    ],
)
def test_with_place_problem_names_the_ca(final, problem):
    assert take_overs.with_place(final).problem == problem
