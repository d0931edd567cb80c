# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CAs that an order may go to: those that answer and have its profile, or another one to ask for instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, FailureKind
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.routes import Cas
from tests.unit import contracts
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.contracts import FRESH, HOUR, URGENT, found, utc
from tests.unit.fleet.plans import OTHER, decide_all, directory

NO_SHORT = f"profile 'short' is not offered by {CA} (offered: none)"
NO_SHORT_AT_OTHER = f"profile 'short' is not offered by {OTHER} (offered: classic)"


class Scripted:
    """Directories of two CAs: the second one has a profile. asked: those that were read."""

    def __init__(self, down=()):
        self.down = down
        self.asked = []

    def directory(self, url):
        self.asked.append(url)
        return None if url in self.down else directory(url, ["classic"] if url == OTHER else [])

    def problem(self, url):
        return f"{url} is down" if url in self.down and url in self.asked else ""


def route(wanted=None, down=(), profiles=None, **given):
    item = found(wanted or {}, given.pop("live", None), **given)
    (planned,) = decide_all(item, cas=(CA, OTHER))
    sources = Scripted(down)
    return Cas([CA, OTHER], profiles or {}).route(planned, sources, FRESH), sources.asked


PROFILES = {
    # the certificate's profile, the CAs' own ones, the CAs that are down: the CAs to order from, or why not
    "none": (None, {}, (), [CA, OTHER], ""),
    "an empty one": ("", {}, (), [CA, OTHER], ""),
    "none, and a CA has its own": (None, {CA: "gone"}, (), [CA, OTHER], ""),
    "the second has it": ("classic", {}, (), [OTHER], ""),
    "the second has it, and the first asks for none": ("classic", {CA: ""}, (), [CA, OTHER], ""),
    "none has it": ("short", {}, (), [], f"{NO_SHORT}; {NO_SHORT_AT_OTHER}"),
    "none has it, and the second asks for another": ("short", {OTHER: "classic"}, (), [OTHER], ""),
    "none has it, and the first has not even its own": (
        "short",
        {CA: "gone"},
        (),
        [],
        f"profile 'gone' is not offered by {CA} (offered: none); {NO_SHORT_AT_OTHER}",
    ),
    "the first is down": ("short", {OTHER: ""}, (CA,), [OTHER], ""),
    "the first is down, and the second does not have it": (
        "short",
        {},
        (CA,),
        [],
        f"{CA} is down; {NO_SHORT_AT_OTHER}",
    ),
}


@pytest.mark.parametrize(("profile", "own", "down", "cas", "message"), PROFILES.values(), ids=PROFILES)
def test_route_has_cas_with_the_profile(profile, own, down, cas, message):
    planned, asked = route({"profile": profile}, down, own)
    assert (list(planned.cas), planned.decision.message) == (cas, message)
    assert planned.decision.action == (Action.ISSUE if cas else Action.REFUSE)
    # Without a profile the first CA that answers is enough.
    assert asked == ([CA, OTHER] if profile else [CA])


def test_route_certificate_that_can_wait_is_kept_while_the_ca_with_its_profile_is_down():
    planned, _asked = route({"profile": "short", "reload": []}, down=(CA,), live={"profile": "old"})
    assert planned.decision.action == Action.KEEP
    assert planned.decision.message == f"{CA} is down; {NO_SHORT_AT_OTHER}"


@pytest.mark.parametrize(
    ("cas", "down", "others"),
    [([CA], (), None), ([CA, OTHER], (), (OTHER,)), ([CA, OTHER], (CA,), ()), ([CA, OTHER], (OTHER,), (OTHER,))],
    ids=["one", "two", "the first is down", "the second is down, and is not asked"],
)
def test_route_tells_the_cas_to_ask_next(cas, down, others):
    (planned,) = decide_all(found(live=None), cas=cas)
    assert Cas(cas).route(planned, Scripted(down), FRESH).decided().other_directories == others


@pytest.mark.parametrize(
    ("given", "down", "first", "why"),
    [
        ({}, (), None, ""),
        ({}, (CA,), OTHER, f"{CA}: {CA} is down"),
        # Where the journal has an order, that is known without the plan.
        ({"pending": contracts.pending()}, (), None, ""),
        ({"pending": contracts.pending(directory=OTHER)}, (), None, f"{CA}: another CA has its order already"),
        ({"pending": contracts.pending(directory=OTHER)}, (OTHER,), CA, ""),
        ({"pending": contracts.pending()}, (CA,), OTHER, f"{CA}: {CA} is down"),
        ({"pending": contracts.pending(directory=OTHER, key_type="rsa2048")}, (), None, ""),
        ({"pending": contracts.awaiting(directory=OTHER, not_after=utc(FRESH))}, (), None, ""),
    ],
)
def test_route_names_another_ca_than_the_usual_one_and_why(given, down, first, why):
    planned, _asked = route(down=down, **given)
    assert (planned.directory, planned.not_first) == (first, why)
    assert (planned.decided().directory, planned.decided().not_first) == (first, why or None)


FAILED = contracts.failed(kind=FailureKind.CA)
LATER = f"{CA}: 2 orders failed there (since 2026-10-31 12:00 UTC): {FAILED.problem}"


@pytest.mark.parametrize(
    ("failed", "live", "digest", "cas"),
    [
        (FAILED, FRESH, "5e", [OTHER, CA]),
        (FAILED, None, "5e", [OTHER, CA]),
        # The order is another one now, or the CAs have other options.
        (FAILED, FRESH, "77", [CA, OTHER]),
        (contracts.failed(), FRESH, "5e", [CA, OTHER]),
        # Nothing is as urgent.
        (contracts.failed(), None, "5e", [OTHER, CA]),
        (contracts.failed(), URGENT, "5e", [OTHER, CA]),
        (contracts.failed(directory=OTHER), URGENT, "5e", [CA, OTHER]),
        (contracts.failed(directory=""), URGENT, "5e", [CA, OTHER]),
    ],
    ids=[
        "trouble",
        "trouble without a live certificate",
        "trouble with other settings",
        "validation",
        "validation without a live certificate",
        "validation near the end",
        "validation at the second near the end",
        "no CA was asked",
    ],
)
def test_route_leaves_a_ca_that_accepts_orders_and_then_fails(failed, live, digest, cas):
    item = found(live={} if live else None, failed=[failed])
    (planned,) = decide_all(item, cas=(CA, OTHER), is_forced=True, now=live or FRESH)
    planned = Cas([CA, OTHER]).route(replace(planned, digest=digest), Scripted(), live or FRESH)
    assert (list(planned.cas), planned.not_first) == (cas, LATER if cas[0] == OTHER else "")


WAIT = f"{CA}: orders there wait until 2026-09-02 13:00 UTC"


@pytest.mark.parametrize(
    ("given", "down", "cas", "why"),
    [
        ({}, (), [OTHER], WAIT),
        # Not even for an order that it has already.
        ({"pending": contracts.pending()}, (), [OTHER], WAIT),
        ({}, (OTHER,), [], ""),
    ],
    ids=["the next one is well", "it has an order", "the next one is down"],
)
def test_route_leaves_out_a_ca_that_is_to_be_asked_later(given, down, cas, why):
    (planned,) = decide_all(found(live=None, **given), cas=(CA, OTHER))
    item = replace(planned, waits={CA: FRESH + HOUR}, failing="an attempt failed")
    planned = Cas([CA, OTHER]).route(item, Scripted(down), FRESH)
    assert (list(planned.cas), planned.not_first) == (cas, why)
    assert planned.decision.action == (Action.ISSUE if cas else Action.REFUSE)
    if not cas:
        assert (planned.next_attempt, planned.decision.next_at) == (None, None)
        assert planned.decision.message == f"an attempt failed; {OTHER} is down; the next run tries again"


def test_route_ca_without_the_profile_leaves_only_the_one_that_is_to_be_asked_later():
    (planned,) = decide_all(found({"profile": "short"}, live=None), cas=(CA, OTHER))
    item = replace(planned, waits={CA: FRESH + HOUR}, failing="an attempt failed")
    planned = Cas([CA, OTHER]).route(item, Scripted(), FRESH)
    assert planned.next_attempt == FRESH + HOUR
    assert planned.decision.message.startswith(f"an attempt failed; {NO_SHORT_AT_OTHER}; the next attempt is at 2026")


def test_route_retry_that_the_user_wants_asks_the_first_ca_first():
    (planned,) = decide_all(found(live=None, failed=[FAILED]), cas=(CA, OTHER))
    planned = Cas([CA, OTHER], at_once=True).route(replace(planned, digest="5e"), Scripted(), FRESH)
    assert (list(planned.cas), planned.not_first) == ([CA, OTHER], "")


def test_route_order_in_the_journal_of_a_ca_that_failed_is_given_up():
    item = found(pending=contracts.pending(), failed=[FAILED])
    (planned,) = decide_all(item, cas=(CA, OTHER), is_forced=True)
    planned = Cas([CA, OTHER]).route(replace(planned, digest="5e"), Scripted(), FRESH)
    assert (planned.directory, planned.not_first) == (OTHER, LATER)


def test_route_replacement_ignores_the_order_for_an_old_key():
    (planned,) = decide_all(
        found(pending=contracts.pending(directory=OTHER)), cas=(CA, OTHER), is_selected=lambda _item: True
    )
    for since, first in (("", (CA, OTHER)), (utc(FRESH), (CA, OTHER)), ("2026-01-01T00:00:00Z", (OTHER, CA))):
        assert Cas([CA, OTHER], since=since).route(planned, Scripted(), FRESH).cas == first


def test_route_kept_certificate_asks_nothing():
    planned, asked = route({"profile": "old"}, live={"profile": "old"})
    assert (planned.decision.action, planned.cas, asked) == (Action.KEEP, (), [])
