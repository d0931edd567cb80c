# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authorizations (RFC 8555 section 7.1.4), also with most fields missing."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.authorization import Authorization
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AcmeError,
    ProblemError,
    ProtocolError,
)
from tests.unit.acme.server import NAMESPACE, RESET, Answer, html, problem

NAME = {"type": "dns", "value": "a.example"}
URL = "https://ca.example/authz/1"


def challenge(kind="http-01", **more):
    return {"type": kind, "url": "https://ca.example/challenge/1", "token": "abc", "status": "pending", **more}


def test_fetch_authorization_has_identifier_and_challenges(ca, client):
    ca.order(client.account_uri, ["a.example"])
    (path,) = ca.authorizations
    authorization = Authorization.fetch(client, ca.url + path)
    assert (authorization.status, authorization.identifier) == ("pending", "a.example")
    assert [item.type for item in authorization.challenges] == ["http-01", "dns-01"]
    assert ca.signed()[0].payload is None


@pytest.mark.parametrize(
    ("document", "status", "identifier", "kinds"),
    [
        ({}, "pending", "", []),
        # HARICA, DigiCert and step-ca leave challenges out of a valid authorization.
        ({"status": "valid", "identifier": NAME}, "valid", "a.example", []),
        ({"status": "valid", "identifier": NAME, "challenges": None}, "valid", "a.example", []),
        ({"status": "pending", "identifier": "a.example", "challenges": {}}, "pending", "", []),
        ({"identifier": {"type": "dns"}, "challenges": [None, "http-01", 7, challenge()]}, "pending", "", ["http-01"]),
        (
            {"identifier": NAME, "challenges": [challenge("carrier-pigeon-01", feather="grey"), challenge()], "odd": 1},
            "pending",
            "a.example",
            ["carrier-pigeon-01", "http-01"],
        ),
        ({"identifier": NAME, "challenges": [{}]}, "pending", "a.example", ["unknown"]),
    ],
)
def test_parse_no_field_required(document, status, identifier, kinds):
    authorization = Authorization.parse(URL, document)
    assert (authorization.status, authorization.identifier) == (status, identifier)
    assert [item.type for item in authorization.challenges] == kinds


@pytest.mark.parametrize(("told", "wildcard"), [(True, True), (False, False), (None, False), ("true", False)])
def test_parse_wildcard_is_boolean(told, wildcard):
    assert Authorization.parse(URL, {"wildcard": told}).wildcard is wildcard


def test_challenge_of_type_is_found():
    document = {"identifier": NAME, "challenges": [challenge("dns-01", token="d"), challenge(token="h")]}
    assert Authorization.parse(URL, document).challenge("http-01").token == "h"


@pytest.mark.parametrize(
    ("kinds", "offered"), [(["dns-01", "tls-alpn-01"], "dns-01, tls-alpn-01"), ([], "none"), (["new\n-01"], "new -01")]
)
def test_challenge_not_offered_raises(kinds, offered):
    authorization = Authorization.parse(URL, {"identifier": NAME, "challenges": [challenge(kind) for kind in kinds]})
    with pytest.raises(AcmeError) as error:
        authorization.challenge("http-01")
    assert str(error.value) == f"a.example: the CA offers no http-01 challenge (offered: {offered})"


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"status": "valid"}, ""),
        ({"status": "pending", "challenges": [challenge()]}, ""),
        ({"status": "invalid"}, "a.example: its authorization is invalid, and the CA does not say why"),
        ({"status": "deactivated"}, "a.example: its authorization has been deactivated"),
        ({"status": "expired"}, "a.example: its authorization has expired"),
        ({"status": "revoked"}, "a.example: its authorization has been revoked by the CA"),
        (
            {
                "status": "invalid",
                "challenges": [
                    challenge("dns-01"),
                    challenge(error={"type": NAMESPACE + "unauthorized", "detail": "Invalid response: 404"}),
                ],
            },
            "a.example: http-01: unauthorized: Invalid response: 404",
        ),
        (
            {
                "status": "invalid",
                "challenges": [challenge(error={"detail": "no type"}), challenge("dns-01", error="x")],
            },
            "a.example: http-01: unknown: no type; dns-01: unknown: x",
        ),
    ],
)
def test_failure_text_of_document(document, text):
    assert Authorization.parse(URL, {"identifier": NAME, **document}).failure() == text


@pytest.mark.parametrize(
    ("answer", "error"), [(html(), ProtocolError), (html(404), ProblemError), (Answer(200, []), ProtocolError)]
)
def test_fetch_malformed_answer_raises(ca, client, answer, error):
    ca.always("/authz", answer)
    with pytest.raises(error):
        Authorization.fetch(client, f"{ca.url}/authz/1")


def test_fetch_http_url_raises(ca, client):
    with pytest.raises(ProtocolError, match="ACME requires https"):
        Authorization.fetch(client, "http://192.0.2.1/authz/1")
    assert ca.requests == []


def test_create_name_and_address_sends_newauthz(ca, open_client):
    ca.new_authz = True
    client = open_client()
    made = Authorization.create(client, "a.example")
    assert (made.status, made.name) == ("pending", "a.example")
    assert ca.path(made.url) in ca.authorizations
    Authorization.create(client, "192.0.2.7")
    assert [request.payload for request in ca.signed("/new-authz")] == [
        {"identifier": {"type": "dns", "value": "a.example"}},
        {"identifier": {"type": "ip", "value": "192.0.2.7"}},
    ]


def test_create_not_offered_raises(ca, client):
    with pytest.raises(ProtocolError, match="it has no newAuthz"):
        Authorization.create(client, "a.example")
    assert ca.signed() == []


def test_create_without_url_raises(ca, open_client):
    ca.new_authz = True
    ca.script("/new-authz", Answer(201, {"status": "pending"}))
    with pytest.raises(ProtocolError, match=r"/new-authz returned no authorization URL$"):
        Authorization.create(open_client(), "a.example")


def test_deactivate_valid_authorization_is_deactivated(ca, client):
    ca.order(client.account_uri, ["a.example"], "ready")
    (path,) = ca.authorizations
    authorization = Authorization.fetch(client, ca.url + path)
    assert authorization.deactivate(client).status == "deactivated"
    assert ca.authorizations[path]["status"] == "deactivated"


IGNORED = {
    "answered 200 with status valid": Answer(200, {"status": "valid"}),
    "answered 200 with nothing in it": Answer(200, {}),
    "refused": problem("unauthorized", 403, "not here"),
}


@pytest.mark.parametrize("case", IGNORED)
def test_deactivate_ignored_by_ca_raises(ca, client, case):
    ca.order(client.account_uri, ["a.example"], "ready")
    (path,) = ca.authorizations
    authorization = Authorization.fetch(client, ca.url + path)
    ca.script(path, IGNORED[case])
    with pytest.raises(AcmeError) as raised:
        authorization.deactivate(client)
    assert str(raised.value) == (
        "a.example: deactivation: unauthorized: not here"
        if case == "refused"
        else f"a.example: the authorization {ca.url}{path} is not deactivated: the CA accepted the request, and the "
        "authorization is still valid. Ask the CA to deactivate it"
    )


@pytest.mark.parametrize("answer", [Answer(200, {}), RESET, problem("malformed", 400, "it is not valid")])
def test_deactivate_answer_without_new_status_is_judged_by_the_authorization(ca, client, answer):
    ca.order(client.account_uri, ["a.example"], "ready")
    (path,) = ca.authorizations
    authorization = Authorization.fetch(client, ca.url + path)
    ca.script(path, lambda request: ca.behave(request) and answer)
    assert authorization.deactivate(client).status == "deactivated"
