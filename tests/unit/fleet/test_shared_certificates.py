# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared certificates in the plan: one order at most, and who gets the key from whom, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._fleet import plan, shared_certificates
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedCertificate
from tests.unit import contracts
from tests.unit.contracts import ACCOUNT, DAY, DUE, END, FRESH, URGENT, found, utc
from tests.unit.contracts import DIRECTORY as CA
from tests.unit.fleet.plans import decide_all

OTHER = {"identifiers": ["other.example"]}


def has(serial="0a", wanted=None, live=None, **more):
    """Return a host with a live certificate that matches its terms."""
    return found({"shared": True, **(wanted or {})}, {"serial": serial, **(live or {})}, **more)


def lacks(wanted=None, **more):
    return replace(has(wanted=wanted, **more), live=None)


def awaits_switch(serial):
    return has("0a", pending=contracts.awaiting(serial=serial, not_after=utc(END + DAY)))


def planned(*items, now=FRESH, forced=False, elsewhere=(), record=(), replaced=None):
    items = [replace(item, host=f"web{number}") for number, item in enumerate(items, 1)]
    elsewhere = [replace(item, host=f"before{number}") for number, item in enumerate(elsewhere, 1)]
    made, before = (
        decide_all(*of, now=now, is_forced=force, is_selected=replaced if force is forced else None)
        for of, force in ((items, forced), (elsewhere, False))
    )
    return shared_certificates.share(made, before, lambda: record, SINCE if replaced else "")


SINCE = "2026-10-10T00:00:00Z"


def issued(
    serial, not_after=END, time="2026-10-01T00:00:00Z", name="shop", identifiers=("shop.example", "www.shop.example")
):
    """Return a line of the controller's record."""
    return RecordedCertificate(
        time, "web1", name, serial, utc(not_after), CA, ACCOUNT, identifiers, f"PEM {serial}", f"CHAIN {serial}"
    )


LONG = {"not_after": utc(END + 9000 * DAY)}


def actions(result):
    return [
        f"{item.decision.action} {item.share.serial or 'new'} {item.share.giver}"
        if item.share
        else f"{item.decision.action} {item.decision.reason}".strip()
        for item in result
    ]


UNREADY = {"problems": ["home /etc/acme cannot be written"]}


@pytest.mark.parametrize(
    ("items", "options", "expected"),
    [
        ([lacks(), lacks(), lacks()], {}, ["issue missing", "receive new web1", "receive new web1"]),
        ([has(), has(), has()], {}, ["keep", "keep", "keep"]),
        ([has(), has(), has()], {"now": DUE}, ["issue lifetime", "receive new web1", "receive new web1"]),
        ([has(), has()], {"forced": True}, ["issue forced", "receive new web1"]),
        ([lacks(), has(), has()], {}, ["receive 0a web2", "keep", "keep"]),
        ([has(live={"missing": ["chain.pem"]}), has()], {}, ["receive 0a web2", "keep"]),
        ([has(live={"damaged": ["privkey.pem"]}), has()], {}, ["receive 0a web2", "keep"]),
        # The certificate of one host is due, so all are due.
        ([lacks(), has()], {"now": DUE}, ["issue missing", "receive new web1"]),
        # The one that expires last is chosen; among equal ones, that of the first host.
        ([has("0a"), has("0b", live={"not_after": utc(END + DAY)})], {}, ["receive 0b web2", "keep"]),
        ([has("0a"), has("0b"), has("0b")], {}, ["keep", "receive 0a web1", "receive 0a web1"]),
        # The new one of a single host replaces the old one of the others.
        (
            [has("0a"), has("0b", live={"not_before": utc(DUE), "not_after": utc(DUE + 90 * DAY)})],
            {"now": DUE},
            ["receive 0b web2", "keep"],
        ),
        ([has("0a", live={"reloaded": False}), has("0a")], {}, ["repair reload outstanding", "keep"]),
        ([lacks(), has("0a", live={"reloaded": False})], {}, ["receive 0a web2", "repair reload outstanding"]),
        # A version that only awaits its switch is given on, and switched to.
        ([has("0a"), awaits_switch("0b")], {}, ["receive 0b web2", "switch switch outstanding"]),
        ([has("0a"), has("0a", wanted=OTHER)], {}, ["refuse", "refuse"]),
        ([has("0a"), lacks({"key_type": "rsa2048"})], {}, ["refuse", "refuse"]),
        ([has("0a"), lacks({"profile": "short"})], {}, ["refuse", "refuse"]),
        # The same names in another order are the same.
        ([has("0a"), lacks({"identifiers": ["www.shop.example", "shop.example"]})], {}, ["keep", "receive 0a web1"]),
        # A host that cannot receive it makes no key either.
        ([lacks(**UNREADY), lacks(), lacks()], {}, ["refuse missing", "issue missing", "receive new web2"]),
        ([lacks(**UNREADY), has()], {}, ["refuse missing", "keep"]),
        ([has("0a"), lacks(invalid=["no"])], {}, ["keep", "refuse"]),
        # An order that a killed run left is finished by its host: it has the key.
        ([lacks(), lacks(pending=contracts.pending())], {}, ["receive new web2", "issue missing"]),
        ([lacks(), lacks(pending=contracts.pending(order_uri=None))], {}, ["issue missing", "receive new web1"]),
        ([lacks()], {}, ["issue missing"]),
        # Hosts of earlier batches give, and get nothing.
        ([lacks(), lacks()], {"elsewhere": [has()]}, ["receive 0a before1", "receive 0a before1"]),
        ([has(), lacks()], {"elsewhere": [has()]}, ["keep", "receive 0a before1"]),
        ([has("0a")], {"elsewhere": [has("0b")], "forced": True}, ["receive 0b before1"]),
        ([has("0a")], {"elsewhere": [has("0a")], "forced": True}, ["issue forced"]),
        ([lacks(), lacks()], {"elsewhere": [lacks()]}, ["issue missing", "receive new web1"]),
        ([lacks()], {"elsewhere": [has(wanted=OTHER, live=OTHER)]}, ["refuse"]),
        ([lacks()], {"elsewhere": [replace(has(), wanted=found().wanted)]}, ["issue missing"]),
    ],
)
def test_share_action_of_each_host(items, options, expected):
    assert actions(planned(*items, **options)) == expected


@pytest.mark.parametrize(
    ("items", "options", "expected"),
    [
        # A host claims one that nobody issued and that is good for longest.
        (
            [has("0a"), has("0a"), has("bad", live=LONG)],
            {"record": [issued("0a")]},
            ["keep", "keep", "receive 0a web1"],
        ),
        ([lacks(), has("bad", live=LONG), has("0a")], {"record": [issued("0a")]}, ["receive 0a web3"] * 2 + ["keep"]),
        # It claims that an issued one is good for longer than it is.
        (
            [has("0a"), has("0b", live=LONG)],
            {"record": [issued("0b", END - DAY), issued("0a", END)]},
            ["keep", "receive 0a web1"],
        ),
        # All others have one that is due: there is a new order, and not what one claims.
        (
            [has("0a"), has("bad", live={"not_before": utc(DUE), **LONG})],
            {"record": [issued("0a")], "now": DUE},
            ["issue lifetime", "receive new web1"],
        ),
        # A record that has none of what they use is another's, or of another certificate: their word counts.
        ([has("0a"), has("0b", live=LONG)], {"record": [issued("0c")]}, ["receive 0b web2", "keep"]),
        ([has("0a"), has("0b", live=LONG)], {"record": [issued("0a", name="x")]}, ["receive 0b web2", "keep"]),
        (
            [has("0a"), has("0b", live=LONG)],
            {"record": [issued("0a", identifiers=("x.example",))]},
            ["receive 0b web2", "keep"],
        ),
    ],
)
def test_share_with_a_record_no_other_certificate_is_given(items, options, expected):
    assert actions(planned(*items, **options)) == expected


def test_share_replaced_is_given_by_no_host_that_claims_a_new_key():
    """It would keep all that share it on a key that is known."""
    record = [issued("0a"), issued("0b")]
    liar = has("0b", live=LONG)
    plans = planned(has("0a"), has("0a"), liar, record=record, replaced=lambda item: item.host != "web3")
    assert actions(plans)[1:] == ["receive new web1", "receive new web1"]
    assert plans[0].decision.action == "issue"
    record[1] = issued("0b", time=SINCE)
    plans = planned(has("0a"), has("0a"), liar, record=record, replaced=lambda item: item.host != "web3")
    assert actions(plans)[:2] == ["receive 0b web3"] * 2


def test_share_all_have_the_same_reads_no_record():
    made = decide_all(*(replace(has(), host=host) for host in ("web1", "web2")))
    assert actions(shared_certificates.share(made, (), pytest.fail)) == ["keep", "keep"]


def test_shares_certificate_and_chain_are_the_record_s():
    (share,) = shared_certificates.shares(planned(lacks(), has("0a"), record=[issued("0a")]))
    of_record = {"certificate": "PEM 0a", "chain": "CHAIN 0a", "created": "2026-10-01T00:00:00Z"}
    known = {"giver": "web2", "hosts": ["web1"], "serial": "0a", "directory": CA, "account_uri": ACCOUNT}
    assert share == contracts.share(**known, **of_record)
    (share,) = shared_certificates.shares(planned(lacks(), has("0a")))
    assert share == contracts.share(**known)


def test_share_other_certificates_are_unchanged():
    assert actions(planned(found(live=None), lacks(), found(live={"serial": "0a"}))) == [
        "issue missing",
        "issue missing",
        "keep",
    ]
    other = replace(lacks(), name="mail")
    assert actions(planned(lacks(), other, lacks(), other)) == [
        "issue missing",
        "issue missing",
        "receive new web1",
        "receive new web2",
    ]


def test_share_different_terms_are_refused_with_host():
    refused = planned(has(), has(), has(wanted={"key_type": "rsa2048"}))[0].decision
    assert refused.message == (
        "it is shared, but key_type differs between web1 and web3: give it the same on all hosts, or another name"
    )


def test_share_received_certificate_has_giver_and_serial():
    receiver = planned(lacks(), has())[0]
    known = {"giver": "web2", "serial": "0a", "directory": CA, "account_uri": ACCOUNT}
    assert receiver.share == contracts.share(hosts=[], **known)
    assert receiver.line() == "web1: certificate shop: receive (missing: from web2)"
    assert shared_certificates.shares([receiver]) == [contracts.share(hosts=["web1"], **known)]


def test_share_order_can_wait_only_if_all_hosts_can():
    result = planned(has(), has(), now=DUE)
    assert [item.decision.can_wait for item in result] == [True, True]
    assert [item.decision.can_wait for item in planned(has(), lacks(), now=DUE)] == [False, False]
    assert [item.decision.can_wait for item in planned(has(), has(), now=URGENT)] == [False, False]


def test_share_order_replaces_certificate_of_any_host():
    result = planned(lacks(), has(live={"ari_id": "c.d"}), now=DUE)
    assert [item.replaces_ari_id for item in result] == ["c.d", None]


def test_postpone_receivers_without_order_nobody_receives():
    result = [plan.without_ca(item, "down") for item in planned(has(), has(), now=DUE)]
    assert actions(shared_certificates.postpone_receivers(result)) == ["keep lifetime", "keep lifetime"]
    result = [plan.without_ca(item, "down") for item in planned(has(), lacks(), now=DUE)]
    settled = shared_certificates.postpone_receivers(result)
    assert actions(settled) == ["refuse lifetime", "refuse missing"]
    assert {item.decision.message for item in settled} == {"down"}
    assert shared_certificates.shares(settled) == []


def test_postpone_receivers_existing_certificate_is_received():
    result = [plan.without_ca(item, "down") for item in planned(lacks(), has())]
    assert actions(shared_certificates.postpone_receivers(result)) == ["receive 0a web2", "keep"]
