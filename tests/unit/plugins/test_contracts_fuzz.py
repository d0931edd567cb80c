# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of mutated answers of one host: never an exception, never a difference for another host."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import datetime, timezone
from unittest.mock import MagicMock

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import plan, planner, shared_certificates, unlisted
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import flow, outcomes, shared, txt
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.outcomes import BatchResults
from tests.unit import contracts
from tests.unit.contracts import FRESH
from tests.unit.plugins.mutations import mutated
from tests.unit.steps import answers
from tests.unit.steps.host_actions import action_of

SEED = 20261128
#: Answers of each of six modules.
ROUNDS = [200, pytest.param(1_700, marks=pytest.mark.hard)]
NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)
HOSTS = ("web1", "web2", "web3")
HOSTILE = "web2"


def accepted(module, answer):
    action = action_of(module)
    action._execute_module = MagicMock(return_value=answer)
    return action.run(task_vars={"inventory_hostname": HOSTILE})


HONEST = {module: accepted(module, answers.answer(module)) for module in answers.MODULES}
#: Results that steps for other hosts read.
PASSED_ON = ("certificate_info", "certificate_request", "certificate_share")
FACTS = {"certificate_info": "_acme_found", "certificate_request": "_acme_request"}


def steps_of_the_role(results):
    """Return by host what the role's steps make of the hosts' results: orders, requests and messages."""
    hostvars = {host: {FACTS[module]: results[host][module] for module in FACTS} for host in HOSTS}
    for host in HOSTS:
        hostvars[host]["_acme_sealed"] = {
            "results": [{**results[host]["certificate_share"], "item": {"giver": host}} for host in HOSTS]
        }
    failed = [host for host in HOSTS if results[host]["certificate_info"].get("failed")]
    batch = [host for host in HOSTS if host not in failed]
    certificates = planner.parse_certificates(flow.host_certificates(batch, hostvars))
    planned = plan.decide_all(certificates, plan.Settings([answers.DIRECTORY], NOW), lambda _questions: {})
    planned = shared_certificates.postpone_receivers(shared_certificates.share(planned))
    unlisted.plan_removals(planned, flow.unlisted(batch, hostvars), batch)
    the_plan = {
        "directory": answers.DIRECTORY,
        "directories": [answers.DIRECTORY],
        "due": batch,
        "hosts": {
            host: [replace(item.decided(), action=Action.ISSUE).to_result() for item in planned if item.host == host]
            for host in batch
        },
        "shares": [contracts.share(hosts=["web3"]).to_result()],
        "replacing": None,
    }
    orders = flow.orders(the_plan, hostvars)
    ordered = {"hosts": {item.host: [ordered_of(item).to_result()] for item in orders}}
    finalized = {"hosts": {host: [contracts.final(host=host).to_result()] for host in batch}}
    finalizable = flow.finalizable(ordered, hostvars)
    txt.txt_records(ordered, hostvars, "await")
    shares = shared.shares(the_plan, finalized, hostvars)
    of_batch = BatchResults(the_plan, ordered, finalized, hostvars, now=FRESH)
    told = {}
    for host in batch:
        told[host] = [
            [*outcomes.of_orders(of_batch, host), *shared.outcomes(of_batch, host)],
            flow.challenges(ordered, hostvars, host),
            flow.journal(ordered, host, the_plan),
        ]
    return {
        host: {
            "order": [item for item in orders if item.host == host],
            "finalized": [item for item in finalizable if item.host == host],
            "told": told.get(host),
            "receives": [share for share in shares if share["giver"] == host],
        }
        for host in HOSTS
    }


def ordered_of(order):
    return contracts.ordered(host=order.host, name=order.name, identifiers=order.identifiers)


EXPECTED = steps_of_the_role(dict.fromkeys(HOSTS, HONEST))


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("module", answers.MODULES)
def test_fuzz_mutated_answer_raises_nothing_and_touches_no_other_host(module, rounds):
    dice = random.Random(f"{SEED} {module}")  # noqa: S311 - to repeat what failed
    refused = 0
    for number in range(rounds):
        answer = mutated(answers.answer(module), dice)
        result = accepted(module, answer)
        refused += bool(result.get("failed"))
        assert "ansible_facts" not in result, number
        json.dumps(result).encode()  # what Ansible does with it
        str(result).encode()
        if module not in PASSED_ON:
            continue
        results = {**dict.fromkeys(HOSTS, HONEST), HOSTILE: {**HONEST, module: result}}
        found = steps_of_the_role(results)
        for host in HOSTS:
            if host != HOSTILE:
                assert found[host] == EXPECTED[host], (number, answer)
    assert 0 < refused < rounds, "some answers are refused, and some are not"
