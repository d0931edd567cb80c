# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of one module can be given to the next as they are."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import (
    CHALLENGE_SPEC,
    RESULT_SPEC,
    list_of,
)
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import narrowed
from tests.unit import contracts
from tests.unit.steps import steps

CHALLENGE = contracts.challenge(name="shop", webroot="/var/www").to_result()
RESULT = contracts.final().to_result()


def test_narrowed_results_are_options_of_the_module():
    spec = {"challenges": list_of(CHALLENGE_SPEC), "results": list_of(RESULT_SPEC)}
    arguments = narrowed({"challenges": [CHALLENGE], "results": [RESULT]})
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
    assert narrowed(arguments) == arguments


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
    assert sent == narrowed({option: [returned]})[option][0]
    assert set(sent) < set(returned)
