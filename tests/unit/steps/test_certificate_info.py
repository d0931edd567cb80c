# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host is believed what it has of a certificate, but not what is wanted of it."""

from __future__ import annotations

import re
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.formats import digest
from ansible_collections.certfleet.tls.plugins.plugin_utils._play.facts import SPECIAL
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import role_variables
from tests.unit.steps import answers, host_actions, steps

SHOP = {"name": "shop", "identifiers": ["shop.example"], "webroot": "~/www"}
FORGED = {"name": "shop", "identifiers": ["bank.example"], "challenge": "dns-01", "profile": "any", "webroot": "/srv"}


def action_of(said, **arguments):
    """Return the action, with this answer of the host's module."""
    action = host_actions.action_of("certificate_info", arguments)
    action._templar.template = lambda value: value
    empty = {"unlisted": [], "history": [], "txt_records": []}
    action._execute_module = MagicMock(return_value={"changed": False, **empty, **said})
    return action


def run(said, task_vars=None, **arguments):
    """Return the task's result for this answer of the host's module."""
    action = action_of(said, **arguments)
    result = action.run(task_vars={"inventory_hostname": "web3", **(task_vars or {})})
    assert action._execute_module.call_count == 1
    return result


def facts(name="shop", **more):
    return {**answers.FOUND.to_result(), "name": name, "wanted": FORGED, **more}


def test_run_wanted_is_from_task_not_from_host():
    (found,) = run({"certificates": [facts()]}, certificates=[SHOP])["certificates"]
    assert found["live"] == answers.LIVE.to_result()
    wanted = found["wanted"]
    assert (wanted["identifiers"], wanted["challenge"], wanted["profile"]) == (["shop.example"], "http-01", None)
    assert wanted["webroot"] == "~/www", "the host itself expands its home"


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (["WWW.shop.example.", "shop.example", "Shop.example"], ["www.shop.example", "shop.example"]),
        (["b\u00fccher.example"], ["xn--bcher-kva.example"]),
        ([{"value": "Shop.example"}], ["shop.example"]),
        ([{"value": "Shop.example", "challenge": "http-01", "webroot": ""}], ["shop.example"]),
        (
            ["2001:DB8:0::1", {"value": "*.Shop.example", "challenge": "dns-01"}],
            ["2001:db8::1", {"value": "*.shop.example", "challenge": "dns-01"}],
        ),
        ([{"value": "Shop.example", "webroot": "~/a"}], [{"value": "shop.example", "webroot": "~/a"}]),
    ],
)
def test_run_identifiers_are_normalized(given, parsed):
    (found,) = run({"certificates": [facts()]}, certificates=[{**SHOP, "identifiers": given}])["certificates"]
    assert (found["wanted"]["identifiers"], found["invalid"]) == (parsed, [])


@pytest.mark.parametrize("by_host", [False, True], ids=["host says nothing", "host says the same"])
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["two words"], "identifier 'two words' contains a space"),
        (
            ["*.shop.example"],
            "identifier '*.shop.example' is a wildcard, which http-01 cannot prove. Use dns-01",
        ),
        ([], "no identifiers are given"),
    ],
)
def test_run_invalid_identifiers_make_entry_invalid(given, problem, by_host):
    said = facts(invalid=[problem] if by_host else [])
    (found,) = run({"certificates": [said]}, certificates=[{**SHOP, "identifiers": given}])["certificates"]
    assert (found["wanted"]["identifiers"], found["invalid"]) == ([], [problem])


def test_run_content_option_returns_live_certificate():
    live = {**answers.LIVE.to_result(), "content": answers.PEM}
    (found,) = run({"certificates": [facts(live=live)]}, certificates=[SHOP], content=True)["certificates"]
    assert found["live"] == live


def test_run_facts_of_host_are_dropped():
    said = {"certificates": [facts()], "ansible_facts": {"acme_certificates": [FORGED]}}
    assert "ansible_facts" not in run(said, certificates=[SHOP])


@pytest.mark.parametrize(
    ("passphrase", "reload", "refused"),
    [
        ("Restart tomcat", [{"notify": "Restart tomcat"}], True),
        ("shop.example", [], False),
        ("open, sesame!", [{"notify": "Restart tomcat"}, "nginx", {"service": "open, sesame!"}], False),
        ("\udcff" * 12, [], True),
        ("changeit", [], True),
    ],
    ids=["in a handler's name", "in its identifier, which comes back by other ways", "fine", "no text", "short"],
)
def test_run_unusable_passphrase_makes_entry_invalid(passphrase, reload, refused):
    keystore = {"kind": "pkcs12", "path": "/srv/shop.p12", "passphrase": passphrase}
    asked = [{**SHOP, "reload": reload, "formats": [keystore]}, {**SHOP, "name": "mail"}]
    (shop, mail) = run({"certificates": [facts(), facts("mail")]}, certificates=asked)["certificates"]
    assert bool(shop["invalid"]) is refused
    assert mail["invalid"] == []


def test_run_without_certificates_option_wanted_is_none():
    found = run({"certificates": [facts(), facts("mail")]})["certificates"]
    assert [(item["name"], item["wanted"]) for item in found] == [("shop", None), ("mail", None)]


@pytest.mark.parametrize(
    "said",
    [[], [facts("bank")], [facts(), facts()], [facts(), facts("bank")], [{}], ["shop"], None, {"shop": {}}],
    ids=["none", "another", "twice", "more", "nameless", "text", "nothing", "mapping"],
)
def test_run_answer_about_other_certificate_fails_host(said):
    result = run({"certificates": said}, certificates=[SHOP])
    assert result["failed"]
    assert result["msg"].startswith("host web3 returned malformed data for certificate_info: certificates")


def test_run_passphrase_is_sent_as_digest_and_not_returned():
    keystore = {"kind": "pkcs12", "path": "/srv/shop.p12", "passphrase": "open sesame"}
    action = action_of({"certificates": [facts()]}, certificates=[{**SHOP, "formats": [keystore]}])
    result = action.run(task_vars={"inventory_hostname": "web3"})
    sent = str(action._execute_module.call_args)
    assert "sesame" not in sent
    assert digest("open sesame") in sent
    (found,) = result["certificates"]
    assert found["wanted"]["formats"][0]["path"] == "/srv/shop.p12"
    assert "sesame" not in str(result)
    assert "sha256" not in str(result)


def test_run_unlisted_are_names_only():
    said = {"certificates": [facts()], "unlisted": ["old", "mail", "old"]}
    assert run(said, certificates=[SHOP])["unlisted"] == ["mail", "old"]
    assert run({**said, "unlisted": ["shop"]}, certificates=[SHOP])["unlisted"] == [], "a wanted one is not unlisted"
    for odd in ("old", {"old": 1}, [1], ["../etc"], ["a b"]):
        assert "unlisted" in run({**said, "unlisted": odd}, certificates=[SHOP])["msg"]


def test_run_failure_of_module_is_returned():
    assert run({"failed": True, "msg": "no Python"}, certificates=[SHOP])["msg"] == "no Python"


def test_run_invalid_options_fail_before_host_is_asked():
    with pytest.raises(AnsibleActionFail, match="challenge"):
        run({}, certificates=[{**SHOP, "challenge": "none"}])


def step(task_vars, said=None):
    """Return the result of the first step of the role for this answer of the host's module."""
    action = steps.action_of("certificate_info", batch=True)
    answer = {
        "changed": False,
        "unlisted": [],
        "history": [],
        "txt_records": [],
        "certificates": [facts()],
        **(said or {}),
    }
    action._execute_module = MagicMock(return_value=answer)
    return action, action.run(task_vars={"acme_certificates": [SHOP], **task_vars})


def test_step_returns_digests_of_batch_options():
    variables = steps.task_vars(acme_eab={"kid": "1", "key": "sesame"}, acme_certificates=[SHOP])
    _action, result = step(variables)
    assert set(result["batch"]) == set(role_variables.of_batch("main"))
    assert "sesame" not in str(result)


def test_step_returns_options_of_host():
    _action, result = step(steps.task_vars(acme_home="/srv/acme", acme_certificates=[SHOP]))
    assert result["options"]["acme_home"] == "/srv/acme"
    assert "acme_certificates" not in result["options"], "which may have passphrases"
    assert result["inclusion"] == steps.INCLUSION


def test_step_host_without_list_returns_existing_certificates():
    action = steps.action_of("certificate_info", batch=True)
    action._execute_module = MagicMock(
        return_value={"changed": False, "unlisted": ["old"], "history": [], "txt_records": [], "certificates": []}
    )
    result = action.run(task_vars=without_a_list())
    assert not result.get("failed"), result
    assert action._execute_module.call_args.kwargs["module_args"]["certificates"] == []
    assert (result["lists_certificates"], result["certificates"]) == (False, [])


def without_a_list():
    variables = steps.task_vars()
    del variables["acme_certificates"]
    return variables


def test_step_batch_is_not_sent_to_host():
    action, _result = step(steps.task_vars(acme_certificates=[SHOP]))
    assert "batch" not in action._execute_module.call_args.kwargs["module_args"]


@pytest.mark.parametrize("variable", sorted(role_variables.ALL | SPECIAL - {"inventory_hostname"}))
def test_step_host_with_fact_named_like_variable_is_left_out(variable):
    action, result = step(steps.task_vars(facts={variable: "x"}, acme_certificates=[SHOP]))
    assert result["failed"]
    assert re.match(f"host web3 is left out: its facts .* {variable}, and facts take precedence", result["msg"])
    action._execute_module.assert_not_called()


def test_step_fact_that_is_no_variable_is_accepted(monkeypatch):
    monkeypatch.setattr("ansible.constants.INJECT_FACTS_AS_VARS", False)
    _action, result = step(steps.task_vars(facts={"acme_dns": "x"}, acme_certificates=[SHOP]))
    assert not result.get("failed")


def test_run_without_batch_ignores_facts():
    fact = steps.task_vars(facts={"acme_dns": "x"})
    assert "batch" not in run({"certificates": [facts()]}, fact, certificates=[SHOP])


def test_step_failed_host_fails_or_is_noted():
    failing = {"failed": True, "msg": "no Python"}
    _action, result = step(steps.task_vars(acme_certificates=[SHOP]), failing)
    assert result["failed"]
    assert result["unserved"] == ["no Python"]
    assert not {"batch", "environment", "lists_certificates"} & set(result), "Ansible prints a result that failed"
    before = {"web3": {"_acme_deployed": {"unserved": ["certificate shop: no"]}}}
    _action, result = step(steps.task_vars(registered=before, acme_certificates=[SHOP], acme_fail="warn"), failing)
    assert not result.get("failed")
    assert result["unserved"] == ["certificate shop: no", "no Python"]
    assert result["warnings"] == ["host web3: no Python"]
    assert set(result["batch"]) == set(role_variables.of_batch("main")), "a noted host has a part in the plan"
    assert result["lists_certificates"]
