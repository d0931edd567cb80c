# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of mutated answers of one host: never an exception, never a difference for another host."""

from __future__ import annotations

import copy
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
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import role_variables
from tests.unit import contracts
from tests.unit.steps import answers
from tests.unit.steps.host_actions import action_of

SEED = 20261128
ROUNDS = 1_700  # of each of six modules
NOW = datetime(2026, 11, 28, tzinfo=timezone.utc)
HOSTS = ("web1", "web2", "web3")
HOSTILE = "web2"
JUNK = (
    *(None, True, False, 0, -1, 10**400, 1.5, float("nan"), "", "x", "shop", "bank", "web1", "{{ 1 }}", "\ud800"),
    *("\0", "\x1b[2J", "../../etc/shadow", "https://evil.example/", "2026-02-31T00:00:00Z", "x" * 70_000),
    *([], {}, [[]], [{}], ["shop"], {"shop": "x"}, {"web1": "x"}, {"web1": {"x": 1}}, [None] * 1001),
)


def junk(dice):
    return copy.deepcopy(dice.choice(JUNK))


def deep(levels):
    value = []
    for _unused in range(levels):
        value = [value]
    return value


def places(value, path=()):
    """All paths in a value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def mutated(answer, dice):
    """The answer with one to three changes: a value replaced, removed, doubled, or a key of a hostile kind added."""
    for _unused in range(dice.randint(1, 3)):
        path = dice.choice([path for path in places(answer) if path] or [()])
        kind = dice.randrange(6)
        parent = answer
        for step in path[:-1]:
            parent = parent[step]
        if not path or kind == 0:
            answer = {**answer, dice.choice(sorted(role_variables.ALL)): junk(dice)}
        elif kind == 1:
            del parent[path[-1]]
        elif kind == 2 and isinstance(parent, list):
            parent.append(parent[path[-1]])
        elif kind == 3:
            answer = {
                **answer,
                dice.choice(["ansible_facts", "add_host", "failed", "msg", "skipped", "unreachable"]): junk(dice),
            }
        elif kind == 4:
            parent[path[-1]] = deep(dice.choice([3, 400]))
        else:
            parent[path[-1]] = junk(dice)
    return answer


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
            "results": [{**results[host]["certificate_share"], "item": {"owner": host}} for host in HOSTS]
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
    of_batch = BatchResults(the_plan, ordered, finalized, hostvars)
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
            "receives": [share for share in shares if share["owner"] == host],
        }
        for host in HOSTS
    }


def ordered_of(order):
    return contracts.ordered(host=order.host, name=order.name, identifiers=order.identifiers)


EXPECTED = steps_of_the_role(dict.fromkeys(HOSTS, HONEST))


@pytest.mark.parametrize("module", answers.MODULES)
def test_fuzz_mutated_answer_raises_nothing_and_touches_no_other_host(module):
    dice = random.Random(f"{SEED} {module}")  # noqa: S311 - to repeat what failed
    refused = 0
    for number in range(ROUNDS):
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
    assert 0 < refused < ROUNDS, "some answers are refused, and some are not"
