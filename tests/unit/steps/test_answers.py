# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer passes where its contract names it, and is refused with its place where it breaks it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import plain
from ansible_collections.certfleet.tls.plugins.module_utils._common.schema import Malformed
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import accept
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import role_variables
from tests.unit.steps import answers

MODULES = Path(__file__).parents[3] / "plugins" / "modules"


def accepted(module, answer):
    return plain(accept(answer, answers.contract(module), f"{module} on web3"))


def with_value(answer, path, value):
    """Return the answer with another value at a path; a value of DELETED removes the one there."""
    changed = copy.deepcopy(answer)
    place = changed
    for step in path[:-1]:
        place = place[step]
    if value is DELETED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


DELETED = object()


@pytest.mark.parametrize("module", answers.MODULES)
def test_accept_honest_answer_is_unchanged(module):
    answer = answers.answer(module)
    expected = copy.deepcopy(answer)
    if module == "certificate_info":
        expected["certificates"][0]["wanted"] = None  # the controller knows that better
    assert accepted(module, answer) == expected


@pytest.mark.parametrize("module", answers.MODULES)
def test_contract_documented_results_are_its_fields(module):
    text = (MODULES / f"{module}.py").read_text()
    documented = yaml.safe_load(text.split('RETURN = r"""')[1].split('"""')[0])
    assert set(documented) - {"batch"} == set(answers.contract(module))


@pytest.mark.parametrize("module", answers.MODULES)
@pytest.mark.parametrize("variable", sorted(role_variables.ALL))
def test_accept_fact_for_role_variable_is_dropped(module, variable):
    answer = answers.answer(module, ansible_facts={variable: "x"}, **{variable: "x"})
    assert accepted(module, answer) == accepted(module, answers.answer(module))


@pytest.mark.parametrize("module", answers.MODULES)
@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ansible_facts", {"discovered_interpreter_python": "/tmp/python"}),
        ("add_host", {"host_name": "web9", "groups": ["web"]}),
        ("add_group", "all_mine"),
        ("ansible_stats", {"data": {"a": 1}}),
        ("_ansible_notify", ["Restart"]),
        ("_ansible_delegated_vars", {}),
        ("ansible_job_id", "1"),
        ("include", "tasks.yml"),
        ("invocation", {"module_args": {}}),
        ("results", [{"ansible_facts": {}}]),
        ("stdout", "text"),
    ],
)
def test_accept_key_that_ansible_acts_on_is_dropped(module, key, value, failed):
    answer = answers.answer(module, failed=failed, msg="why", **{key: value})
    assert key not in accepted(module, answer)


@pytest.mark.parametrize(
    ("module", "path", "value", "said"),
    [
        ("certificate_request", ("requests", 0, "csr_content"), DELETED, "requests[0].csr_content is missing"),
        ("certificate_request", ("requests",), DELETED, "requests is missing"),
        ("certificate_request", ("requests",), {"shop": 1}, "requests is not a list"),
        ("certificate_request", ("requests", 0), "shop", "requests[0] is not a mapping"),
        ("certificate_request", ("requests", 0, "name"), "bank", "requests[0].name is not one that was asked for"),
        ("certificate_request", ("requests", 0, "csr_content"), 1, "requests[0].csr_content is not a text"),
        ("certificate_request", ("requests", 0, "order_uri"), "file:///etc", "requests[0].order_uri has"),
        ("certificate_request", ("failures",), "x", "failures is not a mapping"),
        ("certificate_request", ("failures",), {"bank": "x"}, "a key of failures is not one that was asked for"),
        ("certificate_request", ("failures",), {"shop": ["x"]}, "failures.shop is not a text"),
        ("certificate_request", ("ready",), ["bank"], "ready[0] is not one that was asked for"),
        ("certificate_request", ("receivers",), {"wildcard": "a b"}, "receivers.wildcard has characters"),
        ("certificate_request", ("changed",), "yes", "changed is not a boolean"),
        ("certificate_request", ("warnings",), "x", "warnings is not a list"),
        ("certificate_request", ("warnings",), [{"x": 1}], "warnings[0] is not a text"),
        ("certificate_request", ("warnings",), ["x"] * 101, "warnings has 101 elements, more than 100"),
        ("certificate_request", ("diff",), "x", "diff is not a mapping"),
        ("certificate_request", ("diff",), {"before": {}}, "diff.before is not a text"),
        ("certificate_request", ("failed",), "no", "failed is not a boolean"),
        (
            "certificate_info",
            ("certificates", 0, "live", "damaged"),
            DELETED,
            "certificates[0].live.damaged is missing",
        ),
        ("certificate_info", ("certificates", 0, "pending", "order_uri"), DELETED, "pending.order_uri is missing"),
        ("certificate_info", ("certificates", 0, "problems"), DELETED, "certificates[0].problems is missing"),
        ("certificate_share", ("shares", 0, "sealed"), DELETED, "shares[0].sealed is missing"),
        ("certificate", ("after_handlers", 0, "version"), DELETED, "after_handlers[0].version is missing"),
        ("certificate_info", ("certificates", 0, "live", "serial"), "../x", "certificates[0].live.serial has"),
        ("certificate_info", ("certificates", 0, "live", "version"), "..", "certificates[0].live.version has"),
        ("certificate_info", ("certificates", 0, "live", "ari_id"), "a/../b", "certificates[0].live.ari_id has"),
        ("certificate_info", ("certificates", 0, "live", "missing"), ["/etc/shadow"], "missing[0] is not one"),
        ("certificate_info", ("certificates", 0, "live", "not_after"), "2027-02-31T00:00:00Z", "is not an instant"),
        ("certificate_info", ("certificates", 0, "live", "not_after"), "tomorrow", "is not an instant"),
        ("certificate_info", ("certificates", 0, "live", "identifiers"), ["a\nb"], "live.identifiers[0] has"),
        ("certificate_info", ("certificates", 0, "live", "identifiers"), ["\ud800"], "live.identifiers[0] has"),
        ("certificate_info", ("certificates", 0, "live", "identifiers"), ["a"] * 1001, "1001 elements, more than 1000"),
        ("certificate_info", ("certificates", 0, "live", "reloaded"), 1, "live.reloaded is not a boolean"),
        ("certificate_info", ("certificates", 0, "live", "key_type"), "x" * 300, "live.key_type has"),
        ("certificate_info", ("certificates", 0, "name"), "bank", "certificates is not about the certificates"),
        ("certificate_info", ("certificates",), [], "certificates is not about the certificates"),
        ("certificate_info", ("unlisted",), ["../etc"], "unlisted[0] has characters"),
        ("certificate_info", ("history", 0, "name"), "bank", "history[0].name is not one that was asked for"),
        *(
            ("certificate_info", ("txt_records", 0, field), value, f"txt_records[0].{field} has characters or a form")
            for field, value in (("name", "shop.example"), ("value", "v=spf1 -all"), ("key_authorization", "x"))
        ),
        ("certificate_info", ("txt_records", 0, "until"), "soon", "txt_records[0].until is not an instant"),
        ("certificate_info", ("history", 0, "live"), "yes", "history[0].live is not a boolean"),
        ("certificate_share", ("shares", 0, "sealed"), {"web9": "aa"}, "a key of shares[0].sealed is not one"),
        ("certificate_share", ("shares", 0, "name"), "bank", "shares[0].name is not one that was asked for"),
        ("challenge_response", ("failures",), {"other": "x"}, "a key of failures is not one that was asked for"),
        ("certificate", ("notify",), ["Shut down"], "notify[0] is not one that was asked for"),
        ("certificate", ("notify",), [["Shut down"]], "notify[0] is not one that was asked for"),
        ("certificate", ("after_handlers", 0, "name"), "bank", "after_handlers[0].name is not one that was asked for"),
        ("certificate_adopt", ("certificates", 0, "name"), "bank", "certificates[0].name is not one"),
        ("certificate_adopt", ("found",), [{}] * 10_001, "found has 10001 elements, more than 10000"),
        ("certificate_revoke", ("signed", 0, "serial"), "5b", "signed[0].serial is not one that was asked for"),
        ("certificate_revoke", ("signed", 0, "name"), "mail", "signed[0].name is not one that was asked for"),
        (
            "certificate_revoke",
            ("signed", 0, "signatures"),
            {"https://x": "aa"},
            "a key of signed[0].signatures is not",
        ),
        ("certificate_revoke", ("signed", 0, "signatures"), {answers.REVOKE: "a.b"}, "has characters or a form"),
        ("certificate_revoke", ("signed", 0, "signatures"), DELETED, "signed[0].signatures is missing"),
        ("certificate_revoke", ("marked", 0, "serial"), "4a1f", "marked[0].serial is not one that was asked for"),
        ("certificate_revoke", ("marked", 0, "removed"), "yes", "marked[0].removed is not a boolean"),
    ],
)
def test_accept_broken_answer_is_refused_with_its_place(module, path, value, said):
    with pytest.raises(Malformed) as refused:
        accepted(module, with_value(answers.answer(module), path, value))
    assert said in str(refused.value)
    assert str(refused.value).isprintable()


def test_accept_request_with_a_profile():
    answer = with_value(answers.answer("certificate_request"), ("requests", 0, "profile"), "shortlived")
    assert accepted("certificate_request", answer)["requests"][0]["profile"] == "shortlived"


@pytest.mark.parametrize("answer", [None, [], "x", 1, ["certificates"]])
def test_accept_answer_that_is_no_mapping_is_refused(answer):
    with pytest.raises(Malformed, match="the answer is not a mapping"):
        accepted("certificate", answer)


@pytest.mark.parametrize("module", answers.MODULES)
def test_accept_failed_answer_may_leave_its_fields_out(module):
    assert accepted(module, {"failed": True, "msg": "no library"}) == {"failed": True, "msg": "no library"}


def test_accept_failed_answer_fields_are_checked_all_the_same():
    with pytest.raises(Malformed, match="failures is not a mapping"):
        accepted("certificate", {"failed": True, "msg": "x", "failures": "x"})


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\nb", "a b"),
        ("a\r\nb\u2028c", "a b c"),
        ("red \x1b[31m", "red ?[31m"),
        ("nul\0 tab\tend", "nul? tab end"),
        ("half \ud800", "half ?"),
        ("\u202eright to left", "?right to left"),
        ("x" * 70_000, "x" * 4096),
    ],
)
def test_accept_message_has_printable_characters_on_one_line(said, shown):
    answer = accepted("certificate", {"failed": True, "msg": said, "failures": {"shop": said}})
    assert (answer["msg"], answer["failures"]["shop"]) == (shown, shown)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"module_stderr": "warning\n/bin/sh: 1: python9: not found\n", "rc": 127},
            "certificate on web3 gave no answer: /bin/sh: 1: python9: not found (MODULE FAILURE)",
        ),
        ({"module_stdout": "line\x07\n"}, "certificate on web3 gave no answer: line? (MODULE FAILURE)"),
        ({"module_stderr": "", "module_stdout": "  "}, "MODULE FAILURE"),
        ({"module_stderr": 7}, "MODULE FAILURE"),
        ({"msg": ""}, "certificate on web3 failed without a reason"),
    ],
)
def test_accept_module_without_answer_message_has_its_output(more, reason):
    assert accepted("certificate", {"failed": True, "msg": "MODULE FAILURE", **more})["msg"] == reason


def test_accept_message_is_cut_where_it_is_too_long():
    """The plan prints the problems of certificates, of which an answer may have a thousand."""
    answer = accepted("certificate", {"failed": True, "msg": "x" * 100_000, "exception": "x" * 100_000})
    assert (len(answer["msg"]), len(answer["exception"])) == (4096, 65536)


class Tagged(str):
    """A text with more to it, as Ansible's own are."""


@pytest.mark.parametrize("module", answers.MODULES)
def test_accept_texts_are_plain(module):
    def tag(value):
        if isinstance(value, dict):
            return {Tagged(key): tag(item) for key, item in value.items()}
        return [tag(item) for item in value] if isinstance(value, list) else tag_text(value)

    def tag_text(value):
        return Tagged(value) if isinstance(value, str) else value

    def kinds(value):
        if isinstance(value, dict):
            return {kind for item in (*value, *value.values()) for kind in kinds(item)}
        return {kind for item in value for kind in kinds(item)} if isinstance(value, list) else {type(value)}

    assert Tagged not in kinds(accepted(module, tag(answers.answer(module))))


def test_accept_damaged_certificate_is_an_empty_text():
    answer = with_value(answers.answer("certificate_info"), ("certificates", 0, "live", "content"), "\ufffd\0")
    assert accepted("certificate_info", answer)["certificates"][0]["live"]["content"] == ""


def test_accept_deprecations_are_texts_that_ansible_can_show():
    answer = answers.answer("certificate", deprecations=[{"msg": "old\x1b", "version": {"x": 1}, "hostile": 1}])
    assert accepted("certificate", answer)["deprecations"] == [{"msg": "old?", "version": None}]


def test_accept_exception_is_a_text_without_control_characters():
    answer = {"failed": True, "msg": "x", "exception": "Traceback\n  x\x1b[2J\n"}
    assert accepted("certificate", answer)["exception"] == "Traceback\n  x?[2J\n"
    assert "exception" not in accepted("certificate", {**answer, "exception": {"a": 1}})


@pytest.mark.parametrize(
    ("reload", "allowed"),
    [
        ([{"notify": " Restart "}], ["Restart"]),
        (["nginx", {"service": "Restart"}, {"command": ["Restart"]}], []),
        ([{"notify": ["Restart"]}], []),
        ("Restart", []),
        (None, []),
    ],
)
def test_certificate_handlers_are_those_that_entries_name(reload, allowed):
    fields = answers.plugin.certificate({"certificates": [{**answers.SHOP, "reload": reload}]})
    assert fields["notify"](allowed, "notify") == allowed
    with pytest.raises(Malformed):
        fields["notify"]([*allowed, "Other"], "notify")
    if not allowed:
        with pytest.raises(Malformed):
            fields["notify"](["Restart"], "notify")


@pytest.mark.parametrize(
    ("passphrase", "shown"),
    [("shop", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"), ("ho", "s********p"), ("other", "shop")],
)
@pytest.mark.parametrize("module", ["certificate", "certificate_adopt", "certificate_request"])
def test_contract_name_with_a_passphrase_in_it_may_be_hidden(monkeypatch, module, passphrase, shown):
    monkeypatch.setattr(answers.plugin, "_ANSWERS_HIDE_VALUES", True)
    formats = [{"kind": "pkcs12", "path": "/srv/shop.p12", "passphrase": passphrase}]
    fields = getattr(answers.plugin, module)({"certificates": [{**answers.SHOP, "formats": formats}]})
    assert fields["failures"]({shown: "why"}, "failures") == {shown: "why"}
    with pytest.raises(Malformed):
        fields["failures"]({"b********": "why"}, "failures")


def test_contract_names_are_themselves_from_core_2_22_on(monkeypatch):
    monkeypatch.setattr(answers.plugin, "_ANSWERS_HIDE_VALUES", False)
    formats = [{"kind": "pkcs12", "path": "/srv/shop.p12", "passphrase": "ho"}]
    fields = answers.plugin.certificate({"certificates": [{**answers.SHOP, "formats": formats}]})
    assert fields["failures"]({"shop": "why"}, "failures") == {"shop": "why"}
    with pytest.raises(Malformed):
        fields["failures"]({"s********p": "why"}, "failures")


@pytest.mark.parametrize("arguments", [{}, {"certificates": "x", "receive": 1, "shares": 3, "challenges": None}])
@pytest.mark.parametrize("module", [module for module in answers.MODULES if module != "certificate_info"])
def test_contract_odd_arguments_ask_for_nothing(module, arguments):
    fields = getattr(answers.plugin, module)(arguments)
    with pytest.raises(Malformed):
        accept(answers.answer(module), fields, module)
