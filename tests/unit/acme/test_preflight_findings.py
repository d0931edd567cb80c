# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings at addresses: what follows from them, and the lines that people read about it."""

from __future__ import annotations

from http.client import BadStatusLine

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.connection import OutOfTime
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight_address import (
    Asked,
    WrongAnswer,
    to_finding,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preflight_findings import (
    Finding,
    Kind,
    NotVerifiable,
    Verdict,
    failure,
    judge,
    warning,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline

RIGHT = Finding(Kind.RIGHT)
WRONG = Finding(Kind.WRONG, "192.0.2.1:80 answers HTTP 404", "Correct it")
STALE = Finding(Kind.WRONG, "[2001:db8::1]:80 answers HTTP 404", "Correct it")
REFUSED = Finding(Kind.REFUSED, "192.0.2.1:80: nothing listens there")
SILENT = Finding(Kind.UNSEEN, "port 80: timed out")
NO_ROUTE = Finding(Kind.UNSEEN, "port 80: Network is unreachable")
WRONG_INSIDE = Finding(Kind.WRONG, "10.0.0.1:80 answers HTTP 404", is_public=False)
REFUSED_INSIDE = Finding(Kind.REFUSED, "10.0.0.1:80: nothing listens there", is_public=False)
INSIDE = ", at an address that a public CA does not ask"
FINE = Verdict()


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], FINE),
        ([RIGHT], FINE),
        ([WRONG], Verdict((WRONG,))),
        ([REFUSED], Verdict((REFUSED,))),
        ([SILENT], Verdict(unseen=SILENT.text)),
        # The CA may ask either.
        ([RIGHT, STALE], Verdict((STALE,))),
        ([WRONG, RIGHT, STALE], Verdict((WRONG, STALE))),
        ([WRONG, REFUSED, SILENT], Verdict((WRONG,))),
        # The CA connects to the next address, too.
        ([RIGHT, REFUSED], FINE),
        ([RIGHT, SILENT, NO_ROUTE], FINE),
        # Refused by all, or by those that this machine has a route to.
        ([REFUSED, REFUSED], Verdict((REFUSED, REFUSED))),
        ([REFUSED, NO_ROUTE], Verdict(unseen=f"{REFUSED.text}, {NO_ROUTE.text}")),
        ([SILENT, SILENT, NO_ROUTE], Verdict(unseen=f"{SILENT.text}, {NO_ROUTE.text}")),
    ],
)
@pytest.mark.parametrize("ca_is_public", [True, False])
def test_judge_findings_at_public_addresses(findings, expected, ca_is_public):
    assert judge(findings, ca_is_public) == expected
    assert judge(findings[::-1], ca_is_public).faults == expected.faults[::-1]


@pytest.mark.parametrize(
    ("findings", "public", "internal"),
    [
        ([WRONG_INSIDE], Verdict(unseen=WRONG_INSIDE.text + INSIDE), Verdict((WRONG_INSIDE,))),
        ([REFUSED_INSIDE], Verdict(unseen=REFUSED_INSIDE.text + INSIDE), Verdict((REFUSED_INSIDE,))),
        ([WRONG_INSIDE, RIGHT], FINE, Verdict((WRONG_INSIDE,))),
        ([WRONG_INSIDE, WRONG], Verdict((WRONG,)), Verdict((WRONG_INSIDE, WRONG))),
        ([REFUSED_INSIDE, REFUSED], Verdict(unseen=f"{REFUSED_INSIDE.text}{INSIDE}, {REFUSED.text}"), None),
    ],
)
def test_judge_findings_at_other_addresses_are_certain_for_an_internal_ca(findings, public, internal):
    assert judge(findings, ca_is_public=True) == public
    assert judge(findings, ca_is_public=False) == (internal or Verdict(tuple(findings)))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            WrongAnswer("answers HTTP 404", "Correct it"),
            Finding(Kind.WRONG, "[::1]:80 answers HTTP 404", "Correct it", False),
        ),
        (
            ConnectionRefusedError(111, "Connection refused"),
            Finding(
                Kind.REFUSED,
                "[::1]:80: nothing listens there (connection refused)",
                "Check that a server listens there",
                False,
            ),
        ),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            Finding(Kind.UNSEEN, "port 80: Connection reset by peer"),
        ),
        (TimeoutError("timed out"), Finding(Kind.UNSEEN, "port 80: timed out")),
        (OSError(101, "Network is unreachable"), Finding(Kind.UNSEEN, "port 80: Network is unreachable")),
        (BadStatusLine("SSH"), Finding(Kind.UNSEEN, "port 80: no answer by HTTP")),
        (OutOfTime(), Finding(Kind.UNSEEN, "port 80: no whole answer in time")),
        (NotVerifiable("it redirects elsewhere"), Finding(Kind.UNSEEN, "it redirects elsewhere")),
    ],
)
def test_to_finding_each_error(time, error, expected):
    assert to_finding(error, Asked(("::1", 80, 0, 0)), Deadline(time.clock, 5)) == expected


def test_to_finding_after_the_deadline_is_no_answer_in_time(time):
    finding = to_finding(TimeoutError("timed out"), Asked(("127.0.0.1", 80)), Deadline(time.clock, 0))
    assert finding.text == "port 80: no whole answer in time"


END = "The CA was not asked to validate. To ask it without a preflight, set acme_preflight: false"


def test_failure_names_all_names_with_each_fault_and_advice_once():
    caa = Finding(Kind.WRONG, "CAA of c.example forbids certificates by any CA")
    faults = [("a.example", WRONG), ("b.example", STALE), ("c.example", WRONG), ("c.example", caa)]
    assert failure(faults) == (
        f"the preflight failed for a.example, c.example: {WRONG.text}; for b.example: {STALE.text}; "
        f"for c.example: {caa.text}. Correct it. {END}"
    )
    assert failure([("c.example", caa)]) == f"the preflight failed for c.example: {caa.text}. {END}"
    assert failure([]) == ""


NO_ORDER = "No order fails because of this. To order without a preflight, set acme_preflight: false"


@pytest.mark.parametrize(
    ("unseen", "expected"),
    [
        ([("a", "x")], "1 name could not be verified from here: a (x)"),
        ([("a", "x"), ("b", "x"), ("c", "x")], "3 names could not be verified from here: a, b, c (x)"),
        ([(f"n{n}", "x") for n in range(8)], "8 names could not be verified from here: n0, n1, n2 and 5 more (x)"),
        # The most frequent reason first; a name with two reasons counts once.
        ([("a", "x"), ("b", "y"), ("c", "y")], "3 names could not be verified from here: b, c (y); a (x)"),
        ([("a", "x"), ("a", "y"), ("a", "x")], "1 name could not be verified from here: a (x, y)"),
        (
            [(f"n{n}", f"x{n}") for n in range(9)],
            "9 names could not be verified from here: n0 (x0); n1 (x1); n2 (x2); n3 (x3); 5 more for other reasons",
        ),
    ],
)
def test_warning_sums_up_names_by_reason(unseen, expected):
    assert warning(unseen) == f"{expected}. {NO_ORDER}"


def test_warning_without_names_is_empty():
    assert warning([]) == ""
