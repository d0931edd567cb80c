# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof of new versions: one that fails is rolled back, in the right order, and the next run switches to it again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import ServiceError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.inspection import inspect
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.rollout import Rollout
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import history, read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.versions import Versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.endpoints import Endpoint
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.formats import COMBINED, Format
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.reloads import COMMAND, NOTIFY, SERVICE, Reload
from tests.unit.host import ca, host
from tests.unit.host.host import ORDER, ORDER_2, WANTED
from tests.unit.host.rollouts import to_do, valid

NGINX, POSTFIX = Reload(SERVICE, "nginx"), Reload(SERVICE, "postfix")
WEB = Endpoint("localhost", 443, "shop.example", None, 30)
SHOP = replace(WANTED, probes=(WEB,))
MAIL = replace(WANTED, name="mail", identifiers=["mail.example"], reloads=(POSTFIX, NGINX))


class Host:
    """Services that record their commands, and the version that was live then. *broken*: (command, service)."""

    def __init__(self, home, *broken):
        self.home = home
        self.broken = set(broken)
        self.calls = []

    def test(self, entry):
        self._do("test", str(entry))

    def reload(self, entry):
        self._do("reload", str(entry))

    def probe(self, wanted):
        problems = []
        for endpoint, pem in wanted:
            assert pem == (self.home / "live" / "shop" / "cert.pem").read_bytes()
            self.calls.append(f"probe {endpoint.port} at {self.live('shop')}")
            problems.append("it serves another" if ("probe", endpoint.port) in self.broken else "")
        return problems

    def live(self, name):
        return read_versions(str(self.home), name).live

    def _do(self, what, entry):
        self.calls.append(f"{what} {entry} at {self.live('shop')}")
        if (what, entry) in self.broken or (what, entry, self.live("shop")) in self.broken:
            raise ServiceError(f"{what} of {entry} failed")


def run(home, on, *results, wanted=None, check=False, handled=()):
    wanted = wanted or {"shop": SHOP}
    rollout = Rollout(str(home), wanted, on, on.probe, ca.NOW, check)
    for item in results:
        rollout.take(item)
    for item in handled:
        rollout.take_handled(item["name"], item["version"])
    rollout.finish()
    return rollout


def renew(home, on, wanted=SHOP, **options):
    """Do a run in which the second version is issued."""
    host.make_live(home, wanted)
    host.prepare(home, wanted, ORDER_2)
    return run(home, on, valid(home, wanted.name), wanted={wanted.name: wanted}, **options)


def serials(home):
    return [host.manifest(home, number)["serial"] for number in ("0001", "0002")]


def test_prove_runs_test_reload_probe_in_order(home):
    on = Host(home)
    done = renew(home, on)
    assert on.calls == ["test nginx at 0002", "reload nginx at 0002", "probe 443 at 0002"]
    assert (done.reloaded, done.failures, on.live("shop")) == (["nginx"], {}, "0002")
    assert not host.outstanding(home)


@pytest.mark.parametrize(
    ("broken", "why", "calls"),
    [
        (("test", "nginx", "0002"), "test of nginx failed", ["test nginx at 0002"]),
        (("reload", "nginx", "0002"), "reload of nginx failed", ["test nginx at 0002", "reload nginx at 0002"]),
        (("probe", 443), "it serves another", ["test nginx at 0002", "reload nginx at 0002", "probe 443 at 0002"]),
    ],
    ids=["test", "reload", "probe"],
)
def test_prove_failure_rolls_back(home, broken, why, calls):
    on = Host(home, broken)
    done = renew(home, on)
    assert on.calls == [*calls, "test nginx at 0001", "reload nginx at 0001"]
    old, new = serials(home)
    assert done.failures == {
        "shop": f"{why}; version 0002 (serial {new}) is rolled back, version 0001 (serial {old}) is live again, "
        "and its services are reloaded; the next run tries version 0002 again"
    }
    assert host.served(home)
    assert not host.outstanding(home)

    # The next run, on a host where the proof succeeds by now.
    (found,) = inspect(str(home), [option()])
    assert found["live"]["serial"] == old
    assert found["pending"]["serial"] == new
    on = Host(home)
    done = run(home, on, to_do("shop", "switch"))
    assert (on.live("shop"), done.failures, done.changed) == ("0002", {}, True)
    assert done.certificates()[0]["reason"] == "switched"
    assert on.calls == ["test nginx at 0002", "reload nginx at 0002", "probe 443 at 0002"]
    assert serials(home) == [old, new]


def test_prove_repeated_failure_changes_nothing(home):
    on = Host(home, ("probe", 443))
    renew(home, on)
    before = host.snapshot(home)
    for _unused in range(2):
        done = run(home, on, to_do("shop", "switch"))
        assert "serial" in done.failures["shop"]
        assert host.snapshot(home) == before


def test_prove_failure_also_of_old_version_is_reported(home):
    on = Host(home, ("test", "nginx"))
    done = renew(home, on)
    assert on.calls == ["test nginx at 0002", "test nginx at 0001"], "a version that failed its test is not reloaded"
    assert "is live again, but test of nginx failed; the next run" in done.failures["shop"]
    assert on.live("shop") == "0001"
    assert host.outstanding(home)
    assert read_versions(str(home), "shop").pending == "0002"


def test_prove_failure_of_first_version_stays_live(home):
    on = Host(home, ("probe", 443))
    host.prepare(home, SHOP, ORDER)
    done = run(home, on, valid(home, "shop"))
    assert done.failures["shop"] == (
        "it serves another; it stays live: no earlier version is still valid, so there is nothing to roll back to"
    )
    assert on.calls == ["test nginx at 0001", "reload nginx at 0001", "probe 443 at 0001"]
    assert host.outstanding(home)
    assert run(home, Host(home), to_do("shop", "repair")).failures == {}
    assert not host.outstanding(home)


@pytest.mark.parametrize("spoil", ["over", "damaged", "gone", "revoked"])
def test_prove_failure_does_not_roll_back_to_invalid_version(home, spoil):
    host.make_live(home, SHOP)
    path = home / "versions" / "shop" / "0001" / "cert.pem"
    if spoil == "damaged":
        path.write_bytes(b"x")
    if spoil == "gone":
        path.unlink()
    if spoil == "revoked":
        Versions(str(home), "shop").note("0001", revoked="2026-11-23T12:00:00Z")
    host.prepare(home, SHOP, ORDER_2)
    host.deploy(home, SHOP)
    now = ca.NOW + (90 * ca.DAY if spoil == "over" else 0 * ca.DAY)
    with pytest.raises(deployment.StateError, match="no earlier version is still valid"):
        host.go_back(home, SHOP, now)
    assert read_versions(str(home), "shop").live == "0002"


def test_prove_failure_after_killed_run_rolls_back(home):
    host.make_live(home, SHOP)
    host.prepare(home, SHOP, ORDER_2)
    host.deploy(home, SHOP)
    on = Host(home, ("probe", 443))
    done = run(home, on, to_do("shop", "repair"))
    assert on.live("shop") == "0001"
    assert "version 0001" in done.failures["shop"]


def test_prove_failure_of_used_version_does_not_roll_back(home):
    """Only a format of the live version was repaired, or its attributes, and the configuration is broken."""
    host.make_live(home, SHOP)
    host.make_live(home, SHOP)
    deployment.unconfirm(str(home), "shop", "0002")
    done = run(home, Host(home, ("test", "nginx")), to_do("shop", "repair"))
    assert done.failures["shop"] == (
        "test of nginx failed; it stays live: version 0002 is not new, its services have used it before"
    )
    assert read_versions(str(home), "shop").live == "0002"
    assert run(home, Host(home), to_do("shop", "repair")).reloaded == ["nginx"]
    assert not host.outstanding(home)


def test_prove_failure_of_rolled_back_version_goes_no_further_back(home):
    """When neither is taken: the run after the next does not go back further."""
    host.make_live(home, SHOP)
    on = Host(home, ("test", "nginx"))
    renew(home, on)
    assert on.live("shop") == "0002"
    done = run(home, on, to_do("shop", "repair"))
    assert "it stays live: version 0002 is not new" in done.failures["shop"]


def test_prove_failure_rolls_back_its_certificates_only(home):
    wanted = {"shop": SHOP, "mail": MAIL}
    for item in wanted.values():
        host.make_live(home, item)
        host.prepare(home, item, ORDER_2)
    on = Host(home, ("test", "postfix"))
    done = run(home, on, *(valid(home, name) for name in wanted), wanted=wanted)
    assert list(done.failures) == ["mail"]
    assert (on.live("shop"), on.live("mail")) == ("0002", "0001")
    assert done.reloaded == ["nginx"]
    assert not host.outstanding(home)
    assert on.calls.count("reload nginx at 0002") == 2, "once for each of the two that were rolled back"
    assert "reload postfix at 0002" not in on.calls


def test_prove_several_certificates_share_test_and_reload(home):
    wanted = {name: replace(WANTED, name=name, reloads=(NGINX, POSTFIX)) for name in ("shop", "a", "b")}
    for item in wanted.values():
        host.prepare(home, item, ORDER)
    on = Host(home)
    run(home, on, *(valid(home, name) for name in wanted), wanted=wanted)
    assert on.calls == [f"{what} {name} at 0001" for what in ("test", "reload") for name in ("nginx", "postfix")]


def test_prove_service_with_several_options_is_reloaded_once(home):
    ways = {
        "shop": (NGINX,),
        "a": (NGINX._replace(test=("nginx", "-T")), NGINX),
        "b": (NGINX._replace(timeout=5),),
    }
    wanted = {name: replace(WANTED, name=name, reloads=reloads) for name, reloads in ways.items()}
    for item in wanted.values():
        host.prepare(home, item, ORDER)
    on = Host(home)
    done = run(home, on, *(valid(home, name) for name in wanted), wanted=wanted)
    assert on.calls == ["test nginx at 0001", "test nginx at 0001", "reload nginx at 0001"]
    assert done.reloaded == ["nginx"]

    # A failure is reported for all of the certificates, and once for each.
    for item in wanted.values():
        host.prepare(home, item, ORDER_2)
    done = run(home, Host(home, ("reload", "nginx")), *(valid(home, name) for name in wanted), wanted=wanted)
    assert sorted(done.failures) == ["a", "b", "shop"]
    for said in done.failures.values():
        assert said.startswith("reload of nginx failed; version 0002")


@pytest.fixture
def combined(quick_path):
    """Return a certificate with one format."""
    item = Format(COMBINED, str(quick_path / "shop.pem"), Attributes(0o600))
    return replace(SHOP, formats=(item,))


def test_prove_failure_message_has_earlier_problem(home, quick_path, combined):
    host.make_live(home, combined)
    host.prepare(home, combined, ORDER_2)
    (quick_path / "shop.pem").unlink()
    (quick_path / "shop.pem").mkdir()
    done = run(home, Host(home, ("test", "nginx", "0002")), valid(home, "shop"), wanted={"shop": combined})
    assert re.fullmatch(
        r"cannot write \S+/shop\.pem: Is a directory; test of nginx failed; version 0002 .* is live again, and "
        r"its services are reloaded, but cannot write \S+/shop\.pem: Is a directory; the next run tries .*",
        done.failures["shop"],
    )


@pytest.mark.parametrize("spoil", ["content", "mode", "nothing"])
def test_prove_check_mode_predicts_reload_for_format(home, quick_path, combined, spoil):
    host.make_live(home, combined)
    if spoil == "content":
        (quick_path / "shop.pem").write_bytes(b"")
    if spoil == "mode":
        (quick_path / "shop.pem").chmod(0o640)
    wanted = {"shop": combined}
    runs = [run(home, Host(home), to_do("shop", "repair"), wanted=wanted, check=check) for check in (True, False)]
    assert [done.reloaded for done in runs] == [["nginx"] if spoil == "content" else []] * 2
    assert [done.changed for done in runs] == [spoil != "nothing"] * 2


def test_prove_check_mode_runs_no_test_and_no_probe(home):
    on = Host(home, ("test", "nginx"), ("probe", 443))
    done = renew(home, on, check=True)
    assert (done.reloaded, done.failures, on.calls, on.live("shop")) == (["nginx"], {}, [], "0001")


def test_prove_check_mode_predicts_switch(home):
    renew(home, Host(home, ("probe", 443)))
    before = host.snapshot(home)
    done = run(home, Host(home), to_do("shop", "switch"), check=True)
    assert (done.changed, done.reloaded) == (True, ["nginx"])
    assert host.snapshot(home) == before


def test_switch_done_by_other_run_changes_nothing(home):
    host.make_live(home, SHOP)
    done = run(home, Host(home), to_do("shop", "switch"))
    assert (done.changed, done.failures, done.certificates()) == (False, {}, [])


@pytest.mark.parametrize("spoil", ["certificate", "clock", "chain"])
def test_switch_verifies_version_again(home, spoil):
    renew(home, Host(home, ("probe", 443)))
    if spoil == "chain":  # whole, but not its own
        other = ca.pem(ca.Authority.root().certificate).encode()
        folder = home / "versions" / "shop" / "0002"
        (folder / "chain.pem").write_bytes(other)
        manifest = json.loads((folder / "version.json").read_text())
        manifest["files"]["chain.pem"] = hashlib.sha256(other).hexdigest()
        (folder / "version.json").write_text(json.dumps(manifest))
        with pytest.raises(deployment.CertificateError, match="has a gap"):
            deployment.switch(str(home), SHOP, ca.NOW, False)
        assert read_versions(str(home), "shop").live == "0001"
        return
    if spoil == "certificate":
        (home / "versions" / "shop" / "0002" / "cert.pem").write_bytes(b"x")
        assert deployment.switch(str(home), SHOP, ca.NOW, False) is None
    else:
        with pytest.raises(deployment.CertificateError, match="expired at"):
            deployment.switch(str(home), SHOP, ca.NOW + 90 * ca.DAY, False)
    assert read_versions(str(home), "shop").live == "0001"


def test_prove_command_is_run_as_reload(home):
    command = Reload(COMMAND, ("systemctl", "kill", "-s", "HUP", "x"))
    on = Host(home)
    done = renew(home, on, replace(SHOP, reloads=(command,), probes=()))
    assert done.reloaded == ["systemctl kill -s HUP x"]


def test_prove_handler_is_returned_only(home):
    on = Host(home)
    done = renew(home, on, replace(SHOP, reloads=(Reload(NOTIFY, "restart it"),), probes=()))
    assert (done.notify, done.reloaded, on.calls) == (["restart it"], [], [])


HANDLED = replace(WANTED, reloads=(Reload(NOTIFY, "restart it"), NGINX))
RAN = {"name": "shop", "version": "0002"}


def test_prove_handlers_not_run_leave_reload_outstanding(home):
    """Whatever keeps them from it, the next run notifies them again."""
    done = renew(home, Host(home), HANDLED)
    for _unused in range(2):
        assert (done.notify, done.reloaded, done.after_handlers) == (["restart it"], ["nginx"], [RAN])
        assert host.outstanding(home)
        done = run(home, Host(home), to_do("shop", "repair"), wanted={"shop": HANDLED})

    on = Host(home)
    before = host.snapshot(home)
    assert run(home, on, handled=[RAN], wanted={"shop": HANDLED}, check=True).changed
    assert host.snapshot(home) == before
    noted = run(home, on, handled=[RAN], wanted={"shop": HANDLED})
    assert (noted.changed, noted.notify, noted.after_handlers, on.calls) == (True, [], [], [])
    assert not host.outstanding(home)
    assert not run(home, on, handled=[RAN], wanted={"shop": HANDLED}).changed


def test_prove_handlers_confirm_their_version_only(home):
    """Another run has put its own in place since, whose handlers are yet to run."""
    renew(home, Host(home), HANDLED)
    third_by_another_run(home, HANDLED)
    assert not run(home, Host(home), handled=[RAN], wanted={"shop": HANDLED}).changed
    assert host.outstanding(home)


def test_prove_check_mode_names_handlers(home):
    done = renew(home, Host(home), HANDLED, check=True)
    assert (done.notify, done.after_handlers) == (["restart it"], [RAN])
    assert not run(home, Host(home), handled=[RAN], wanted={"shop": HANDLED}, check=True).changed


def test_prove_handlers_of_failed_host_are_notified_by_next_run(home):
    """On a host that fails no handler runs."""
    wanted = {"shop": replace(WANTED, reloads=(Reload(NOTIFY, "restart it"),)), "mail": MAIL}
    for item in wanted.values():
        host.prepare(home, item, ORDER)
    run(home, Host(home, ("reload", "postfix")), *(valid(home, name) for name in wanted), wanted=wanted)
    assert host.outstanding(home)
    done = run(home, Host(home), *(to_do(name, "repair") for name in wanted), wanted=wanted)
    assert (done.notify, done.failures) == (["restart it"], {})


def test_prepare_replaces_version_that_awaits_its_switch(home):
    """The renewal is forced, or names have changed: the journal never has one's files and another's order."""
    renew(home, Host(home, ("probe", 443)))
    third = host.JournaledOrder("https://ca.example/order/3", host.ACCOUNT)
    assert host.prepare(home, SHOP, ORDER_2).reused, "each version keeps its own order"
    assert host.prepare(home, SHOP, third, check=True).version is None
    assert host.prepare(home, SHOP, third).version == "0003"
    assert "files" not in host.manifest(home, "0003")


def test_prove_failed_version_is_kept_for_revocation(home):
    """Such a version is neither rolled back to nor kept for longer than others."""
    renew(home, Host(home, ("probe", 443)))
    for number in "3", "4":
        host.prepare(home, SHOP, host.JournaledOrder(f"https://ca.example/order/{number}", host.ACCOUNT), new_key=True)
    assert host.versions(home) == ["0001", "0002", "0004"], "the third order's version has no certificate"
    assert [item["serial"] for item in history(str(home), "shop")] == serials(home)

    done = run(home, Host(home, ("probe", 443)), valid(home, "shop"))
    assert "version 0001 (serial" in done.failures["shop"]
    assert (read_versions(str(home), "shop").live, read_versions(str(home), "shop").pending) == ("0001", "0004")
    assert run(home, Host(home), to_do("shop", "switch")).failures == {}
    assert (read_versions(str(home), "shop").live, read_versions(str(home), "shop").pending) == ("0004", None)
    host.confirm(home, keep=2)
    assert host.versions(home) == ["0002", "0004"]


# --- another run at the same time


def third_by_another_run(home, wanted=SHOP):
    """Make a version as another run would."""
    host.prepare(home, wanted, host.JournaledOrder("https://ca.example/order/3", host.ACCOUNT))
    host.deploy(home, wanted)


class Overtaken(Host):
    """Another run deploys its own version while this one does *step*; all that this one tests is broken."""

    def __init__(self, home, step, other):
        super().__init__(home, ("test", "nginx", "0003"), ("reload", "nginx", "0003"), ("probe", 443))
        self.step = step
        self.other = other

    def probe(self, wanted):
        self._come_in("probe")
        return ["it serves another"] * len(wanted)

    def _do(self, what, entry):
        self._come_in(what)
        super()._do(what, entry)

    def _come_in(self, what):
        if what == self.step:
            self.step = ""
            self.other(self.home)


@pytest.mark.parametrize("step", ["test", "reload", "probe"])
def test_prove_version_of_other_run_is_neither_rolled_back_nor_confirmed(home, step):
    done = renew(home, Overtaken(home, step, third_by_another_run))
    assert done.failures == {}
    assert read_versions(str(home), "shop").live == "0003"
    assert host.outstanding(home), "that run proves it"
    assert host.versions(home) == ["0001", "0002", "0003"]


BY_ANOTHER = "it serves another; it stays live: another run has made version {} the live one"


def test_prove_version_of_other_run_for_other_names_fails(home):
    done = renew(home, Overtaken(home, "probe", lambda home: third_by_another_run(home, host.OTHER)))
    assert done.failures["shop"] == BY_ANOTHER.format("0003")
    assert read_versions(str(home), "shop").live == "0003"


def test_prove_rolled_back_by_other_run_fails(home):
    done = renew(home, Overtaken(home, "probe", host.go_back))
    assert done.failures["shop"] == BY_ANOTHER.format("0001")
    assert read_versions(str(home), "shop").live == "0001"
    assert not host.outstanding(home)


def test_prove_confirmed_by_other_run_is_not_rolled_back(home):
    done = renew(home, Overtaken(home, "probe", host.confirm))
    assert "it stays live: version 0002 is not new, its services have used it before" in done.failures["shop"]
    assert read_versions(str(home), "shop").live == "0002"


def test_prove_later_version_of_other_run_is_not_confirmed(home, monkeypatch):
    on = Host(home)
    monkeypatch.setattr(on, "probe", lambda wanted: third_by_another_run(home) or [""] * len(wanted))
    assert renew(home, on).failures == {}
    assert read_versions(str(home), "shop").live == "0003"
    assert [host.manifest(home, number)["reloaded"] for number in ("0002", "0003")] == [False, False]


def option():
    return {
        "name": "shop",
        "identifiers": WANTED.identifiers,
        "challenge": "http-01",
        "webroot": os.getcwd(),
        "http_01_listen": None,
        "tls_alpn_01_listen": "443",
        "key_type": "ec256",
        "profile": None,
        "reload": ["nginx"],
        "probe": [],
        "formats": [],
        "owner": None,
        "group": None,
        "mode": "0640",
    }
