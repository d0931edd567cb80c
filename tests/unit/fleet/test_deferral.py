# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time for which a host can do without a certificate that is due, as a table over the states of the live one."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.deferral import (
    Grace,
    grace,
    is_near_end,
    status_of,
)
from tests.unit.contracts import DAY, DUE, END, FRESH, NAMES, SECOND, URGENT, found, unknown

INCOMPLETE = Grace(why="the live certificate is not complete")
NEAR_END = Grace(why="the live certificate ends at 2026-11-30 12:00 UTC")

STATES = {
    # the live version, when, for which names, whether it is revoked: how long it lasts
    "no certificate yet": (None, FRESH, NAMES, False, Grace()),
    "much time left": ({}, FRESH, NAMES, False, Grace(URGENT)),
    "due": ({}, DUE, NAMES, False, Grace(URGENT)),
    "a second before its end is near": ({}, URGENT - SECOND, NAMES, False, Grace(URGENT)),
    "near its end": ({}, URGENT, NAMES, False, NEAR_END),
    "over": ({}, END + DAY, NAMES, False, Grace(why="the live certificate ended at 2026-11-30 12:00 UTC")),
    "a file is gone": ({"missing": ("chain.pem",)}, FRESH, NAMES, False, INCOMPLETE),
    "another key": ({"damaged": ("privkey.pem",)}, FRESH, NAMES, False, INCOMPLETE),
    "no manifest": (unknown(), FRESH, NAMES, False, INCOMPLETE),
    "revoked": ({}, FRESH, NAMES, True, Grace(why="the live certificate is revoked")),
    "a name less wanted": ({}, FRESH, NAMES[:1], False, Grace(URGENT)),
    "a name more wanted": (
        {},
        FRESH,
        (*NAMES, "new.example"),
        False,
        Grace(why="the live certificate is not for new.example"),
    ),
    "other names wanted, and near its end": ({}, URGENT, ("new.example",), False, NEAR_END),
    "another key type": ({"key_type": "rsa2048"}, FRESH, NAMES, False, Grace(URGENT)),
    "another CA": ({"directory": "https://old.example/"}, FRESH, NAMES, False, Grace(URGENT)),
}


@pytest.mark.parametrize(("live", "now", "names", "revoked", "expected"), STATES.values(), ids=STATES)
def test_grace_of_live_certificate_returns_until_or_why(live, now, names, revoked, expected):
    assert grace(found(live=live).live, names, now, revoked) == expected


@pytest.mark.parametrize(
    ("lasting", "status", "text"),
    [
        (
            Grace(URGENT),
            Status.DEFERRED,
            "the live certificate is still valid, and the host fails from 2026-11-15 12:00 UTC on",
        ),
        (NEAR_END, Status.FAILED, NEAR_END.why),
        (Grace(), Status.FAILED, ""),
        # A mistake in its entry, or another host that shares it and cannot wait.
        (Grace(URGENT), Status.FAILED, ""),
        (NEAR_END, Status.DEFERRED, ""),
    ],
)
def test_grace_text_says_why_of_status(lasting, status, text):
    assert lasting.text(status) == text


def test_status_of_unissued_certificate():
    assert [status_of(can_wait) for can_wait in (True, False)] == [Status.DEFERRED, Status.FAILED]
    assert [status_of(can_wait, is_mistake=True) for can_wait in (True, False)] == [Status.FAILED] * 2


@pytest.mark.parametrize(
    ("live", "now", "expected"),
    [
        ({}, FRESH, False),
        ({}, URGENT - SECOND, False),
        ({}, URGENT, True),
        (None, FRESH, True),
        ({"missing": ("cert.pem",)}, FRESH, True),
        ({"damaged": ("privkey.pem",)}, FRESH, True),
        ({"not_before": None, "not_after": None}, FRESH, True),
    ],
)
def test_is_near_end_also_without_a_usable_certificate(live, now, expected):
    assert is_near_end(found(live=live).live, now) is expected
