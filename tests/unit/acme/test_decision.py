# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a certificate, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils.acme.decision import (
    ISSUE,
    KEEP,
    REFUSE,
    REPAIR,
    SWITCH,
    Decision,
    decide,
    emergency_point,
    lifetime_point,
)
from ansible_collections.certfleet.tls.plugins.module_utils.acme.times import parse_utc

CA = "https://ca.example/directory"
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ISSUED = datetime(2026, 9, 1, 12, tzinfo=timezone.utc)
# A life of 90 days: renewed at 60, urgent at 75.
DUE, URGENT, END = ISSUED + 60 * DAY, ISSUED + 75 * DAY, ISSUED + 90 * DAY
FRESH = ISSUED + DAY


def utc(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def found(wanted=None, live=None, **more):
    """An entry of certificate_info: a certificate that is as it is wanted, but for what is given."""
    return {
        "name": "shop",
        "wanted": {
            "identifiers": ["shop.example", "www.shop.example"],
            "challenge": "http-01",
            "key_type": "ec256",
            "profile": None,
            "reload": "systemctl reload nginx",
            **(wanted or {}),
        },
        "live": {
            "version": "0001",
            "identifiers": ["shop.example", "www.shop.example"],
            "key_type": "ec256",
            "profile": None,
            "directory": CA,
            "not_before": utc(ISSUED),
            "not_after": utc(END),
            "ari_id": "a.b",
            "reloaded": True,
            "missing": [],
            "damaged": [],
            "unreadable": [],
            "attributes": [],
            **(live or {}),
        },
        "pending": None,
        "invalid": [],
        "problems": [],
        **more,
    }


# Without a manifest nothing is known of a live version.
UNKNOWN = {
    **dict.fromkeys(("key_type", "profile", "directory", "not_before", "not_after", "ari_id")),
    "identifiers": [],
    "reloaded": False,
    "damaged": ["version.json"],
}
PENDING = {"version": "0002", "identifiers": ["other.example"], "order_uri": "https://ca.example/order/1"}
# One that has its certificate: of the same age, and all but switched to.
AWAITING = {
    "version": "0002",
    "identifiers": ["www.shop.example", "shop.example"],
    "key_type": "ec256",
    "profile": None,
    "directory": CA,
    "order_uri": "https://ca.example/order/1",
    "issued": {"serial": "02", "not_before": utc(ISSUED), "not_after": utc(END)},
}
TO_SWITCH = Decision(SWITCH, "switch outstanding")
AS_ISSUED = Decision(KEEP, next_at=DUE)


def issue(reason, can_wait=True):
    return Decision(ISSUE, reason, can_wait=can_wait)


TABLE = {
    # what is found, when, and further arguments: what is decided
    "all is well": (found(), FRESH, {}, AS_ISSUED),
    "names in another order and form": (
        found({"identifiers": ["WWW.shop.example.", "shop.example", "Shop.example"]}),
        FRESH,
        {},
        AS_ISSUED,
    ),
    "an IDN and its A-label": (
        found({"identifiers": ["b\u00fccher.example"]}, {"identifiers": ["xn--bcher-kva.example"]}),
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
    "nothing there": (found() | {"live": None}, FRESH, {}, issue("missing", can_wait=False)),
    "nothing there but a pending version": (
        found(pending=PENDING) | {"live": None},
        FRESH,
        {},
        issue("missing", can_wait=False),
    ),
    "a file is gone": (found(live={"missing": ["chain.pem"]}), FRESH, {}, issue("missing", can_wait=False)),
    # damaged
    "another key": (
        found(live={"damaged": ["privkey.pem"]}),
        FRESH,
        {},
        issue("key does not match", can_wait=False),
    ),
    "another certificate": (
        found(live={"damaged": ["cert.pem", "fullchain.pem"]}),
        FRESH,
        {},
        issue("key does not match", can_wait=False),
    ),
    "a damaged chain": (found(live={"damaged": ["chain.pem"]}), FRESH, {}, issue("damaged", can_wait=False)),
    "no manifest": (found(live=UNKNOWN), FRESH, {}, issue("damaged", can_wait=False)),
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
        Decision(REFUSE, "lifetime", "privkey.pem cannot be read"),
    ),
    # revoked
    "revoked": (found(), FRESH, {"revoked": "superseded"}, Decision(ISSUE, "revoked", "superseded")),
    "revoked, and the window is to come": (
        found(),
        FRESH,
        {"revoked": "superseded", "suggested": DUE},
        Decision(ISSUE, "revoked", "superseded"),
    ),
    "revoked, and changed": (
        found({"key_type": "rsa2048"}),
        FRESH,
        {"revoked": "superseded"},
        Decision(ISSUE, "revoked", "superseded"),
    ),
    "revoked, and forced": (
        found(),
        FRESH,
        {"revoked": "superseded", "forced": True},
        Decision(ISSUE, "revoked", "superseded"),
    ),
    "revoked, and damaged": (
        found(live={"damaged": ["chain.pem"]}),
        FRESH,
        {"revoked": "superseded"},
        issue("damaged", can_wait=False),
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
        Decision(REFUSE, "revoked", "no room"),
    ),
    # changed
    "a name more": (found({"identifiers": ["shop.example"]}), FRESH, {}, issue("identifiers changed")),
    "a name less": (
        found({"identifiers": ["shop.example", "www.shop.example", "new.example"]}),
        FRESH,
        {},
        issue("identifiers changed"),
    ),
    "another key type": (found({"key_type": "rsa2048"}), FRESH, {}, issue("key changed")),
    "a profile": (found({"profile": "shortlived"}), FRESH, {}, issue("profile changed")),
    "no profile any more": (found(live={"profile": "shortlived"}), FRESH, {}, issue("profile changed")),
    "another CA": (found(live={"directory": "https://old.example/"}), FRESH, {}, issue("issuer changed")),
    "changed, and urgent": (found({"key_type": "rsa2048"}), URGENT, {}, issue("key changed", can_wait=False)),
    # the lifetime
    "a second before 2/3": (found(), DUE - SECOND, {}, AS_ISSUED),
    "at 2/3": (found(), DUE, {}, issue("lifetime")),
    "a second before it is urgent": (found(), URGENT - SECOND, {}, issue("lifetime")),
    "urgent": (found(), URGENT, {}, issue("lifetime", can_wait=False)),
    "over": (found(), END + DAY, {}, issue("lifetime", can_wait=False)),
    "a short one, a second before 1/2": (
        found(live={"not_after": utc(ISSUED + 6 * DAY)}),
        ISSUED + 3 * DAY - SECOND,
        {},
        Decision(KEEP, next_at=ISSUED + 3 * DAY),
    ),
    "a short one, at 1/2": (
        found(live={"not_after": utc(ISSUED + 6 * DAY)}),
        ISSUED + 3 * DAY,
        {},
        issue("lifetime"),
    ),
    "a short one, at 3/4": (
        found(live={"not_after": utc(ISSUED + 6 * DAY)}),
        ISSUED + 4.5 * DAY,
        {},
        issue("lifetime", can_wait=False),
    ),
    # renewal information
    "a window to come": (found(), FRESH, {"suggested": DUE + DAY}, Decision(KEEP, next_at=DUE + DAY)),
    "a window to come, sooner": (found(), FRESH, {"suggested": DUE - DAY}, Decision(KEEP, next_at=DUE - DAY)),
    "a second before the instant": (found(), DUE - SECOND, {"suggested": DUE}, AS_ISSUED),
    "at the instant": (found(), DUE - DAY, {"suggested": DUE - DAY}, issue("window open")),
    "a window in the past": (found(), FRESH, {"suggested": ISSUED - 365 * DAY}, issue("window open")),
    "a later window than 2/3": (
        found(),
        DUE + DAY,
        {"suggested": DUE + 2 * DAY},
        Decision(KEEP, next_at=DUE + 2 * DAY),
    ),
    "a window that comes too late": (
        found(),
        FRESH,
        {"suggested": END + 365 * DAY},
        Decision(KEEP, next_at=URGENT),
    ),
    "a window that came too late": (
        found(),
        URGENT,
        {"suggested": END},
        issue("lifetime", can_wait=False),
    ),
    # forced
    "forced": (found(), FRESH, {"forced": True}, issue("forced")),
    "forced, with a graver reason": (
        found(live={"missing": ["cert.pem"]}),
        FRESH,
        {"forced": True},
        issue("missing", can_wait=False),
    ),
    # repaired
    "another mode": (
        found(live={"attributes": ["mode is 0644 instead of 0600"]}),
        FRESH,
        {},
        Decision(REPAIR, "attributes", "mode is 0644 instead of 0600", DUE),
    ),
    "a reload that did not come about": (
        found(live={"reloaded": False}),
        FRESH,
        {},
        Decision(REPAIR, "reload outstanding", next_at=DUE),
    ),
    "a probe that did not come about": (
        found({"reload": [], "probe": [{"port": 443}]}, {"reloaded": False}),
        FRESH,
        {},
        Decision(REPAIR, "reload outstanding", next_at=DUE),
    ),
    "a format that drifted": (
        found(live={"formats": ["/srv/shop.p12 is missing", "/srv/shop.der is damaged"]}),
        FRESH,
        {},
        Decision(REPAIR, "formats", "/srv/shop.p12 is missing; /srv/shop.der is damaged", DUE),
    ),
    "a format that drifted, and due": (
        found(live={"formats": ["/srv/shop.p12 is missing"]}),
        DUE,
        {},
        replace(issue("lifetime"), repair=Decision(REPAIR, "formats", "/srv/shop.p12 is missing")),
    ),
    # switched
    "a version that lacks only the switch": (found(pending=AWAITING), FRESH, {}, TO_SWITCH),
    "the same, and the live one is due": (
        found({"probe": []}, {"missing": ["cert.pem"]}, pending=AWAITING),
        FRESH,
        {},
        TO_SWITCH,
    ),
    "the same, and there is none live": (found(pending=AWAITING) | {"live": None}, FRESH, {}, TO_SWITCH),
    "one that is due itself": (found(pending=AWAITING), DUE, {}, issue("lifetime")),
    "one, but a new one is forced": (found(pending=AWAITING), FRESH, {"forced": True}, issue("forced")),
    "one that lacks its certificate": (found(pending={**AWAITING, "issued": None}), FRESH, {}, AS_ISSUED),
    "one for other names": (found(pending={**AWAITING, "identifiers": ["shop.example"]}), FRESH, {}, AS_ISSUED),
    "one with another key": (found(pending={**AWAITING, "key_type": "rsa2048"}), FRESH, {}, AS_ISSUED),
    "one of another profile": (found(pending={**AWAITING, "profile": "shortlived"}), FRESH, {}, AS_ISSUED),
    "one of another CA": (found(pending={**AWAITING, "directory": "https://old.example/"}), FRESH, {}, AS_ISSUED),
    "one, and what is wanted cannot be": (
        found(pending=AWAITING, invalid=["mode is 'x'"]),
        FRESH,
        {},
        Decision(REFUSE, message="mode is 'x'"),
    ),
    "no reload wanted": (found({"reload": None}, {"reloaded": False}), FRESH, {}, AS_ISSUED),
    "to be repaired, and due": (
        found(live={"attributes": ["owner"], "reloaded": False}),
        DUE,
        {},
        replace(issue("lifetime"), repair=Decision(REPAIR, "attributes", "owner")),
    ),
    # refused
    "what is wanted cannot be": (
        found(invalid=["key_type is 'dsa'", "mode is 'x'"]),
        DUE,
        {},
        Decision(REFUSE, message="key_type is 'dsa'; mode is 'x'"),
    ),
    "a name that is none": (
        found({"identifiers": ["two words"]}),
        FRESH,
        {},
        Decision(REFUSE, message="identifier 'two words' has a space in it"),
    ),
    "a wildcard by http-01": (
        found({"identifiers": ["*.shop.example"]}),
        FRESH,
        {},
        Decision(
            REFUSE,
            message="identifier '*.shop.example' is a wildcard, which http-01 cannot prove: a wildcard needs dns-01",
        ),
    ),
    "a host that cannot get one": (
        found(problems=["webroot /srv does not exist", "no cryptography"]) | {"live": None},
        FRESH,
        {},
        Decision(REFUSE, "missing", "webroot /srv does not exist; no cryptography"),
    ),
    "a host that could not get one, and need not": (found(problems=["webroot /srv"]), FRESH, {}, AS_ISSUED),
}


@pytest.mark.parametrize(("item", "now", "options", "decision"), TABLE.values(), ids=TABLE)
def test_decision(item, now, options, decision):
    assert decide(item, [CA], now, **options) == decision


# Each reason here is graver than those below it.
GRAVITY = [
    ("missing", {"live": {"missing": ["cert.pem"]}}),
    ("key does not match", {"live": {"damaged": ["privkey.pem", "chain.pem"]}}),
    ("identifiers changed", {"wanted": {"identifiers": ["new.example"]}}),
    ("key changed", {"wanted": {"key_type": "rsa4096"}}),
    ("profile changed", {"wanted": {"profile": "shortlived"}}),
    ("issuer changed", {"live": {"directory": "https://old.example/"}}),
    ("lifetime", {}),
]


@pytest.mark.parametrize("first", range(len(GRAVITY)), ids=[reason for reason, _unused in GRAVITY])
def test_the_gravest_reason_is_told(first):
    wanted, live = {}, {}
    for _unused, change in GRAVITY[first:]:
        wanted.update(change.get("wanted", {}))
        live.update(change.get("live", {}))
    assert decide(found(wanted, live), [CA], END).reason == GRAVITY[first][0]


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
def test_points_of_a_life(life, renewed, urgent):
    assert lifetime_point(ISSUED, ISSUED + life) == ISSUED + renewed
    assert emergency_point(ISSUED, ISSUED + life) == ISSUED + urgent


def test_a_manifests_time_is_aware_utc():
    assert parse_utc("2026-09-01T12:00:00Z") == ISSUED
    assert parse_utc("2026-09-01T12:00:00Z").tzinfo is timezone.utc


REPAIRED = Decision(REPAIR, "formats", "a file is missing")


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (Decision(ISSUE, "missing"), Decision(REFUSE, "missing", "why")),
        (Decision(ISSUE, "lifetime", can_wait=True), Decision(KEEP, "lifetime", "why", DUE, can_wait=True)),
        # What is wrong on the host is put right all the same.
        (
            Decision(ISSUE, "lifetime", can_wait=True, repair=REPAIRED),
            Decision(REPAIR, "formats", "a file is missing; why", DUE),
        ),
        (
            Decision(ISSUE, "lifetime", can_wait=True, repair=Decision(REPAIR, "reload outstanding")),
            Decision(REPAIR, "reload outstanding", "why", DUE),
        ),
    ],
    ids=["it cannot wait", "it can", "with a repair", "with a reload"],
)
def test_an_order_that_cannot_be_made_now(due, expected):
    assert due.postponed("why", DUE) == expected
