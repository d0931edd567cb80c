# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module on a host: ranges first, one line for each failure, and the fields of its result in any case."""

from __future__ import annotations

from functools import partial
from unittest.mock import MagicMock

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import (
    host_challenges,
    host_info,
    host_module,
    host_request,
    host_share,
    status_info,
)
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_module import HostModule
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import read_versions
from tests.unit import contracts
from tests.unit.host import ca, host
from tests.unit.host.format_options import COMMON

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
ANSWER = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
ENTRY = {**COMMON, "name": "shop", "identifiers": host.WANTED.identifiers, "formats": []}
ORDER = {"name": "shop", **vars(host.ORDER), "directory": None, "new_key": False}


def task(home, check_mode=False, **params):
    common = {"home": str(home), "list": "default", "reassign": False, "listen_timeout": 600}
    common |= {"txt_records": [], "controller_time": None}
    return MagicMock(params={**common, **params}, check_mode=check_mode)


def refusing(_task):
    raise CollectionError("no such place")


@pytest.mark.parametrize(
    ("params", "run", "result"),
    [
        ({}, lambda task: {"paths": []}, {"changed": False, "paths": []}),
        ({}, lambda task: {"changed": True}, {"changed": True}),
        ({}, refusing, {"failed": True, "msg": "no such place", "failures": {}}),
        (
            {"keep_versions": 0},
            refusing,
            {
                "failed": True,
                "msg": "keep_versions: 0 is out of range. Give a number from 1 to 9999",
                "failures": {},
            },
        ),
    ],
    ids=["nothing changed", "changed", "refused", "out of range"],
)
def test_result_has_failures_and_fields(params, run, result):
    assert HostModule({}, run, {"failures": {}}).result(MagicMock(params=params)) == result


@pytest.mark.parametrize("failed", [False, True])
def test_main_exits_or_fails_by_result(monkeypatch, failed):
    module = MagicMock(params={})
    monkeypatch.setattr(host_module, "AnsibleModule", lambda **options: module)
    HostModule({}, lambda task: {"failed": failed, "msg": "why"}).main()
    assert module.fail_json.called is failed
    ended = (module.fail_json if failed else module.exit_json).call_args_list[0]
    assert ended.kwargs == {"changed": False, "msg": "why"}


def test_result_with_failures_names_each_certificate():
    def result_of(**found):
        return HostModule({}, lambda task: found).result(MagicMock(params={}))

    assert result_of(failures={}) == {"changed": False, "failures": {}}
    failures = {"shop": "no key", "mail": "no room"}
    assert result_of(failures=failures) == {
        "changed": False,
        "failures": failures,
        "failed": True,
        "msg": "certificate shop: no key; certificate mail: no room",
    }
    assert result_of(failures=failures, msg="2 of 3 failed")["msg"] == "2 of 3 failed"


def test_info_returns_listed_or_all_certificates(home):
    host.make_live(home)
    host.make_live(home, host.replace(host.WANTED, name="old"))
    asked = {"content": False, "history": ["old"]}
    result = host_info.MODULE.result(task(home, certificates=[ENTRY], **asked))
    assert [item["name"] for item in result["certificates"]] == ["shop"]
    assert (result["changed"], result["unlisted"]) == (False, ["old"])
    assert [item["version"] for item in result["history"]] == ["0001"]
    result = host_info.MODULE.result(task(home, certificates=None, **asked))
    assert ([item["name"] for item in result["certificates"]], result["unlisted"]) == (["old", "shop"], [])


@pytest.fixture
def home(tmp_path):
    return tmp_path / "acme"


@pytest.fixture
def open_home(monkeypatch):
    """The folder of a test may be open to others."""
    for module in (host_request, host_share):
        monkeypatch.setattr(module, "verify_host", lambda home: None)
    monkeypatch.setattr(host_challenges, "verify_home", lambda home: None)


def test_request_prepares_journals_and_puts_challenges(home, tmp_path, open_home):
    (tmp_path / "www").mkdir()
    challenge = {"name": "shop", "token": TOKEN, "key_authorization": ANSWER, "webroot": str(tmp_path / "www")}
    options = {"directory": host.DIRECTORY, "certificates": [ENTRY], "receive": ["mail"]}
    result = host_request.MODULE.result(task(home, orders=[ORDER], challenges=[challenge], **options))
    assert not result.get("failed"), result
    assert (result["changed"], result["ready"], list(result["receivers"])) == (True, ["shop"], ["mail"])
    assert host.manifest(home, "0001")["directory"] == host.DIRECTORY
    assert host.manifest(home, "0001")["order_uri"] == host.ORDER.order_uri
    other = {**ORDER, "directory": "https://other.example/directory", "new_key": True}
    result = host_request.MODULE.result(task(home, orders=[other], challenges=[], **options))
    assert host.manifest(home, "0002")["directory"] == "https://other.example/directory"


def test_request_notes_records_by_the_time_of_the_controller(home, open_home):
    record = contracts.noted()
    records = [{"certificate": "shop", **record.options(("name", "value", "key_authorization"))}]
    options = {"directory": host.DIRECTORY, "certificates": [ENTRY], "receive": [], "orders": [ORDER], "challenges": []}
    more = {"txt_records": records, "controller_time": record.noted, "listen_timeout": 3600}
    assert host_request.MODULE.result(task(home, **options, **more))["ready"] == ["shop"]
    found = host_info.MODULE.result(task(home, certificates=None, content=False, history=[]))
    assert found["txt_records"] == [record.options(("name", "value", "key_authorization", "noted", "until"))]


def test_request_refused_result_has_all_fields(home, open_home):
    options = {"directory": host.DIRECTORY, "certificates": [ENTRY, ENTRY], "receive": []}
    result = host_request.MODULE.result(task(home, orders=[], challenges=[], **options))
    assert result == {
        "failed": True,
        "msg": "certificate shop: more than one certificate has this name",
        "requests": [],
        "ready": [],
        "receivers": {},
        "failures": {},
    }


def test_share_one_failure_does_not_affect_others(home, open_home):
    host.make_live(home)
    serial = host.manifest(home, read_versions(str(home), "shop").live)["serial"]
    shares = [{"name": name, "serial": serial, "receivers": {}} for name in ("shop", "none")]
    result = host_share.MODULE.result(task(home, shares=shares))
    assert [item["name"] for item in result["shares"]] == ["shop"]
    assert (result["failed"], list(result["failures"])) == (True, ["none"])
    assert result["msg"].startswith("certificate none: ")


@pytest.mark.parametrize("check", [True, False])
def test_challenges_are_journaled_put_and_removed(home, tmp_path, open_home, check):
    host.prepare(home)
    challenge = {"name": "shop", "token": TOKEN, "key_authorization": ANSWER, "webroot": str(tmp_path)}
    served = tmp_path / ".well-known" / "acme-challenge" / TOKEN
    asked = {"orders": [ORDER], "challenges": [challenge]}
    result = host_challenges.MODULE.result(task(home, check, state="present", **asked))
    assert (result["changed"], result["paths"], result["failures"]) == (True, [str(served)], {})
    assert result["diff"] == {"before": "", "after": f"{served}\n"}
    assert served.exists() is not check
    assert host.pending(home)[1] == (None if check else host.ORDER.order_uri)
    removed = host_challenges.MODULE.result(task(home, check, state="absent", **asked))
    assert (removed["changed"], removed["diff"]["before"]) == (not check, "" if check else f"{served}\n")
    assert not served.exists()


def test_challenges_failures_are_reported_once_each(home, tmp_path, open_home):
    (tmp_path / "file").write_text("no folder")
    challenges = [
        {"token": TOKEN[:-1] + end, "key_authorization": f"{TOKEN[:-1]}{end}.x", "webroot": str(tmp_path / "file")}
        for end in "ab"
    ]
    result = host_challenges.MODULE.result(task(home, state="present", orders=[], challenges=challenges))
    assert result["failed"]
    assert len(result["failures"]) == 2
    assert result["msg"] == "; ".join(dict.fromkeys(result["failures"].values()))


@pytest.mark.parametrize(
    ("fail_on", "message"),
    [
        ([], None),
        (["revoked"], None),
        (
            ["unknown"],
            "web1: certificate shop: unknown (the certificate has no usable URL of a CRL or an OCSP responder)",
        ),
    ],
)
def test_status_fail_on_fails_for_listed_statuses(fail_on, message):
    content = ca.pem(host.authority().leaf(ca.Authority.root().certificate.public_key(), ["shop.example"]))
    params = {"cache": None, "cache_max_age": 60, "ca_path": None, "timeout": 1, "max_size": 1000, "fail_on": fail_on}
    certificates = [{"host": "web1", "name": "shop", "content": content, "revoked": None}]
    result = status_info.MODULE.result(MagicMock(params={**params, "certificates": certificates}))
    assert [item["status"] for item in result["certificates"]] == ["unknown"]
    assert (result.get("failed", False), result.get("msg")) == (message is not None, message)


def test_status_of_marked_certificate_is_revoked_without_a_question():
    params = {"cache": None, "cache_max_age": 60, "ca_path": None, "timeout": 1, "max_size": 1000}
    content = ca.pem(host.authority().leaf(ca.Authority.root().certificate.public_key(), ["shop.example"]))
    given = [
        {"host": "web1", "name": "shop", "content": content, "revoked": at} for at in ("2026-11-23T12:00:00Z", None)
    ]
    run = partial(
        status_info.MODULE.result, MagicMock(params={**params, "certificates": given, "fail_on": ["revoked"]})
    )
    result = run()
    assert [(item["status"], item["source"]) for item in result["certificates"]] == [
        ("revoked", "mark"),
        ("unknown", None),
    ]
    assert result["certificates"][0]["revoked_at"] == "2026-11-23T12:00:00Z"
    assert result["msg"] == "web1: certificate shop: revoked (marked)"
    given[0]["revoked"] = "yesterday"
    assert run()["msg"].startswith("certificate shop of web1: revoked: 'yesterday' is not an instant such as ")


def test_status_without_libraries_is_refused(monkeypatch):
    monkeypatch.setattr(status_info, "missing", lambda names: f"lacks {', '.join(names)}")
    result = status_info.MODULE.result(MagicMock(params={"certificates": []}))
    assert result == {"failed": True, "msg": "lacks requests, cryptography", "certificates": []}
