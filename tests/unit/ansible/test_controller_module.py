# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a module of the controller: refusals are one line, and no text for people has a secret."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.action.acme_account import ActionModule
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import controller_module
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.controller_module import ControllerModule
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from tests.unit.steps import steps

KEY = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"
SPEC = {
    "key": {"type": "str", "no_log": True},
    "count": {"type": "int"},
    "binding": {"type": "dict", "options": {"hmac": {"type": "str", "no_log": True}}},
    "others": {"type": "list", "elements": "dict", "options": {"passphrase": {"type": "str", "no_log": True}}},
}
MODULES = Path(controller_module.__file__).parents[2] / "modules"


def answer(error, **arguments):
    def run(params, check_mode, warn):
        raise error

    return ControllerModule(SPEC, run, ()).answer(arguments, False)


@pytest.mark.parametrize(
    "arguments",
    [{"key": "sesame"}, {"binding": {"hmac": "sesame"}}, {"others": [{}, {"passphrase": "sesame"}]}],
)
def test_answer_secret_in_error_is_hidden(arguments):
    assert answer(CollectionError("the server said: sesame"), **arguments)["msg"] == "the server said: ********"


@pytest.mark.parametrize("error", [CollectionError(f"bad key {KEY}"), ValueError(f"bad key {KEY}"), KeyError(KEY)])
def test_answer_secret_of_several_lines_is_hidden(error):
    result = answer(error, key=KEY)
    assert "********" in result["msg"]
    assert "MIGH" not in str(result)


@pytest.mark.parametrize(
    "own",
    [{"account_key_content": "sesame"}, {"account_key_passphrase": "sesame"}, {"eab": {"kid": "1", "key": "sesame"}}],
)
@pytest.mark.parametrize("several", [True, False])
def test_answer_secret_of_ca_in_error_is_hidden(own, several):
    def run(params, check_mode, warn):
        warn("sesame")
        raise CollectionError("the CA 1 said: sesame")

    element = {"directory": "https://ca.example/dir", **own}
    given = {"acme_directory": ["letsencrypt", element] if several else element}
    # Before it is validated: what is malformed has secrets, too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(controller_module.option_problems, "problems", lambda params: [])
        result = ControllerModule({"acme_directory": {"type": "raw"}}, run, ()).answer(given, False)
    assert (result["msg"], result["warnings"]) == ("the CA 1 said: ********", ["********"])


def test_answer_result_fields_are_unchanged():
    def run(params, check_mode, warn):
        warn("e is short")
        return {"challenges": ["e"], "problem": "e"}

    result = ControllerModule(SPEC, run, ()).answer({"key": "e"}, False)
    assert (result["challenges"], result["problem"]) == (["e"], "********")
    assert result["warnings"] == ["******** is short"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"cuont": 1}, "Unsupported parameters: cuont. Supported parameters include: binding, count, key, others."),
        ({"count": "many"}, "argument 'count' is of type"),
    ],
)
def test_answer_invalid_option_is_refused_in_one_line(arguments, told):
    result = answer(CollectionError("not reached"), **arguments)
    assert result["failed"]
    assert result["msg"].startswith(told), result["msg"]


@pytest.mark.parametrize(
    ("entry_point", "state", "rollover"),
    [("account", "present", False), ("account_deactivate", "absent", False), ("account_rollover", "present", True)],
)
def test_acme_account_entry_point_decides_state_and_rollover(entry_point, state, rollover):
    # The arguments may be module_defaults that a play has for its own tasks.
    action = steps.action_of("acme_account", state="absent", rollover=True, account_key_src="/of/other/tasks")
    assert isinstance(action, ActionModule)
    certificate = {"identifiers": ["a.example"], "challenge": "dns-persist-01"}
    run = SimpleNamespace(
        account=lambda: {"account_key_src": "/of/the/role"},
        entry_point=entry_point,
        variables={"hostvars": {"web1": {"acme_certificates": [certificate]}}},
    )
    names = ["a.example"] if rollover else []
    expected = {
        "account_key_src": "/of/the/role",
        "state": state,
        "rollover": rollover,
        "dns_persist_names": names,
    }
    assert action.arguments_of(run, action._task.args) == expected


@pytest.mark.parametrize("path", sorted(MODULES.glob("*.py")), ids=lambda path: path.stem)
def test_documentation_of_modules_names_where_they_run(path):
    module = import_module(f"ansible_collections.certfleet.tls.plugins.modules.{path.stem}")
    fragments = yaml.safe_load(module.DOCUMENTATION)["extends_documentation_fragment"]
    is_ours = isinstance(getattr(module, "MODULE", None), ControllerModule)
    assert ("certfleet.tls._controller" in fragments) is is_ours
