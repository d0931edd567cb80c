# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host is believed what it has of a certificate, but not what is wanted of it."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.action.certificate_info import ActionModule
from ansible_collections.certfleet.tls.plugins.module_utils.pki.formats import digest

SHOP = {"name": "shop", "identifiers": ["shop.example"], "webroot": "~/www"}
FORGED = {"name": "shop", "identifiers": ["bank.example"], "challenge": "dns-01", "profile": "any", "webroot": "/srv"}


def run(said, **arguments):
    """The task's result where the host's module says so."""
    action = ActionModule(MagicMock(args=arguments, async_val=0), MagicMock(), MagicMock(), None, None, None)
    action._execute_module = MagicMock(return_value={"changed": False, **said})
    result = action.run(task_vars={})
    assert action._execute_module.call_count == 1
    return result


def facts(name="shop", **more):
    return {"name": name, "wanted": FORGED, "live": {"serial": "1"}, **more}


def test_what_is_wanted_is_the_task_s_own_word():
    (found,) = run({"certificates": [facts()]}, certificates=[SHOP])["certificates"]
    assert found["live"] == {"serial": "1"}
    wanted = found["wanted"]
    assert (wanted["identifiers"], wanted["challenge"], wanted["profile"]) == (["shop.example"], "http-01", None)
    assert wanted["webroot"] == "~/www", "whose home is for the host to say"


def test_the_content_of_what_is_live_passes_if_it_is_asked_for():
    (found,) = run({"certificates": [facts(live={"content": "PEM"})]}, certificates=[SHOP], content=True)[
        "certificates"
    ]
    assert found["live"] == {"content": "PEM"}


def test_facts_of_the_host_become_no_variables_of_ours():
    said = {"certificates": [facts()], "ansible_facts": {"acme_certificates": [FORGED]}}
    assert "ansible_facts" not in run(said, certificates=[SHOP])


def test_where_ansible_found_the_interpreter_is_kept():
    action = ActionModule(MagicMock(args={}, async_val=0), *[MagicMock()] * 2, *[None] * 3)
    action._discovered_interpreter_key, action._discovered_interpreter = "discovered_interpreter_python", "/usr/bin/py"
    action._execute_module = MagicMock(return_value={"certificates": [], "ansible_facts": {"acme_home": "/srv"}})
    assert action.run(task_vars={})["ansible_facts"] == {"discovered_interpreter_python": "/usr/bin/py"}


@pytest.mark.parametrize(
    ("passphrase", "reload", "refused"),
    [
        ("tomcat", [{"notify": "Restart tomcat"}], True),
        ("shop", [], False),
        ("sesame", [{"notify": "Restart tomcat"}, "nginx", {"service": "sesame"}], False),
        ("\udcff", [], True),
    ],
    ids=["in a handler's name", "in its name, which comes back by other ways", "fine", "no text"],
)
def test_a_passphrase_that_cannot_be_used_is_found_before_anything_is_ordered(passphrase, reload, refused):
    keystore = {"kind": "pkcs12", "path": "/srv/shop.p12", "passphrase": passphrase}
    asked = [{**SHOP, "reload": reload, "formats": [keystore]}, {**SHOP, "name": "mail"}]
    (shop, mail) = run({"certificates": [facts(), facts("mail")]}, certificates=asked)["certificates"]
    assert bool(shop["invalid"]) is refused
    assert mail["invalid"] == []


def test_without_options_nothing_is_wanted():
    found = run({"certificates": [facts(), facts("mail")]})["certificates"]
    assert [(item["name"], item["wanted"]) for item in found] == [("shop", None), ("mail", None)]


@pytest.mark.parametrize(
    "said",
    [[], [facts("bank")], [facts(), facts()], [facts(), facts("bank")], [{}], ["shop"], None, {"shop": {}}],
    ids=["none", "another", "twice", "more", "nameless", "text", "nothing", "mapping"],
)
def test_an_answer_to_another_question_is_refused(said):
    with pytest.raises(AnsibleActionFail, match="answer"):
        run({"certificates": said}, certificates=[SHOP])


def test_a_passphrase_goes_to_the_host_as_a_digest_only_and_comes_back_not_at_all():
    keystore = {"kind": "pkcs12", "path": "/srv/shop.p12", "passphrase": "open sesame"}
    action = ActionModule(
        MagicMock(args={"certificates": [{**SHOP, "formats": [keystore]}]}, async_val=0),
        MagicMock(),
        MagicMock(),
        *[None] * 3,
    )
    action._execute_module = MagicMock(return_value={"certificates": [facts()]})
    result = action.run(task_vars={})
    sent = str(action._execute_module.call_args)
    assert "sesame" not in sent
    assert digest("open sesame") in sent
    (found,) = result["certificates"]
    assert found["wanted"]["formats"][0]["path"] == "/srv/shop.p12"
    assert "sesame" not in str(result)
    assert "sha256" not in str(result)


def test_what_is_not_listed_is_believed_by_names_only():
    said = {"certificates": [facts()], "unlisted": ["old", "mail", "old"]}
    assert run(said, certificates=[SHOP])["unlisted"] == ["mail", "old"]
    assert run({**said, "unlisted": ["shop"]}, certificates=[SHOP])["unlisted"] == [], "what is wanted is not"
    for odd in ("old", {"old": 1}, [1], ["../etc"], ["a b"]):
        with pytest.raises(AnsibleActionFail, match="answer"):
            run({**said, "unlisted": odd}, certificates=[SHOP])


def test_what_failed_is_passed_on():
    assert run({"failed": True, "msg": "no Python"}, certificates=[SHOP])["msg"] == "no Python"


def test_options_are_checked_before_the_host_is_asked():
    with pytest.raises(AnsibleActionFail, match="challenge"):
        run({}, certificates=[{**SHOP, "challenge": "none"}])
