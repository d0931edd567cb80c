# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wiring between the role's steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import JOURNAL_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.order_options import ORDER_SPEC, PREPARED_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._common.schema import Malformed
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action, FailureKind, Status
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import flow, txt
from tests.unit import contracts
from tests.unit.contracts import ACCOUNT, DIRECTORY, ORDER, PEM
from tests.unit.steps.batches import REQUESTED, of_web1

OTHER = "https://other.example/directory"
ORDERED = contracts.ordered()


def facts(found=None, **variables):
    """Return the variables of a host that was looked at."""
    return {"_acme_found": {"certificates": [(found or contracts.found(host=None)).to_result()]}, **variables}


def plan(*decided, **more):
    given = {"directory": DIRECTORY, "directories": [DIRECTORY], "due": ["web1"]}
    return {**given, **of_web1(*(decided or [contracts.decided()])), **more}


def test_host_certificates_adds_the_host_and_skips_hosts_without_a_result():
    hostvars = {"web1": facts(), "web2": {}, "web3": {"_acme_found": {"unreachable": True}}}
    assert [(item["host"], item["name"]) for item in flow.host_certificates(["web1", "web2", "web3"], hostvars)] == [
        ("web1", "shop")
    ]


def test_orders_of_issued_certificates_with_order_of_journal():
    found = contracts.found({"not_after": "+30d"}, None, host=None, pending=contracts.pending())
    the_plan = plan(contracts.decided(can_wait=True), contracts.decided(Action.REPAIR, name="mail"))
    (order,) = flow.orders(the_plan, {"web1": facts(found)})
    assert order.to_result() == {
        "host": "web1",
        "name": "shop",
        "identifiers": ["shop.example", "www.shop.example"],
        "challenge": "http-01",
        "not_after": "+30d",
        "can_wait": True,
        "order_uri": ORDER,
        "account_uri": ACCOUNT,
        "directory": DIRECTORY,
    }


def test_orders_are_options_of_acme_order():
    """With all that an order may have."""
    found = contracts.found(
        {"profile": "p", "not_before": "+1d", "not_after": "+30d"},
        host=None,
        pending=contracts.pending(profile="p"),
    )
    decided = contracts.decided(replaces_ari_id="a.b", not_first="the first is down", other_directories=(OTHER,))
    (order,) = flow.orders(plan(decided), {"web1": facts(found)}, is_forced=True)
    assert set(order.to_result()) == set(ORDER_SPEC)


@pytest.mark.parametrize("is_forced", [True, False])
def test_orders_forced_have_the_journaled_order_and_are_marked(is_forced):
    """acme_order gives a finalized order up: it removes what answered its challenges."""
    found = contracts.found(pending=contracts.pending())
    (order,) = flow.orders(plan(), {"web1": facts(found)}, is_forced)
    assert (order.order_uri, order.forced) == (ORDER, is_forced or None)


@pytest.mark.parametrize(
    ("failed", "is_stuck"),
    [
        ({"count": 5}, None),
        ({"count": 6}, True),
        # The order that was made then has its turn.
        ({"count": 7}, None),
        ({"count": 12}, True),
        ({"count": 6, "digest": "0f"}, None),
        ({"count": 6, "kind": FailureKind.VALIDATION}, None),
        ({"count": 6, "directory": OTHER}, None),
    ],
)
def test_orders_of_a_ca_that_fails_again_and_again_are_not_all_resumed(failed, is_stuck):
    recorded = contracts.failed(**{"kind": FailureKind.CA, "digest": "5e", **failed})
    found = contracts.found(pending=contracts.pending(), failed=[recorded])
    (order,) = flow.orders(plan(contracts.decided(digest="5e")), {"web1": facts(found)})
    assert order.forced is is_stuck


def test_orders_at_other_ca_are_resumed_there():
    found = contracts.found(live={"account_uri": f"{ACCOUNT}2"}, pending=contracts.pending(directory=OTHER))
    (order,) = flow.orders(plan(directories=[DIRECTORY, OTHER]), {"web1": facts(found)})
    assert (order.order_uri, order.directory) == (ORDER, OTHER)
    assert (order.replaces_directory, order.replaces_account) == (DIRECTORY, f"{ACCOUNT}2")


@pytest.mark.parametrize(
    ("pending", "planned", "expected"),
    [
        (None, None, (None, None)),
        (None, OTHER, (None, OTHER)),
        # The plan knows the journal; if it says nothing, the order is resumed where it is.
        (contracts.pending(), None, (ORDER, DIRECTORY)),
        (contracts.pending(), OTHER, (ORDER, OTHER)),
        (contracts.pending(directory=OTHER), DIRECTORY, (ORDER, DIRECTORY)),
    ],
)
def test_orders_go_to_the_ca_of_the_plan(pending, planned, expected):
    decided = contracts.decided(directory=planned, not_first="it failed there")
    (order,) = flow.orders(
        plan(decided, directories=[DIRECTORY, OTHER]), {"web1": facts(contracts.found(pending=pending))}
    )
    assert (order.order_uri, order.directory) == expected
    assert order.not_first == "it failed there"


@pytest.mark.parametrize(
    ("pending", "order_uri"),
    [
        (contracts.pending(), ORDER),
        (contracts.pending(profile=""), ORDER),
        (contracts.pending(order_uri=""), None),
        # acme_order compares these: it names what is left of that order, to be removed.
        (contracts.pending(identifiers=["old.example"]), ORDER),
        (contracts.pending(key_type="rsa2048"), None),
        (contracts.pending(profile="shortlived"), None),
        (contracts.pending(directory=OTHER), None),
        (contracts.awaiting(), None),
        (None, None),
    ],
)
def test_orders_resumed_only_if_terms_match(pending, order_uri):
    (order,) = flow.orders(plan(), {"web1": facts(contracts.found(pending=pending))})
    assert order.order_uri == order_uri


@pytest.mark.parametrize(
    ("status", "stands"),
    [(Status.PENDING, True), (Status.VALID, True), (Status.FAILED, False), (Status.DEFERRED, False)],
)
def test_journal_has_usable_orders_only(status, stands):
    ordered = of_web1(contracts.ordered(status=status))
    certificates = [{"name": "shop"}, {"name": "other"}]
    assert flow.ordered_entries(certificates, ordered, "web1") == ([{"name": "shop"}] if stands else [])
    journal = {"name": "shop", "order_uri": ORDER, "account_uri": ACCOUNT, "directory": DIRECTORY}
    assert flow.journal(ordered, "web1", plan()) == ([{**journal, "new_key": False}] if stands else [])
    assert flow.journal(ordered, "web2", plan()) == []
    selected = plan(contracts.decided(selected=True))
    assert flow.journal(ordered, "web1", selected) == ([{**journal, "new_key": True}] if stands else [])
    assert set(journal) | {"new_key"} == set(JOURNAL_SPEC)


def test_journal_check_mode_has_empty_url():
    (item,) = flow.journal(of_web1(contracts.ordered(order_uri=None)), "web1", plan())
    assert item["order_uri"] == ""


@pytest.mark.parametrize(
    ("before", "created", "order_uri"),
    [
        ("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", ORDER),
        ("2026-06-01T00:00:00Z", "2026-05-31T23:59:59Z", None),
        ("2026-06-01T00:00:00Z", None, None),
        # By serial numbers alone it is not known when the key was made.
        ("", "2026-06-01T00:00:00Z", None),
    ],
)
def test_orders_replacement_does_not_resume_with_old_key(before, created, order_uri):
    the_plan = plan(contracts.decided(selected=True), replacing={"before": before})
    found = contracts.found(pending=contracts.pending(created=created))
    (order,) = flow.orders(the_plan, {"web1": facts(found)})
    assert order.order_uri == order_uri


def test_challenges_of_one_host_or_of_all():
    ordered = {"hosts": {host: [contracts.ordered(host=host).to_result()] for host in ("web1", "web2")}}
    hostvars = {"web1": facts(), "web2": facts()}
    challenge = contracts.challenge(name="shop", webroot="/var/www")
    assert flow.challenges(ordered, hostvars, "web1") == [challenge]
    assert flow.challenges(ordered, hostvars) == [challenge, challenge]
    assert flow.challenges({"msg": "the CA is down"}, hostvars, "web1") == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({}, ("/var/www", None)),
        ({"identifiers": [{"value": "shop.example", "webroot": "/srv/a"}]}, ("/srv/a", None)),
        ({"http_01_listen": "80"}, ("/var/www", None)),
        ({"webroot": None, "http_01_listen": "[::1]:80"}, (None, "[::1]:80")),
    ],
)
def test_challenges_http_01_by_webroot_or_listener(change, where):
    (challenge,) = flow.challenges(of_web1(ORDERED), {"web1": facts(contracts.found(change))}, "web1")
    assert (challenge.webroot, challenge.listen) == where


def with_challenges(*changes):
    return of_web1(contracts.ordered(challenges=[contracts.challenge(**change) for change in changes]))


def test_challenges_tls_alpn_01_by_listener_and_dns_by_no_host():
    ordered = with_challenges({"type": "tls-alpn-01"}, {"type": "dns-01"}, {"type": "dns-persist-01"})
    (challenge,) = flow.challenges(ordered, {"web1": facts()}, "web1")
    assert (challenge.type, challenge.listen) == ("tls-alpn-01", "443")


def test_challenges_stale_one_is_removed_only():
    ordered = with_challenges({"token": "new"}, {"token": "old", "status": Status.STALE})
    hostvars = {"web1": facts()}
    assert [item.token for item in flow.challenges(ordered, hostvars, "web1")] == ["new"]
    assert [item.token for item in flow.challenges(ordered, hostvars, "web1", stale=True)] == ["new", "old"]


@pytest.mark.parametrize(
    ("requested", "goes_on"),
    [
        (REQUESTED, True),
        ({**REQUESTED, "ready": []}, False),
        ({**REQUESTED, "requests": []}, False),
        ({"unreachable": True}, False),
        ({}, False),
    ],
)
def test_finalizable_host_ready_only(requested, goes_on):
    result = flow.finalizable(of_web1(ORDERED), {"web1": facts(_acme_request=requested)})
    assert result == ([replace(ORDERED, csr_content=PEM)] if goes_on else [])
    assert all(set(order.to_result()) == set(PREPARED_SPEC) - {"problem"} for order in result)


def test_finalizable_leaves_out_orders_whose_records_are_not_in_place():
    ordered, problems = of_web1(ORDERED), {"web1": {"shop": "ns1 lacks the record"}}
    hostvars = {"web1": facts(_acme_request=REQUESTED)}
    assert flow.finalizable(ordered, hostvars, problems) == []
    assert len(flow.finalizable(ordered, hostvars, {"web2": problems["web1"]})) == 1


@pytest.mark.parametrize(
    "said",
    [{"ready": 5}, {"ready": [{}, "shop"], "requests": [5, {"name": []}]}, {"ready": "shop", "requests": {"name": 1}}],
)
def test_finalizable_malformed_answer_of_a_host_stops_no_other(said):
    ordered = {"hosts": {host: [contracts.ordered(host=host).to_result()] for host in ("web1", "web2")}}
    hostvars = {"web1": facts(_acme_request=said), "web2": facts(_acme_request=REQUESTED)}
    assert [order.host for order in flow.finalizable(ordered, hostvars)] == ["web2"]
    txt.txt_records(ordered, hostvars, "set")


def test_unlisted_by_host():
    hostvars = {"web1": {"_acme_found": {"unlisted": ["old"]}}, "web2": {"_acme_found": {"unlisted": []}}, "web3": {}}
    assert flow.unlisted(["web1", "web2", "web3"], hostvars) == {"web1": ["old"]}


def test_ordered_entries_are_without_formats():
    listed = [{"name": "shop", "webroot": "/srv", "formats": [{"passphrase": "x"}]}]
    assert flow.ordered_entries(listed, of_web1(ORDERED), "web1") == [{"name": "shop", "webroot": "/srv"}]


@pytest.mark.parametrize("of", [flow.decisions, flow.orders_of])
def test_results_malformed_one_of_controller_raises(of):
    """Otherwise its host would succeed without its certificate."""
    with pytest.raises(Malformed, match="name is missing"):
        of({"hosts": {"web1": [{"status": "valid"}]}}, "web1")
