# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA that is asked first, as a table of what failed before."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.ca_choice import choose, passed_over
from tests.unit import contracts
from tests.unit.contracts import HOUR, ISSUED, utc

A, B, C = (f"https://{name}.example/dir" for name in "abc")
CA, REFUSAL, CERTIFICATE = FailureKind.CA, FailureKind.REFUSAL, FailureKind.CERTIFICATE
VALIDATION, LOCAL = FailureKind.VALIDATION, FailureKind.LOCAL
PROBLEM = contracts.failed().problem
FAILED = f"its last order failed there (since 2026-09-01 12:00 UTC): {PROBLEM}"


def failed(url, kind=CA, hours=0, count=1):
    return contracts.failed(directory=url, kind=kind, at=utc(ISSUED + hours * HOUR), since=utc(ISSUED), count=count)


TABLE = {
    # the CAs, what failed, further facts: the order in which they are asked, and why the first one is not asked first
    "nothing failed": ([A, B], [], {}, [A, B], ""),
    "nothing failed near the end": ([A, B], [], {"is_near_end": True}, [A, B], ""),
    "an order in the journal of the second": (
        [A, B],
        [],
        {"journaled": B},
        [B, A],
        f"{A}: another CA has its order already",
    ),
    "an order in the journal of a CA that is not listed": ([A, B], [], {"journaled": C}, [A, B], ""),
    "the first had trouble": ([A, B], [failed(A)], {}, [B, A], f"{A}: {FAILED}"),
    "the first refused": ([A, B], [failed(A, REFUSAL)], {}, [B, A], f"{A}: {FAILED}"),
    "the first issued what is of no use": ([A, B], [failed(A, CERTIFICATE)], {}, [B, A], f"{A}: {FAILED}"),
    "the first could not validate": ([A, B], [failed(A, VALIDATION)], {}, [A, B], ""),
    "the first was not asked": ([A, B], [failed(A, LOCAL)], {}, [A, B], ""),
    "the first could not validate, near the end": (
        [A, B],
        [failed(A, VALIDATION, count=3)],
        {"is_near_end": True},
        [B, A],
        f"{A}: 3 orders failed there (since 2026-09-01 12:00 UTC): {PROBLEM}",
    ),
    "the first was not asked, near the end": ([A, B], [failed(A, LOCAL)], {"is_near_end": True}, [B, A], None),
    "trouble and later a failed validation": ([A, B], [failed(A, CA), failed(A, VALIDATION, 1)], {}, [B, A], None),
    "the second had trouble": ([A, B], [failed(B)], {}, [A, B], ""),
    "the second had trouble last": ([A, B], [failed(A), failed(B, hours=1)], {}, [A, B], ""),
    "the first had trouble last": ([A, B], [failed(A, hours=2), failed(B, hours=1)], {}, [B, A], None),
    "each of three has its turn": ([A, B, C], [failed(A), failed(B, hours=1)], {}, [C, A, B], None),
    "the journal of one that had trouble": ([A, B], [failed(A)], {"journaled": A}, [B, A], f"{A}: {FAILED}"),
    "the journal of one that could not validate": ([A, B], [failed(B, VALIDATION)], {"journaled": B}, [B, A], None),
    "the only one had trouble": ([A], [failed(A)], {"is_near_end": True}, [A], ""),
}


@pytest.mark.parametrize(("directories", "failures", "facts", "expected", "why"), TABLE.values(), ids=TABLE)
def test_choose_asks_in_this_order(directories, failures, facts, expected, why):
    choice = choose(directories, failures, **facts)
    assert list(choice.directories) == expected
    if why is not None:
        assert passed_over(choice.directories[0], directories, choice.reasons) == why


def test_passed_over_for_the_third_ca_has_both_reasons():
    assert passed_over(C, [A, B, C], {A: "down", B: "full", C: "last"}) == f"{A}: down; {B}: full"
