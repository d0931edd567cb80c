# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run: all decisions, with the CA's renewal information where it bears on them."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, Reason
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import plan
from tests.unit import contracts
from tests.unit.contracts import DAY, DUE, FRESH, HOUR, URGENT, found, utc
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.fleet.plans import OTHER, Ask, decide_all, on

AWAITING = contracts.awaiting()


def actions(planned):
    return [(item.host, item.decision.action, item.decision.reason) for item in planned]


def test_decide_all_keeps_order():
    planned = decide_all(on("web3", found()), on("web1", found(live=None)), on("web2", found(live={"reloaded": False})))
    assert actions(planned) == [
        ("web3", Action.KEEP, ""),
        ("web1", Action.ISSUE, "missing"),
        ("web2", Action.REPAIR, "reload outstanding"),
    ]


def test_decide_all_revoked_certificate_is_issued_without_asking_ca():
    ask = Ask()
    items = [
        on("web1", found()),
        on("web2", found(live={"ari_id": "c.d"})),
        on("web1", found(live={"ari_id": "e.f"}), "mail"),
    ]
    planned = decide_all(*items, ask=ask, revoked={("web1", "shop", "live"): "key_compromise"})
    assert actions(planned) == [("web1", Action.ISSUE, "revoked"), ("web2", Action.KEEP, ""), ("web1", Action.KEEP, "")]
    assert planned[0].line() == "web1: certificate shop: issue (revoked: key_compromise)"
    assert (planned[0].decision.can_wait, planned[0].replaces_ari_id) == (False, "a.b")
    assert ask.asked == [{CA: ["c.d", "e.f"]}]


@pytest.mark.parametrize(
    ("item", "revoked", "action", "reason"),
    [
        (found(pending=AWAITING), "", Action.SWITCH, "switch outstanding"),
        (found(pending=AWAITING), "live", Action.SWITCH, "switch outstanding"),
        (found(pending=AWAITING), "pending", Action.KEEP, ""),
        (found(pending=AWAITING), "live pending", Action.ISSUE, "revoked"),
        (found({"reload": []}, {"not_after": utc(FRESH)}, pending=AWAITING), "pending", Action.ISSUE, "lifetime"),
        (found(pending=AWAITING, live=None), "pending", Action.ISSUE, "missing"),
    ],
    ids=["neither", "live", "pending", "both", "pending, and due", "pending, and none is live"],
)
def test_decide_all_revoked_pending_version_is_not_switched_to(item, revoked, action, reason):
    """It is as if it were not there; also when the CA has been asked of the live one's renewal."""
    why = {("web1", "shop", version): "superseded" for version in revoked.split()}
    ask = Ask(**{"a.b": DUE - DAY})
    (planned,) = decide_all(on("web1", item), ask=ask, revoked=why)
    assert (planned.decision.action, planned.decision.reason) == (action, reason)
    assert (planned.certificate.pending is None) == ("pending" in revoked)


def test_decide_all_accepts_generator():
    items = (on(f"web{n}", found()) for n in range(3))
    assert len(plan.decide_all(items, plan.Settings([CA], FRESH), Ask())) == 3


def test_decide_all_empty_fleet_asks_nothing():
    ask = Ask()
    assert decide_all(ask=ask) == []
    assert ask.asked == []


def test_decide_all_asks_once_about_certificates_to_keep():
    ask = Ask()
    decide_all(
        on("kept2", found(live={"ari_id": "id-2"})),
        on("kept1", found(live={"ari_id": "id-1"})),
        on("same", found(live={"ari_id": "id-1"})),
        on("repaired", found(live={"ari_id": "id-3", "reloaded": False})),
        on("missing", found(live=None)),
        on("changed", found({"key_type": "rsa2048"}, {"ari_id": "id-4"})),
        on("refused", found(live={"ari_id": "id-5"}, invalid=["no"])),
        on("without", found(live={"ari_id": None})),
        ask=ask,
    )
    assert ask.asked == [{CA: ["id-1", "id-2", "id-3"]}]


def test_decide_all_asks_each_ca_about_its_own_certificates():
    ask = Ask(**{"id-2": FRESH})
    items = [on("web1", found(live={"ari_id": "id-1"})), on("web2", found(live={"ari_id": "id-2", "directory": OTHER}))]
    kept, due = decide_all(*items, cas=[CA, OTHER], ask=ask)
    assert ask.asked == [{CA: ["id-1"], OTHER: ["id-2"]}]
    assert (kept.decision.action, due.decision.action, due.replaces_ari_id) == (Action.KEEP, Action.ISSUE, "id-2")
    # A CA that is not listed any more gets no request.
    (moved,) = decide_all(*items[1:])
    assert (moved.decision.reason, moved.replaces_ari_id) == ("issuer changed", None)


@pytest.mark.parametrize(
    ("options", "items"),
    [({"is_forced": True}, [found()]), ({"now": URGENT}, [found()]), ({}, [found(live={"ari_id": None})])],
    ids=["forced", "urgent", "no id"],
)
def test_decide_all_asks_nothing_if_answer_cannot_matter(options, items):
    ask = Ask()
    decide_all(*(on("web1", item) for item in items), ask=ask, **options)
    assert ask.asked == []


def test_decide_all_renewal_information_counts_past_lifetime_point():
    later, over = DUE + DAY, DUE - DAY
    items = [on(name, found(live={"ari_id": name})) for name in ("later", "over", "silent")]
    planned = decide_all(*items, now=DUE + HOUR, ask=Ask(later=later, over=over))
    assert [(item.decision.action, item.decision.reason) for item in planned] == [
        (Action.KEEP, ""),
        (Action.ISSUE, "window open"),
        (Action.ISSUE, "lifetime"),
    ]
    assert planned[0].decision.next_at >= later


def test_decide_all_renewal_information_sets_next_time():
    ask = Ask(soon=FRESH - HOUR, later=DUE + DAY, late=DUE + 300 * DAY)
    planned = decide_all(
        *(on(name, found(live={"ari_id": name})) for name in ("soon", "later", "late", "silent")),
        ask=ask,
    )
    assert actions(planned) == [
        ("soon", Action.ISSUE, "window open"),
        ("later", Action.KEEP, ""),
        ("late", Action.KEEP, ""),
        ("silent", Action.KEEP, ""),
    ]
    assert [item.decision.next_at for item in planned] == [None, DUE + DAY, URGENT, DUE]


def test_decide_all_window_open_precedes_repair():
    (item,) = decide_all(on("web1", found(live={"reloaded": False})), ask=Ask(**{"a.b": FRESH}))
    assert (item.decision.action, item.decision.reason) == (Action.ISSUE, "window open")


@pytest.mark.parametrize(
    ("item", "options", "replaces"),
    [
        (found(), {}, None),
        (found(), {"now": DUE}, "a.b"),
        (found(), {"is_forced": True}, "a.b"),
        (found(), {"ask": Ask(**{"a.b": FRESH})}, "a.b"),
        (found({"identifiers": ["shop.example"]}), {}, "a.b"),
        (found({"identifiers": ["elsewhere.example"]}), {}, None),
        (found({"identifiers": [{"value": "elsewhere.example", "challenge": "dns-01"}]}), {}, None),
        (found(live={"ari_id": None}), {"now": DUE}, None),
        (found(live={"directory": "https://old.example/"}), {}, None),
        (found(live=None), {}, None),
        (found(live={"reloaded": False}), {}, None),
        (found(invalid=["no"]), {"now": DUE}, None),
    ],
    ids=[
        "kept",
        "due",
        "forced",
        "window",
        "names",
        "no name in common",
        "no name in common, by its own challenge",
        "no id",
        "another CA",
        "missing",
        "repaired",
        "refused",
    ],
)
def test_decide_all_replaces_is_for_same_ca_and_account_only(item, options, replaces):
    # RFC 9773 section 5
    (planned,) = decide_all(on("web1", item), **options)
    assert planned.replaces_ari_id == replaces
    assert planned.decided().replaces_ari_id == replaces


def test_decide_all_instant_leaves_room_for_next_run():
    window = RenewalInfo(DUE, DUE + 2 * DAY)
    (early, late) = (
        decide_all(on("web1", found()), ask={"a.b": window}, interval=interval)[0] for interval in (2 * DAY, 0 * DAY)
    )
    assert early.decision.next_at == DUE < late.decision.next_at < DUE + 2 * DAY


def test_line_has_explanation_url_of_ca():
    info = RenewalInfo(FRESH, FRESH, "https://ca.example/incident")
    (item,) = decide_all(on("web1", found()), ask={"a.b": info})
    assert item.line() == "web1: certificate shop: issue (window open: see https://ca.example/incident)"
    assert item.decided().explanation_url == "https://ca.example/incident"


def test_decide_all_selected_certificate_is_issued():
    items = [on("web1", found()), on("web2", found())]
    planned = decide_all(*items, is_selected=lambda item: item.host == "web2")
    assert actions(planned) == [("web1", Action.KEEP, ""), ("web2", Action.ISSUE, "forced")]


def test_decide_all_repeated_name_on_host_is_refused():
    ask = Ask()
    planned = decide_all(
        on("web1", found()), on("web1", found()), on("web2", found()), on("web1", found(), "mail"), ask=ask
    )
    assert [(item.host, item.name, item.decision.action) for item in planned] == [
        ("web1", "shop", Action.REFUSE),
        ("web1", "shop", Action.REFUSE),
        ("web2", "shop", Action.KEEP),
        ("web1", "mail", Action.KEEP),
    ]
    assert "more than one certificate of this name" in planned[0].decision.message


class TestWithoutCa:
    @pytest.mark.parametrize(
        ("item", "now", "action"),
        [
            (found(), FRESH, Action.KEEP),
            (found(), DUE, Action.KEEP),
            (found({"key_type": "rsa2048"}), FRESH, Action.KEEP),
            (found({"identifiers": ["new.example"]}), FRESH, Action.REFUSE),
            (found(), URGENT, Action.REFUSE),
            (found(live=None), FRESH, Action.REFUSE),
            (found(live={"damaged": ["cert.pem"]}), FRESH, Action.REFUSE),
            (found(live={"reloaded": False}), FRESH, Action.REPAIR),
        ],
        ids=["kept", "due", "changed", "new name", "urgent", "missing", "damaged", "repaired"],
    )
    def test_without_ca_postpones_what_can_wait(self, item, now, action):
        (planned,) = decide_all(on("web1", item), now=now)
        decided = plan.without_ca(planned, "the CA is down").decision
        assert decided.action == action
        assert decided.reason == planned.decision.reason
        assert decided.message == ("the CA is down" if planned.decision.action == Action.ISSUE else "")


def test_line_of_each_action():
    planned = decide_all(
        on("web1", found(live=None)),
        on("web2", found(live={"attributes": ["mode is 0644"]})),
        on("web3", found(invalid=["name is empty"])),
    )
    assert [item.line() for item in planned] == [
        "web1: certificate shop: issue (missing)",
        "web2: certificate shop: repair (attributes: mode is 0644)",
        "web3: certificate shop: refuse (name is empty)",
    ]


def test_decided_has_fields_for_host():
    kept, due = decide_all(on("web1", found()), on("web2", found(live=None)))
    assert kept.decided() == contracts.decided(Action.KEEP, next=utc(DUE))
    assert due.decided() == contracts.decided(Action.ISSUE, reason=Reason.MISSING)
    assert due.decided().to_result() == {
        "name": "shop",
        "action": "issue",
        "reason": "missing",
        "message": "",
        "can_wait": False,
        "replaces_ari_id": None,
        "next": None,
    }


@pytest.mark.parametrize(
    "live", [{"not_before": None}, {"not_after": None}, {"not_before": None, "created": None}], ids=str
)
def test_decide_all_version_without_dates_refuses_its_certificate_only(live):
    odd, kept = decide_all(on("web1", found(live=live)), on("web2", found()), ask=Ask())
    assert (odd.decision.action, odd.decision.message) == (Action.REFUSE, plan.MALFORMED)
    assert kept.decision.action == Action.KEEP


def test_decide_all_certificate_without_entry_is_refused():
    (planned,) = decide_all(on("web1", found(wanted=None)))
    assert planned.line() == (
        "web1: certificate shop: refuse (it has no entry of acme_certificates. Give certificate_info the option "
        "certificates)"
    )
