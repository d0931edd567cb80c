# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's last step: effects of each result, reloads of services, and work left to the next run."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.x509 import load_pem_x509_certificate

from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.module_utils._host.challenges.webroot import WebrootResponse
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import clocks, key_transfer
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import ValidityError
from tests.unit.host import ca, host
from tests.unit.host.host import ORDER, WANTED
from tests.unit.host.rollouts import BOTH, MAIL, Services, result, rollout, to_do, valid


def prepared(home, *wanted):
    for item in wanted:
        host.prepare(home, item, ORDER)


def test_rollout_each_service_is_reloaded_once(home):
    prepared(home, WANTED, MAIL)
    services = Services()
    run = rollout(home, BOTH, services=services)
    for name in BOTH:
        run.take(valid(home, name))
    run.finish()
    assert run.reloaded == services.reloaded == ["nginx", "postfix"]
    assert (run.changed, run.failures, run.warnings) == (True, {}, [])
    assert [item["name"] for item in run.certificates() if item["changed"]] == ["shop", "mail"]
    assert not any(host.outstanding(home, name) for name in BOTH)


def test_rollout_failed_reload_fails_its_certificates_and_is_repeated(home):
    prepared(home, WANTED, MAIL)
    run = rollout(home, BOTH, services=Services("postfix"))
    for name in BOTH:
        run.take(valid(home, name))
    run.finish()
    assert run.reloaded == ["nginx"]
    assert run.failures == {
        "mail": "service postfix could not be reloaded; it stays live: "
        "no earlier version is still valid, so there is nothing to roll back to"
    }
    assert {name: host.outstanding(home, name) for name in BOTH} == {"shop": False, "mail": True}

    services = Services()
    again = rollout(home, BOTH, services=services)
    again.take(to_do("mail", "repair"))
    again.finish()
    assert again.reloaded == services.reloaded == ["postfix", "nginx"]
    assert not host.outstanding(home, "mail")


def test_rollout_unchanged_certificate_reloads_nothing(home):
    host.make_live(home)
    services = Services()
    run = rollout(home, services=services)
    run.take(to_do("shop", "keep"))
    run.take(to_do("shop", "repair"))
    run.finish()
    assert run.reloaded == services.reloaded == []
    assert not run.changed


def test_rollout_drift_is_repaired(home):
    host.make_live(home)
    key = home / "live" / "shop" / "privkey.pem"
    key.chmod(0o600)
    run = rollout(home)
    run.take(to_do("shop", "repair"))
    assert run.changed
    assert "mode 0600 instead of 0640" in run.diff()[0]["after"]
    assert host.key_drift(home, "0001") == []


@pytest.mark.parametrize("status", ["failed", "deferred"])
def test_rollout_receiving_key_is_discarded(home, status):
    key_transfer.await_key(str(home), "shop")
    for check, left in ((True, 1), (False, 0)):
        run = rollout(home, check=check)
        run.take(result("shop", status, problem="web1 makes the key and orders: no", resumable=True))
        assert len(run.failures) == (status == "failed")
        assert len([path for path in host.everything(home) if "receiving" in path]) == left


@pytest.mark.parametrize("status", ["failed", "deferred"])
@pytest.mark.parametrize(
    ("resumable", "order_uri", "kept"),
    [
        (True, ORDER.order_uri, True),
        (False, ORDER.order_uri, False),
        (False, None, False),
        (False, "https://ca.example/order/another", True),
    ],
)
def test_rollout_stopped_order_is_forgotten_unless_resumable(home, status, resumable, order_uri, kept):
    prepared(home, WANTED)
    run = rollout(home)
    run.take(result("shop", status, problem="the CA said no", resumable=resumable, order_uri=order_uri))
    assert run.failures == ({"shop": "the CA said no"} if status == "failed" else {})
    assert (host.manifest(home, "0001")["order_uri"] == ORDER.order_uri) is kept
    assert run.changed is not kept


def another_key_s(good):
    return {**good, "certificate": ca.pem(host.authority().leaf(ca.ec_key().public_key(), WANTED.identifiers))}


def other_names(good):
    leaf = host.authority().leaf(load_pem_x509_certificate(good["certificate"].encode()).public_key(), ["a.example"])
    return {**good, "certificate": ca.pem(leaf)}


def damaged(good):
    return {**good, "certificate": "no PEM"}


def another_chain(good):
    return {**good, "chain": ca.pem(ca.Authority.root().certificate)}


def damaged_chain(good):
    return {**good, "chain": "no PEM"}


@pytest.mark.parametrize("spoil", [damaged, another_chain, damaged_chain])
def test_rollout_invalid_chain_keeps_order(home, spoil):
    """A CA that delivers an invalid chain would get an order in every run."""
    prepared(home, WANTED)
    run = rollout(home)
    run.take({**spoil(valid(home, "shop")), "order_uri": ORDER.order_uri})
    assert list(run.failures) == ["shop"]
    assert host.manifest(home, "0001")["order_uri"] == ORDER.order_uri
    assert not run.changed


@pytest.mark.parametrize("spoil", [another_key_s, other_names])
@pytest.mark.parametrize("check", [False, True])
def test_rollout_unsuitable_certificate_forgets_order(home, spoil, check):
    """Otherwise every later run would download the same one again."""
    prepared(home, WANTED)
    before = host.snapshot(home)
    run = rollout(home, check=check)
    run.take({**spoil(valid(home, "shop")), "order_uri": ORDER.order_uri})
    assert list(run.failures) == ["shop"]
    assert run.changed
    if check:
        assert host.snapshot(home) == before
        return
    assert host.manifest(home, "0001")["order_uri"] is None
    host.make_live(home, order=host.ORDER_2)
    assert host.served(home)


@pytest.mark.parametrize("off", [-2 * ca.DAY, 90 * ca.DAY])
def test_rollout_certificate_not_valid_now_keeps_order(home, off):
    prepared(home, WANTED)
    run = rollout(home, BOTH, now=ca.NOW + off)
    run.take({**valid(home, "shop"), "order_uri": ORDER.order_uri})
    assert run.failures["shop"].endswith("Check the clock")
    assert host.manifest(home, "0001")["order_uri"] == ORDER.order_uri
    assert run.changed
    again = rollout(home, BOTH)
    again.take(to_do("shop", "switch"))
    assert (again.failures, read_versions(str(home), "shop").live) == ({}, "0001")


@pytest.mark.parametrize(
    ("now", "controller", "text"),
    [
        (
            -ca.DAY,
            timedelta(0),
            "is valid from {begin} until {end}, but this host's clock shows 2026-11-22T12",
        ),
        (
            -ca.DAY,
            timedelta(0),
            "it is 24 hours behind the controller's. Set the host's clock; the next run switches",
        ),
        (9 * ca.DAY, timedelta(0), "it is 9 days ahead of the controller's. "),
        (-ca.DAY, None, "the certificate expired, and this host's clock shows"),
        (-ca.DAY, -ca.DAY, "the certificate expired, and this host's clock shows"),
        (-ca.DAY, 9 * ca.DAY, "the certificate expired, and this host's clock shows"),
        (-4 * timedelta(minutes=1), timedelta(0), "the certificate expired, and this host's clock shows"),
    ],
    ids=["dates", "behind", "ahead", "unknown", "the same", "not valid there", "within the tolerance"],
)
def test_explain_names_the_difference_if_the_certificate_is_valid_for_the_controller(now, controller, text):
    begin, end = ca.NOW, ca.NOW + ca.DAY
    error = ValidityError("the certificate expired, and this host's clock shows", "the certificate", begin, end)
    found = clocks.explain(error, ca.NOW + now, None if controller is None else ca.NOW + controller)
    assert text.format(begin=utc(begin), end=utc(end)) in found


def test_rollout_explains_a_wrong_clock_also_for_a_switch(home):
    host.prepare(home, order=ORDER)
    issued = {**valid(home, "shop"), "order_uri": ORDER.order_uri}
    for taken in (issued, to_do("shop", "switch")):
        run = rollout(home, now=ca.NOW + 90 * ca.DAY, controller_time=ca.NOW)
        run.take(taken)
        assert "it is 90 days ahead of the controller's" in run.failures["shop"]


def test_rollout_one_failure_does_not_affect_others(home):
    prepared(home, WANTED, MAIL)
    run = rollout(home, BOTH)
    run.take(result("mail", "valid", certificate="no PEM", chain=""))
    run.take(valid(home, "shop"))
    run.finish()
    assert run.reloaded == ["nginx"]
    assert list(run.failures) == ["mail"]
    assert host.served(home, "shop")
    assert host.served(home, "mail") is None


def test_rollout_deferred_certificate_is_a_warning(home):
    prepared(home, WANTED)
    run = rollout(home)
    run.take(result("shop", "deferred", problem="rate limit", resumable=True))
    assert (run.failures, run.changed) == ({}, False)
    assert run.warnings == ["certificate shop is deferred to a later run: rate limit"]
    assert run.result()["deferred"] == {"shop": "rate limit"}
    assert host.manifest(home, "0001")["order_uri"] == ORDER.order_uri


def test_rollout_check_mode_reports_the_same_and_changes_nothing(home, tmp_path):
    prepared(home, WANTED)
    response = WebrootResponse(str(tmp_path / "www"), "token", "token.thumb")
    (tmp_path / "www" / ".well-known" / "acme-challenge").mkdir(parents=True)
    with open(response.path, "w", encoding="ascii") as file:
        file.write("token.thumb")
    results = [valid(home, "shop")]
    before = host.snapshot(tmp_path)
    services = Services()
    check = rollout(home, check=True, services=services)
    real = rollout(home)
    told = []
    for run in (check, real):
        run.remove([response])
        for item in results:
            run.take(item)
        run.finish()
        told.append((run.changed, run.certificates(), run.diff(), run.reloaded, run.failures, run.warnings))
        if run is check:
            assert host.snapshot(tmp_path) == before
            assert services.reloaded == []
    assert told[0] == told[1]
    assert host.served(home)


def test_rollout_response_that_cannot_be_removed_is_a_warning(home, tmp_path):
    response = WebrootResponse(str(tmp_path), "token", "token.thumb")
    folder = tmp_path / ".well-known" / "acme-challenge" / ".token.aside"
    response.put()
    folder.mkdir()
    run = rollout(home)
    run.remove([response])
    assert run.failures == {}
    assert len(run.warnings) == 1
    assert "cannot remove" in run.warnings[0]
