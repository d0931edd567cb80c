# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that orders refuses what would keep TXT records from being written, before there is an order."""

from __future__ import annotations

from importlib.util import find_spec
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail, AnsibleFileNotFound

from ansible_collections.certfleet.tls.plugins.action import acme_order
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import CertificateOrder
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import flow
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import batch
from tests.unit.steps import steps

LEXICON = {"provider": "lexicon", "name": "powerdns", "options": {"auth_token": "x", "pdns_server": "http://127.0.0.1"}}
WRONG = {**LEXICON, "options": {"token": "SECRET"}}


def options(monkeypatch, challenge, zones, tasks_file="", action=None):
    """Return the options of acme_order for one order of the role."""
    orders = [CertificateOrder("web1", "www", challenge=challenge)]
    monkeypatch.setattr(flow, "orders", lambda plan, results, is_forced: orders)
    action = action or steps.action_of("acme_order")
    action._find_needle = MagicMock(side_effect=AnsibleFileNotFound("no"))
    plan = steps.plan()
    plan["digests"]["acme_dns"] = batch.digest(zones)
    plan["options"]["acme_dns_tasks"] = tasks_file
    registered = {"web1": {"_acme_found": steps.first_step(), "_acme_plan": plan}}
    given = {"acme_directory": "https://ca/dir", "acme_dns": zones}
    return action.arguments_of(
        Run(action._task, action._templar, steps.task_vars("web1", registered, **given)), action._task.args
    )


@pytest.mark.skipif(find_spec("lexicon") is None, reason="dns-lexicon is not installed")
def test_options_wrong_for_library_of_provider_are_refused(monkeypatch):
    with pytest.raises(AnsibleActionFail) as refused:
        options(monkeypatch, "dns-01", {"a.example": LEXICON, "b.example": WRONG})
    assert str(refused.value).startswith(
        "entry 'b.example' of zones (acme_dns): lexicon's provider powerdns has no option 'token'"
    )
    assert "SECRET" not in str(refused.value)


def test_options_missing_tasks_file_is_refused(monkeypatch):
    with pytest.raises(AnsibleActionFail, match=r"^tasks_file \(acme_dns_tasks\): dns.yml does not exist"):
        options(monkeypatch, "dns-01", {}, "dns.yml")


def test_verify_dns_has_the_resolver_of_the_role_and_needs_no_library(monkeypatch):
    asked = []
    monkeypatch.setattr(acme_order.ActionModule, "run_here", lambda _self, _module, given: asked.append(given) or {})
    options(monkeypatch, "dns-01", {"a.example": LEXICON})
    assert [given["resolver"] for given in asked] == [steps.DEFAULTS["acme_dns_resolver"]]
    monkeypatch.setattr(acme_order, "find_spec", lambda _name: None)
    options(monkeypatch, "dns-01", {"a.example": LEXICON})
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("challenge", "zones"), [("http-01", {"b.example": WRONG}), ("dns-01", {"a.example": LEXICON})]
)
def test_options_valid_or_unused_are_accepted(monkeypatch, challenge, zones):
    assert options(monkeypatch, challenge, zones)["orders"][0]["challenge"] == challenge


@pytest.mark.parametrize(("challenge", "seconds"), [("dns-01", 900), ("http-01", 0)])
def test_conclude_has_longest_delay_of_the_entries_that_orders_wait_for(monkeypatch, challenge, seconds):
    monkeypatch.setattr(acme_order.ActionModule, "run_here", lambda *_given: {})
    action = steps.action_of("acme_order")
    entries = {"a.example": {**LEXICON, "delay": "900"}, "b.example": {**LEXICON, "delay": 5}, "c.example": LEXICON}
    options(monkeypatch, challenge, entries, action=action)
    assert action.conclude(Run(action._task, action._templar, steps.task_vars()), {})["dns_delay"] == seconds
