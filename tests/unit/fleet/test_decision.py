# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions about a certificate, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, Reason
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_utc
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.decision import (
    Decision,
    Timing,
    decide,
)
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.lifetime import emergency_point, lifetime_point
from tests.unit.contracts import (
    DAY,
    DIRECTORY,
    DUE,
    END,
    FRESH,
    HOUR,
    ISSUED,
    SECOND,
    URGENT,
    awaiting,
    found,
    pending,
    unknown,
    utc,
)

PENDING = pending(identifiers=["other.example"])
# The same age as the live one.
AWAITING = awaiting()
TO_SWITCH = Decision(Action.SWITCH, Reason.SWITCH)
AS_ISSUED = Decision(Action.KEEP, next_at=DUE)


def issue(reason, can_wait=True):
    return Decision(Action.ISSUE, reason, can_wait=can_wait)


TABLE = {
    # what is found, when, and further arguments: what is decided
    "all is well": (found(), FRESH, {}, AS_ISSUED),
    "names in another order": (found({"identifiers": ["www.shop.example", "shop.example"]}), FRESH, {}, AS_ISSUED),
    "names with a challenge of their own": (
        found({"identifiers": [{"value": "shop.example", "challenge": "dns-01"}, "www.shop.example"]}),
        FRESH,
        {},
        AS_ISSUED,
    ),
    "a wildcard by dns-01": (
        found({"identifiers": ["*.shop.example"], "challenge": "dns-01"}, {"identifiers": ["*.shop.example"]}),
        FRESH,
        {},
        AS_ISSUED,
    ),
    "no profile, written in two ways": (found({"profile": ""}, {"profile": None}), FRESH, {}, AS_ISSUED),
    "a pending version beside it": (found(pending=PENDING), FRESH, {}, AS_ISSUED),
    # missing
    "nothing there": (found(live=None), FRESH, {}, issue(Reason.MISSING, can_wait=False)),
    "nothing there but a pending version": (
        found(pending=PENDING, live=None),
        FRESH,
        {},
        issue(Reason.MISSING, can_wait=False),
    ),
    "a file is gone": (found(live={"missing": ["chain.pem"]}), FRESH, {}, issue(Reason.MISSING, can_wait=False)),
    # damaged
    "another key": (
        found(live={"damaged": ["privkey.pem"]}),
        FRESH,
        {},
        issue(Reason.KEY_MISMATCH, can_wait=False),
    ),
    "another certificate": (
        found(live={"damaged": ["cert.pem", "fullchain.pem"]}),
        FRESH,
        {},
        issue(Reason.KEY_MISMATCH, can_wait=False),
    ),
    "a damaged chain": (found(live={"damaged": ["chain.pem"]}), FRESH, {}, issue(Reason.DAMAGED, can_wait=False)),
    "no manifest": (found(live=unknown()), FRESH, {}, issue(Reason.DAMAGED, can_wait=False)),
    "unreadable, and nothing due": (
        found(live={"unreadable": ["privkey.pem"]}, problems=["privkey.pem cannot be read"]),
        FRESH,
        {},
        AS_ISSUED,
    ),
    "unreadable, and due": (
        found(live={"unreadable": ["privkey.pem"]}, problems=["privkey.pem cannot be read"]),
        DUE,
        {},
        Decision(Action.KEEP, Reason.LIFETIME, "privkey.pem cannot be read", can_wait=True),
    ),
    # revoked
    "revoked": (found(), FRESH, {"revoked": "superseded"}, Decision(Action.ISSUE, Reason.REVOKED, "superseded")),
    "revoked, and the window is to come": (
        found(),
        FRESH,
        {"revoked": "superseded", "suggested": DUE},
        Decision(Action.ISSUE, Reason.REVOKED, "superseded"),
    ),
    "revoked, and changed": (
        found({"key_type": "rsa2048"}),
        FRESH,
        {"revoked": "superseded"},
        Decision(Action.ISSUE, Reason.REVOKED, "superseded"),
    ),
    "revoked, and forced": (
        found(),
        FRESH,
        {"revoked": "superseded", Reason.FORCED: True},
        Decision(Action.ISSUE, Reason.REVOKED, "superseded"),
    ),
    "revoked, and damaged": (
        found(live={"damaged": ["chain.pem"]}),
        FRESH,
        {"revoked": "superseded"},
        issue(Reason.DAMAGED, can_wait=False),
    ),
    "revoked, and the next one is there": (
        found(pending=AWAITING),
        FRESH,
        {"revoked": "superseded"},
        TO_SWITCH,
    ),
    "revoked, on a host with problems": (
        found(problems=["no room"]),
        FRESH,
        {"revoked": "superseded"},
        Decision(Action.REFUSE, Reason.REVOKED, "no room"),
    ),
    # changed
    "a name more": (found({"identifiers": ["shop.example"]}), FRESH, {}, issue(Reason.IDENTIFIERS)),
    "a name less": (
        found({"identifiers": ["shop.example", "www.shop.example", "new.example"]}),
        FRESH,
        {},
        issue(Reason.IDENTIFIERS, can_wait=False),  # the service of new.example has no certificate
    ),
    "another key type": (found({"key_type": "rsa2048"}), FRESH, {}, issue(Reason.KEY_TYPE)),
    "a profile": (found({"profile": "shortlived"}), FRESH, {}, issue(Reason.PROFILE)),
    "no profile any more": (found(live={"profile": "shortlived"}), FRESH, {}, issue(Reason.PROFILE)),
    "another CA": (found(live={"directory": "https://old.example/"}), FRESH, {}, issue(Reason.ISSUER)),
    "changed, and urgent": (found({"key_type": "rsa2048"}), URGENT, {}, issue(Reason.KEY_TYPE, can_wait=False)),
    # the lifetime
    "a second before 2/3": (found(), DUE - SECOND, {}, AS_ISSUED),
    "at 2/3": (found(), DUE, {}, issue(Reason.LIFETIME)),
    "a second before it is urgent": (found(), URGENT - SECOND, {}, issue(Reason.LIFETIME)),
    "urgent": (found(), URGENT, {}, issue(Reason.LIFETIME, can_wait=False)),
    "over": (found(), END + DAY, {}, issue(Reason.LIFETIME, can_wait=False)),
    "a short one, a second before 1/2": (
        found(live={"not_after": utc(ISSUED + 6 * DAY)}),
        ISSUED + 3 * DAY - SECOND,
        {},
        Decision(Action.KEEP, next_at=ISSUED + 3 * DAY),
    ),
    "a short one, at 1/2": (
        found(live={"not_after": utc(ISSUED + 6 * DAY)}),
        ISSUED + 3 * DAY,
        {},
        issue(Reason.LIFETIME),
    ),
    "a short one, at 3/4": (
        found(live={"not_after": utc(ISSUED + 6 * DAY)}),
        ISSUED + 4.5 * DAY,
        {},
        issue(Reason.LIFETIME, can_wait=False),
    ),
    # renewal information
    "a window to come": (found(), FRESH, {"suggested": DUE + DAY}, Decision(Action.KEEP, next_at=DUE + DAY)),
    "a window to come, sooner": (found(), FRESH, {"suggested": DUE - DAY}, Decision(Action.KEEP, next_at=DUE - DAY)),
    "a second before the instant": (found(), DUE - SECOND, {"suggested": DUE}, AS_ISSUED),
    "at the instant": (found(), DUE - DAY, {"suggested": DUE - DAY}, issue(Reason.WINDOW)),
    "a window in the past": (found(), FRESH, {"suggested": ISSUED - 365 * DAY}, issue(Reason.WINDOW)),
    "a later window than 2/3": (
        found(),
        DUE + DAY,
        {"suggested": DUE + 2 * DAY},
        Decision(Action.KEEP, next_at=DUE + 2 * DAY),
    ),
    "a window that comes too late": (
        found(),
        FRESH,
        {"suggested": END + 365 * DAY},
        Decision(Action.KEEP, next_at=URGENT),
    ),
    "a window that came too late": (
        found(),
        URGENT,
        {"suggested": END},
        issue(Reason.LIFETIME, can_wait=False),
    ),
    # forced
    "forced": (found(), FRESH, {"forced": True}, issue(Reason.FORCED)),
    "forced, with a graver reason": (
        found(live={"missing": ["cert.pem"]}),
        FRESH,
        {"forced": True},
        issue(Reason.MISSING, can_wait=False),
    ),
    # repaired
    "another mode": (
        found(live={"attributes": ["mode is 0644 instead of 0600"]}),
        FRESH,
        {},
        Decision(Action.REPAIR, Reason.ATTRIBUTES, "mode is 0644 instead of 0600", DUE),
    ),
    "a reload that did not happen": (
        found(live={"reloaded": False}),
        FRESH,
        {},
        Decision(Action.REPAIR, Reason.RELOAD, next_at=DUE),
    ),
    "a probe that did not happen": (
        found({"reload": [], "probe": [{"port": 443}]}, {"reloaded": False}),
        FRESH,
        {},
        Decision(Action.REPAIR, Reason.RELOAD, next_at=DUE),
    ),
    "a format that drifted": (
        found(live={"formats": ["/srv/shop.p12 is missing", "/srv/shop.der is damaged"]}),
        FRESH,
        {},
        Decision(Action.REPAIR, Reason.FORMATS, "/srv/shop.p12 is missing; /srv/shop.der is damaged", DUE),
    ),
    "a format that drifted, and due": (
        found(live={"formats": ["/srv/shop.p12 is missing"]}),
        DUE,
        {},
        replace(issue(Reason.LIFETIME), repair=Decision(Action.REPAIR, Reason.FORMATS, "/srv/shop.p12 is missing")),
    ),
    # switched
    "a version that lacks only the switch": (found(pending=AWAITING), FRESH, {}, TO_SWITCH),
    "the same, and the live one is due": (
        found({"probe": []}, {"missing": ["cert.pem"]}, pending=AWAITING),
        FRESH,
        {},
        TO_SWITCH,
    ),
    "the same, and there is none live": (found(pending=AWAITING, live=None), FRESH, {}, TO_SWITCH),
    "one that is due itself": (found(pending=AWAITING), DUE, {}, issue(Reason.LIFETIME)),
    "one, but a new one is forced": (found(pending=AWAITING), FRESH, {"forced": True}, issue(Reason.FORCED)),
    "one that lacks its certificate": (found(pending=pending()), FRESH, {}, AS_ISSUED),
    "one for other names": (found(pending=awaiting(identifiers=["shop.example"])), FRESH, {}, AS_ISSUED),
    "one with another key": (found(pending=awaiting(key_type="rsa2048")), FRESH, {}, AS_ISSUED),
    "one of another profile": (found(pending=awaiting(profile="shortlived")), FRESH, {}, AS_ISSUED),
    "one of another CA": (found(pending=awaiting(directory="https://old.example/")), FRESH, {}, AS_ISSUED),
    "one, and what is wanted cannot be": (
        found(pending=AWAITING, invalid=["mode is 'x'"]),
        FRESH,
        {},
        Decision(Action.REFUSE, message="mode is 'x'"),
    ),
    "no reload wanted": (found({"reload": []}, {"reloaded": False}), FRESH, {}, AS_ISSUED),
    "to be repaired, and due": (
        found(live={"attributes": ["owner"], "reloaded": False}),
        DUE,
        {},
        replace(issue(Reason.LIFETIME), repair=Decision(Action.REPAIR, Reason.ATTRIBUTES, "owner")),
    ),
    # refused
    "what is wanted cannot be": (
        found(invalid=["key_type is 'dsa'", "mode is 'x'"]),
        DUE,
        {},
        Decision(Action.REFUSE, message="key_type is 'dsa'; mode is 'x'"),
    ),
    "a host that cannot get one": (
        found(problems=["webroot /srv does not exist", "no cryptography"], live=None),
        FRESH,
        {},
        Decision(Action.REFUSE, Reason.MISSING, "webroot /srv does not exist; no cryptography"),
    ),
    "a host that could not get one, and need not": (found(problems=["webroot /srv"]), FRESH, {}, AS_ISSUED),
}


@pytest.mark.parametrize(("item", "now", "options", "decision"), TABLE.values(), ids=TABLE)
def test_decide_action_reason_and_time(item, now, options, decision):
    timing = Timing(**{name: options[name] for name in ("suggested", "interval") if name in options})
    more = {name: value for name, value in options.items() if name not in ("suggested", "interval")}
    assert decide(item, [DIRECTORY], now, timing, **more) == decision


# Each reason here is graver than those below it.
GRAVITY = [
    (Reason.MISSING, {"live": {"missing": ["cert.pem"]}}),
    (Reason.KEY_MISMATCH, {"live": {"damaged": ["privkey.pem", "chain.pem"]}}),
    (Reason.IDENTIFIERS, {"wanted": {"identifiers": ["new.example"]}}),
    (Reason.KEY_TYPE, {"wanted": {"key_type": "rsa4096"}}),
    (Reason.PROFILE, {"wanted": {"profile": "shortlived"}}),
    (Reason.ISSUER, {"live": {"directory": "https://old.example/"}}),
    (Reason.LIFETIME, {}),
]


@pytest.mark.parametrize("first", range(len(GRAVITY)), ids=[reason for reason, _unused in GRAVITY])
def test_decide_several_reasons_gravest_is_given(first):
    wanted, live = {}, {}
    for _unused, change in GRAVITY[first:]:
        wanted.update(change.get("wanted", {}))
        live.update(change.get("live", {}))
    assert decide(found(wanted, live), [DIRECTORY], END).reason == GRAVITY[first][0]


@pytest.mark.parametrize(
    ("life", "renewed", "urgent"),
    [
        (90 * DAY, 60 * DAY, 75 * DAY),
        (45 * DAY, 30 * DAY, 37.5 * DAY),
        (160 * HOUR, 80 * HOUR, 120 * HOUR),
        (10 * DAY, 6 * DAY + 16 * HOUR, 8 * DAY + 8 * HOUR),
        (10 * DAY - SECOND, 5 * DAY - SECOND / 2, 7.5 * DAY - SECOND * 3 / 4),
        (10 * DAY + 3 * SECOND, 6 * DAY + 16 * HOUR + 2 * SECOND, 8 * DAY + 8 * HOUR + 2.5 * SECOND),
        (3 * SECOND, 1.5 * SECOND, 2.25 * SECOND),
    ],
)
def test_lifetime_and_emergency_points(life, renewed, urgent):
    assert lifetime_point(ISSUED, ISSUED + life) == ISSUED + renewed
    assert emergency_point(ISSUED, ISSUED + life) == ISSUED + urgent


def test_parse_utc_time_of_manifest_is_aware():
    assert parse_utc("2026-09-01T12:00:00Z") == ISSUED
    assert parse_utc("2026-09-01T12:00:00Z").tzinfo is timezone.utc


REPAIRED = Decision(Action.REPAIR, Reason.FORMATS, "a file is missing")


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (Decision(Action.ISSUE, Reason.MISSING), Decision(Action.REFUSE, Reason.MISSING, "why")),
        (
            Decision(Action.ISSUE, Reason.LIFETIME, can_wait=True),
            Decision(Action.KEEP, Reason.LIFETIME, "why", DUE, can_wait=True),
        ),
        # Drift on the host is repaired anyway.
        (
            Decision(Action.ISSUE, Reason.LIFETIME, can_wait=True, repair=REPAIRED),
            Decision(Action.REPAIR, Reason.FORMATS, "a file is missing; why", DUE),
        ),
        (
            Decision(Action.ISSUE, Reason.LIFETIME, can_wait=True, repair=Decision(Action.REPAIR, Reason.RELOAD)),
            Decision(Action.REPAIR, Reason.RELOAD, "why", DUE),
        ),
    ],
    ids=["it cannot wait", "it can", "with a repair", "with a reload"],
)
def test_postponed_keeps_or_refuses(due, expected):
    assert due.postponed("why", DUE) == expected
