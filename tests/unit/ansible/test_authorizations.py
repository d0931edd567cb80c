# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorizations of acme_authorization: asked for, validated, deactivated, and reported one by one."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError, AcmeOptionError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import authorizations
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.authorizations import AuthorizationResult
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status
from tests.unit.acme.server import Answer, problem


@pytest.fixture
def params(options):
    usual = {"identifiers": [], "challenge": "dns-01", "authorizations": [], "timeout": 60, "concurrency": 8}
    return lambda state="present", **more: options(**{"state": state, **usual, **more})


def given(uri, **more):
    return {"uri": uri, "identifier": None, "type": None, **more}


@pytest.mark.parametrize(
    ("state", "given_options", "expected"),
    [
        ("present", {}, []),
        (
            "present",
            {"identifiers": ["a.example", {"value": "b.example", "challenge": "http-01"}]},
            [AuthorizationResult("", "a.example", "dns-01"), AuthorizationResult("", "b.example", "http-01")],
        ),
        (
            "valid",
            {"authorizations": [given("u1"), given("u2", identifier="a.example", type="http-01")]},
            [AuthorizationResult("u1", "", "dns-01"), AuthorizationResult("u2", "a.example", "http-01")],
        ),
    ],
)
def test_asked_for_of_options(params, state, given_options, expected):
    assert authorizations.asked_for(params(state, **given_options)) == expected


@pytest.mark.parametrize(
    ("state", "given_options", "expected"),
    [
        ("present", {"authorizations": [given("u")]}, "authorizations go with the states valid and absent"),
        ("valid", {"identifiers": ["a.example"]}, "identifiers go with state present"),
        ("absent", {"identifiers": ["a.example"]}, "identifiers go with state present"),
        ("present", {"identifiers": ["*.a.example"]}, "is a wildcard, which is authorized by its order only"),
        ("present", {"identifiers": ["a b"]}, "contains a space"),
    ],
)
def test_asked_for_contradicting_options_raises(params, state, given_options, expected):
    with pytest.raises(AcmeOptionError, match=expected):
        authorizations.asked_for(params(state, **given_options))


def test_work_on_all_without_items_sends_no_request(ca, params):
    assert authorizations.work_on_all(params()) == []
    assert ca.requests == []


def test_work_on_all_makes_validates_and_deactivates(ca, params, key):
    ca.register(key)
    ca.new_authz = True
    (made,) = authorizations.work_on_all(params(identifiers=["a.example"]))
    assert (made.identifier, made.status, made.type, made.changed) == ("a.example", Status.PENDING, "dns-01", True)
    assert [challenge.record_name for challenge in made.challenges] == ["_acme-challenge.a.example"]
    returned = [given(made.uri)]
    for state, status, changed in (
        ("valid", Status.VALID, True),
        ("valid", Status.VALID, False),
        ("absent", "deactivated", True),
        ("absent", "deactivated", False),
    ):
        (found,) = authorizations.work_on_all(params(state, authorizations=returned))
        assert (found.status, found.changed, found.identifier) == (status, changed, "a.example")
        assert found.challenges == ()


def test_work_on_all_one_failure_does_not_affect_others(ca, params, key):
    ca.register(key)
    ca.new_authz = True
    ca.script("/new-authz", lambda request: problem("malformed", 400, "no") if "a." in str(request.payload) else None)
    ca.script("/new-authz", lambda request: problem("malformed", 400, "no") if "a." in str(request.payload) else None)
    found = authorizations.work_on_all(params(identifiers=["a.example", "b.example"]))
    assert [item.status for item in found] == [Status.FAILED, Status.PENDING]
    assert [item.changed for item in found] == [False, True]
    assert found[0].problem.startswith("a.example: ")
    assert authorizations.failure(found) == found[0].problem


def test_work_on_all_ca_without_pre_authorization_fails(ca, params, key):
    ca.register(key)
    (found,) = authorizations.work_on_all(params(identifiers=["a.example"]))
    assert found.status == Status.FAILED
    assert found.problem.endswith("does not offer authorizations before orders (it has no newAuthz)")


def test_work_on_all_authorization_that_became_invalid_fails(ca, params, key):
    ca.register(key)
    ca.new_authz = True
    (made,) = authorizations.work_on_all(params(identifiers=["a.example"]))
    ca.rejected["a.example"] = {"type": "urn:ietf:params:acme:error:dns", "detail": "no record"}
    (found,) = authorizations.work_on_all(params("valid", authorizations=[given(made.uri)]))
    assert found.status == Status.FAILED
    assert "no record" in found.problem


def test_work_on_all_deactivation_ignored_by_ca_fails_unchanged(ca, params, key):
    ca.order(ca.register(key), ["a.example"], "ready")
    (path,) = ca.authorizations
    ca.always(path, Answer(200, ca.authorization_document(path)))
    (found,) = authorizations.work_on_all(params("absent", authorizations=[given(ca.url + path)]))
    assert (found.status, found.changed) == (Status.FAILED, False)
    assert "is not deactivated" in found.problem


def test_work_on_all_key_without_account_is_refused(params):
    with pytest.raises(AcmeError, match="knows no account of this key: make it first"):
        authorizations.work_on_all(params(identifiers=["a.example"]))


@pytest.mark.parametrize(("names", "expected"), [(["a.example"], True), ([], False)])
def test_check_all_sends_no_signed_request(ca, params, names, expected):
    ca.new_authz = True
    assert authorizations.check_all(params(identifiers=names)) is expected
    assert ca.lines() == ["GET /directory"]


def test_to_result_has_all_keys():
    assert AuthorizationResult("u", "a.example", "dns-01", Status.FAILED.value, "no", changed=True).to_result() == {
        "uri": "u",
        "identifier": "a.example",
        "type": "dns-01",
        "status": "failed",
        "problem": "no",
        "challenges": [],
    }


def test_check_all_ca_without_pre_authorization_fails(params):
    with pytest.raises(AcmeError, match=r"\(it has no newAuthz\)$"):
        authorizations.check_all(params(identifiers=["a.example"]))
    assert authorizations.check_all(params("absent", authorizations=[given("u")]))
