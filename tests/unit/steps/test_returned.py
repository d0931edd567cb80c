# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of one module can be given to the next as they are."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.certfleet.tls.plugins.action import acme_authorization, acme_order_finalize
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.authorizations import (
    AUTHORIZATION_SPEC,
    AuthorizationResult,
)
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import CHALLENGE_SPEC, RESULT_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.option_specs import list_of
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.order_options import PREPARED_SPEC, by_host
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import HostAction
from tests.unit import contracts
from tests.unit.steps import steps

CHALLENGE = contracts.challenge(name="shop", webroot="/var/www").to_result()
RESULT = contracts.final().to_result()


def test_narrowed_results_are_options_of_the_module():
    spec = {"challenges": list_of(CHALLENGE_SPEC), "results": list_of(RESULT_SPEC)}
    arguments = HostAction.narrowed({"challenges": [CHALLENGE], "results": [RESULT]})
    assert ArgumentSpecValidator(spec).validate(arguments).error_messages == []
    assert ArgumentSpecValidator(spec).validate({"challenges": [CHALLENGE]}).error_messages != []
    assert arguments["challenges"][0]["token"] == contracts.TOKEN
    assert arguments["results"][0]["certificate"] == contracts.PEM


@pytest.mark.parametrize(
    "arguments",
    [
        {"challenges": [{"token": "x", "tokn": "y"}, "x"], "results": [5]},
        {"challenges": "token=x", "results": None},
        {"certificates": [{"url": "x", "host": "y"}], "home": "/etc/acme"},
    ],
    ids=["of no result", "no lists", "other options"],
)
def test_narrowed_leaves_all_else_to_the_module(arguments):
    assert HostAction.narrowed(arguments) == arguments


@pytest.mark.parametrize(
    ("module", "option", "returned"),
    [
        ("certificate", "results", RESULT),
        ("certificate", "challenges", CHALLENGE),
        ("certificate_request", "challenges", CHALLENGE),
        ("challenge_response", "challenges", CHALLENGE),
    ],
)
def test_host_gets_only_fields_that_its_module_has_options_for(module, option, returned):
    action = steps.action_of(module, **{option: [returned]})
    action._execute_module = MagicMock(return_value={"failed": True, "msg": "enough"})
    action.run(task_vars=steps.task_vars())
    (sent,) = action._execute_module.call_args.kwargs["module_args"][option]
    assert sent == HostAction.narrowed({option: [returned]})[option][0]
    assert set(sent) < set(returned)


def orders(order):
    """Return an order as acme_order returns it, with its certificate request."""
    return [{**item, "csr_content": contracts.PEM} for item in by_host([order])["web1"]]


MADE = AuthorizationResult("https://ca/authz/1", "shop.example.com", "http-01", "pending", "", (contracts.challenge(),))


@pytest.mark.parametrize(
    ("module", "option", "spec", "returned"),
    [
        (acme_order_finalize, "orders", PREPARED_SPEC, orders(contracts.ordered())),
        (acme_authorization, "authorizations", AUTHORIZATION_SPEC, [MADE.to_result()]),
    ],
)
def test_controller_module_takes_what_the_module_before_returned(module, option, spec, returned):
    given = module.ActionModule.narrowed({option: returned})
    assert ArgumentSpecValidator({option: list_of(spec)}).validate(given).error_messages == []
    assert ArgumentSpecValidator({option: list_of(spec)}).validate({option: returned}).error_messages != []
    assert set(returned[0]) - set(given[option][0]) <= set(module.ActionModule.unused[option])
    unknown = [{**returned[0], "unknown": 1}]
    assert "unknown" in module.ActionModule.narrowed({option: unknown})[option][0], "the module refuses it"


def test_finalize_order_that_failed_is_refused_for_its_status():
    (failed,) = orders(contracts.stopped("refused"))
    given = acme_order_finalize.ActionModule.narrowed({"orders": [failed]})
    validated = ArgumentSpecValidator({"orders": list_of(PREPARED_SPEC)}).validate(given)
    assert not any("nsupported" in message for message in validated.error_messages)
    assert validated.error_messages != []


@pytest.mark.parametrize("delegate_to", [None, "bastion"])
@pytest.mark.parametrize(
    ("module", "option", "returned"),
    [
        ("acme_order_finalize", "orders", orders(contracts.ordered())),
        ("acme_authorization", "authorizations", [MADE.to_result()]),
    ],
)
def test_controller_module_gets_narrowed_results_wherever_it_runs(module, option, returned, delegate_to):
    action = steps.action_of(module, **{option: returned})
    action._task.delegate_to = delegate_to
    action._execute_module = MagicMock(return_value={})
    action.run_here = MagicMock(return_value={})
    action.run(task_vars=steps.task_vars())
    if delegate_to:
        sent = action._execute_module.call_args.kwargs["module_args"]
    else:
        _module, sent = action.run_here.call_args.args
    assert sent == action.narrowed({option: returned})
    assert "problem" not in sent[option][0]
