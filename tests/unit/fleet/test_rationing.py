# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan within the CAs' limits: who goes first, who waits, and for how long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import SHORT_NAMES, name_of
from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import rationing
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.rate_limits import SHIPPED, Limits, Rate
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.routes import Cas
from tests.unit import contracts
from tests.unit.contracts import DAY, DUE, FRESH, HOUR, URGENT, found, utc
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.fleet.plans import OTHER, decide_all, routed

NOW = DUE
PER_DOMAIN = Limits(certificates_per_domain=Rate.parse("2/7d"), renewals_exempt=True)
PER_SET = Limits(certificates_per_set=Rate.parse("2/7d"), renewals_exempt=True)
ORDERS = Limits(orders=Rate.parse("2/3h"))


def item(host, domain="shop.example", wanted=None, live=None, **more):
    identifiers = {"identifiers": [f"{host}.{domain}"]}
    return found({**identifiers, **(wanted or {})}, {**identifiers, **(live or {})}, host=host, **more)


def missing(host, domain="shop.example", **more):
    return replace(item(host, domain, **more), live=None)


def spent(host, domain="shop.example", age=HOUR, renewal=False, serial="01", directory=CA):
    names = [f"{host}.{domain}"]
    return contracts.issued(at=utc(NOW - age), serial=serial, directory=directory, identifiers=names, renewal=renewal)


def domain_of(name):
    return name.split(".", 1)[1]


def keep_within(limits, *items, now=NOW, cas=(CA,), ask=None, **options):
    planned = routed(decide_all(*items, now=now, cas=cas, ask=ask, **options), cas)
    kept, warnings = rationing.keep_within(planned, limits, Cas(cas), now, domain_of)
    assert [(plan.host, plan.name) for plan in kept] == [(plan.host, plan.name) for plan in planned]
    return kept, warnings


def actions(limits, *items, **options):
    kept, _warnings = keep_within(limits, *items, **options)
    return [f"{plan.host} {plan.decision.action}" for plan in kept]


def test_keep_within_ca_without_limits_issues_all():
    hosts = [missing(f"web{number}") for number in range(9)]
    kept, warnings = keep_within({OTHER: PER_DOMAIN}, *hosts)
    assert ({plan.decision.action for plan in kept}, warnings) == ({Action.ISSUE}, [])


def test_keep_within_reads_domains_only_if_limit_may_be_reached():
    def unread():
        raise AssertionError

    planned = routed(decide_all(missing("web1"), missing("web2"), now=NOW))
    assert rationing.keep_within(planned, {CA: PER_DOMAIN}, Cas([CA]), NOW, unread) == (planned, [])


@pytest.mark.parametrize(
    ("limits", "items", "expected"),
    [
        # An order that cannot wait precedes those that can, and fails if the limit is reached.
        (PER_DOMAIN, [missing("a"), missing("b"), missing("c")], ["a issue", "b issue", "c refuse"]),
        (PER_DOMAIN, [missing("a"), missing("b"), missing("c", "other.example")], ["a issue", "b issue", "c issue"]),
        (
            PER_DOMAIN,
            [
                item("a", wanted={"identifiers": ["new-a.shop.example"]}),
                item("b", wanted={"identifiers": ["new-b.shop.example"]}),
                missing("c"),
            ],
            ["a issue", "b refuse", "c issue"],
        ),
        # Among those that can wait, the certificate that expires first is first.
        (
            ORDERS,
            [
                item("a", live={"not_after": utc(NOW + 20 * DAY)}),
                item("b", live={"not_after": utc(NOW + 18 * DAY)}),
                item("c", live={"not_after": utc(NOW + 19 * DAY)}),
            ],
            ["a keep", "b issue", "c issue"],
        ),
        # For the same names, other limits do not apply where renewals are exempt.
        (PER_DOMAIN, [item("a"), item("b"), item("c")], ["a issue", "b issue", "c issue"]),
        (PER_SET, [item("a"), item("b"), item("c")], ["a issue", "b issue", "c issue"]),
        (ORDERS, [item("a"), item("b"), item("c")], ["a issue", "b issue", "c keep"]),
        # Past certificates of the hosts count.
        (PER_DOMAIN, [missing("a", issued=[spent("a")]), missing("b")], ["a issue", "b refuse"]),
        (PER_DOMAIN, [missing("a", issued=[spent("a", age=4 * DAY)]), missing("b")], ["a issue", "b issue"]),
        (PER_DOMAIN, [missing("a", issued=[spent("a", renewal=True)]), missing("b")], ["a issue", "b issue"]),
        (PER_DOMAIN, [missing("a", issued=[spent("a", directory=OTHER)]), missing("b")], ["a issue", "b issue"]),
        (PER_SET, [missing("a", issued=[spent("a"), spent("a", serial="02", renewal=True)])], ["a refuse"]),
        (PER_SET, [missing("a", issued=[spent("b"), spent("b", serial="02")])], ["a issue"]),
        # A shared certificate was ordered once.
        (
            PER_DOMAIN,
            [*(item(host, issued=[spent("a")], wanted={"shared": True}) for host in "ab"), missing("c")],
            ["a issue", "b issue", "c issue"],
        ),
        # An order that is not made does not count.
        (PER_DOMAIN, [missing("a", invalid=["no"]), missing("b"), missing("c")], ["a refuse", "b issue", "c issue"]),
    ],
)
def test_keep_within_action_of_each_certificate(limits, items, expected):
    assert actions({CA: limits}, *items) == expected


LETS_ENCRYPT = SHIPPED[SHORT_NAMES["letsencrypt"]]
BALANCED = ["lb.example"]


def alike(host, name="shop", age=None, **entry):
    """Return a certificate for the name that several have. age: of the last one that its host was issued."""
    past = [contracts.issued(at=utc(NOW - age), identifiers=BALANCED, serial=f"{age.days}")] if age else []
    return found({"identifiers": BALANCED, **entry}, None, host=host, name=name, issued=past)


@pytest.mark.parametrize(
    ("items", "ordered"),
    [
        ([alike(f"web{number}") for number in range(7)], 5),
        # of several key types
        ([alike(f"web{number}", kind, key_type=kind) for number in range(4) for kind in ("rsa2048", "ec256")], 5),
        # in another order of the names, or with another challenge
        ([alike("web0", identifiers=["lb.example", "a.example"])] + [alike(f"web{n}") for n in range(1, 6)], 6),
        (
            [alike(f"web{number}", identifiers=["lb.example", "a.example"]) for number in range(3)]
            + [
                alike(f"db{number}", identifiers=["a.example", {"value": "lb.example", "challenge": "dns-01"}])
                for number in range(3)
            ],
            5,
        ),
        # with those of the week before
        ([alike(f"web{number}", age=2 * DAY) for number in range(5)], 1),
        ([alike(f"web{number}", age=7 * DAY) for number in range(5)], 5),
        # a shared one was ordered once for all
        ([alike(f"web{number}", shared=True, age=HOUR) for number in range(7)], 4),
    ],
    ids=["hosts", "key types", "other names", "another order", "days ago", "a week ago", "shared"],
)
def test_keep_within_certificates_for_same_names_count_together(items, ordered):
    """Let's Encrypt allows five in a week, whatever their keys are."""
    kept, _warnings = keep_within({CA: LETS_ENCRYPT}, *items)
    assert sum(plan.decision.action == Action.ISSUE for plan in kept) == ordered
    message = (
        f"the limit of 5 certificates for the same names in 7 days at {name_of(CA)} is reached; there is room again"
    )
    assert all(plan.decision.message.startswith(message) for plan in kept if plan.decision.action == Action.REFUSE)


def test_keep_within_second_order_for_same_names_counts_as_a_renewal():
    limits = replace(LETS_ENCRYPT, certificates_per_domain=Rate.parse("1/7d"))
    items = [alike("web0"), alike("web1"), alike("web2", identifiers=["a.lb.example"])]
    assert actions({CA: limits}, *items) == ["web0 issue", "web1 issue", "web2 issue"]
    assert actions({CA: limits}, *items[:2], alike("web2", identifiers=["www.example"])) == [
        "web0 issue",
        "web1 issue",
        "web2 refuse",
    ]
    assert actions({CA: replace(limits, renewals_exempt=False)}, *items[:2]) == ["web0 issue", "web1 refuse"]


def test_keep_within_ca_that_is_not_asked_now_gets_no_order():
    """Its limits may have room, but its last orders for the certificate have failed."""
    planned = routed(decide_all(item("a"), item("b"), now=NOW, cas=(CA, OTHER)), [OTHER])
    limits = {CA: ORDERS, OTHER: Limits(orders=Rate.parse("1/1d"))}
    kept, _warnings = rationing.keep_within(planned, limits, Cas([CA, OTHER]), NOW, domain_of)
    assert [(plan.decision.action, plan.directory) for plan in kept] == [(Action.ISSUE, OTHER), (Action.KEEP, None)]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (RenewalInfo(FRESH, FRESH + 2 * HOUR), ["a issue", "b issue", "c issue", "d issue"]),
        # In a mass revocation it lies in the past: then it is not free.
        (RenewalInfo(FRESH, FRESH + HOUR), ["a issue", "b issue", "c keep", "d keep"]),
    ],
    ids=["open", "over"],
)
def test_keep_within_order_in_window_is_exempt(window, expected):
    items = [item(name, live={"ari_id": name}) for name in "abcd"]
    now = FRESH + 1.999 * HOUR
    assert actions({CA: ORDERS}, *items, now=now, ask=lambda asked: dict.fromkeys("abcd", window)) == expected


def test_keep_within_replacements_precede_routine_renewals():
    """Its CA is about to revoke it, while routine has weeks."""
    kept = actions(
        {CA: ORDERS},
        item("a", live={"not_after": utc(NOW + 16 * DAY)}),
        item("b"),
        item("c", live={"not_after": utc(NOW + 29 * DAY)}),
        missing("d"),
        is_selected=lambda entry: entry.host == "c",
    )
    assert kept == ["a keep", "b keep", "c issue", "d issue"]


def test_keep_within_deferred_certificate_has_next_time():
    hosts = [item(name) for name in "abcd"]
    kept, (warning,) = keep_within({CA: ORDERS}, *hosts)
    assert [plan.decision.next_at for plan in kept] == [None, None, NOW + 1.5 * HOUR, NOW + 3 * HOUR]
    assert kept[2].decision.reason == "lifetime"
    assert kept[2].decision.message == (
        "the limit of 2 orders in 3 hours at ca.example is reached; there is room again at 2026-10-31 13:30 UTC"
    )
    assert warning == (
        "2 certificates wait for the limit of 2 orders in 3 hours at ca.example: there is room from 2026-10-31 13:30 "
        "UTC on, for the last at 2026-10-31 15:00 UTC"
    )
    _kept, (warning,) = keep_within({CA: ORDERS}, *hosts[:3])
    assert warning == (
        "1 certificate waits for the limit of 2 orders in 3 hours at ca.example: there is room at 2026-10-31 13:30 UTC"
    )


def test_keep_within_certificate_that_cannot_wait_is_refused():
    kept, warnings = keep_within({CA: ORDERS}, *(item(name) for name in "abc"), now=URGENT)
    assert [plan.decision.action for plan in kept] == [Action.ISSUE, Action.ISSUE, Action.REFUSE]
    assert "the limit of 2 orders in 3 hours at ca.example is reached; there is room again at" in kept[2].line()
    assert warnings == []


def test_keep_within_full_ca_next_one_is_used():
    limits = {CA: ORDERS, OTHER: Limits(orders=Rate.parse("1/1d"))}
    kept, _warnings = keep_within(limits, *(item(name) for name in "abcd"), cas=(CA, OTHER))
    assert [(plan.decision.action, plan.directory) for plan in kept] == [
        (Action.ISSUE, None),
        (Action.ISSUE, None),
        (Action.ISSUE, OTHER),
        (Action.KEEP, None),
    ]
    assert kept[3].decision.next_at == NOW + 1.5 * HOUR  # the sooner of the two
    assert kept[2].decided().directory == OTHER
    # One without room is not asked after all.
    assert [plan.decided().other_directories for plan in kept[:3]] == [(OTHER,), (OTHER,), ()]
    assert kept[2].not_first.startswith(f"{CA}: the limit of 2 orders in 3 hours is reached; there is room again")
    # One without limits takes all.
    kept, _warnings = keep_within({CA: ORDERS}, *(item(name) for name in "abcd"), cas=(CA, OTHER))
    assert [plan.directory for plan in kept] == [None, None, OTHER, OTHER]


def test_keep_within_order_in_the_journal_needs_no_room():
    made = contracts.pending(identifiers=["c.shop.example"])
    hosts = [missing("a"), missing("b"), missing("c", pending=made), missing("d")]
    planned = [replace(plan, journaled=plan.certificate.pending) for plan in routed(decide_all(*hosts, now=NOW))]
    kept, _warnings = rationing.keep_within(planned, {CA: ORDERS}, Cas([CA]), NOW, domain_of)
    assert [plan.decision.action for plan in kept] == [Action.ISSUE, Action.ISSUE, Action.ISSUE, Action.REFUSE]


def recorded(name, days, domain="shop.example"):
    """Return an entry of the controller's record, from so many days ago."""
    serial = f"{int(days):02x}"
    return RecordedCertificate(utc(NOW - days * DAY), "web1", name, serial, "", CA, "", (f"{name}.{domain}",), "")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # It reaches back: what the host claims counts for nothing.
        ([recorded("old", 30)], ["a issue", "b issue"]),
        ([recorded("old", 30), recorded("y", 1)], ["a issue", "b refuse"]),
        ([recorded("old", 30), recorded("y", 1, "other.example")], ["a issue", "b issue"]),
        # A renewal counts for the exact set only.
        ([recorded("y", 30), recorded("y", 1)], ["a issue", "b issue"]),
        # It began lately, so there may be more.
        ([recorded("y", 1, "other.example")], ["a issue", "b refuse"]),
        ([], ["a issue", "b refuse"]),
    ],
)
def test_keep_within_counts_the_record_where_it_reaches_back(record, expected):
    planned = routed(decide_all(missing("a", issued=[spent("a")]), missing("b"), now=NOW))
    kept, _warnings = rationing.keep_within(planned, {CA: PER_DOMAIN}, Cas([CA]), NOW, domain_of, lambda: record)
    assert [f"{plan.host} {plan.decision.action}" for plan in kept] == expected


def test_keep_within_recorded_certificate_counts_once():
    """Its host could not use it, and several runs downloaded it."""
    record = [recorded("old", 30), recorded("y", 0.01), recorded("y", 0.005)]
    planned = routed(decide_all(missing("a"), missing("b"), now=NOW))
    kept, _warnings = rationing.keep_within(planned, {CA: ORDERS}, Cas([CA]), NOW, domain_of, lambda: record)
    assert [plan.decision.action for plan in kept] == [Action.ISSUE, Action.REFUSE]


class TestWhatAHostClaims:
    """A host is believed of its own certificates, and no further."""

    def test_keep_within_claims_about_names_of_others_are_ignored(self):
        claims = [spent("x", "rich.example", serial=f"{number}") for number in range(99)]
        assert actions({CA: PER_DOMAIN}, missing("a", issued=claims), missing("b", "rich.example"))[1] == "b issue"

    def test_keep_within_claims_about_own_names_count_up_to_limit(self):
        limits = Limits(certificates_per_domain=Rate.parse("9/7d"))
        claims = [spent("a", serial=f"{number}") for number in range(99)]
        assert actions({CA: limits}, missing("a", issued=claims), missing("b")) == ["a issue", "b issue"]
