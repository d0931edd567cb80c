# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resuming an order from an earlier run's journal, in each status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    ProblemError,
    ProtocolError,
    TransportError,
    UnreadableError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils._acme.urls import is_same_origin
from tests.unit.acme.ca import pem
from tests.unit.acme.orders import wanted
from tests.unit.acme.server import RESET, Answer, html, problem


def test_resume_pending_order_is_completed(ca, resume, complete):
    url, prepared = resume("pending")
    assert (prepared.order.url, len(prepared.challenges)) == (url, 1)
    assert complete(prepared).certificate == pem("leaf")
    assert ca.counts() == {"/authz": 1, "/challenge": 1, "/order": 3, "/finalize": 1, "/cert": 1}


def test_resume_pending_challenge_is_not_answered_twice(ca, client, prepare, complete):
    before = prepare()
    client.post(before.challenges[0].url, {}, "the run that was killed")
    again = prepare(wanted(order_uri=before.order.url, account_uri=client.account_uri))
    assert again.order.url == before.order.url
    complete(again)
    assert ca.counts()["/challenge"] == 1
    assert ca.counts()["/new-order"] == 1


def test_resume_valid_authorization_is_not_answered(ca, client, prepare, complete):
    before = prepare(wanted("a.example", "b.example"))
    document = ca.authorization_document(ca.path(before.order.authorizations[0]))
    document["status"] = "valid"  # by dns-01; some CAs go on listing http-01
    ca.always(ca.path(before.order.authorizations[0]), Answer(200, document))
    ca.authorizations[ca.path(before.order.authorizations[0])]["status"] = "valid"
    again = prepare(wanted("a.example", "b.example", order_uri=before.order.url, account_uri=client.account_uri))
    complete(again)
    assert [request.path for request in ca.signed("/challenge")] == [ca.path(before.challenges[1].url)]


@pytest.mark.parametrize(
    ("status", "requests"),
    [
        ("ready", {"/authz": 1, "/order": 2, "/finalize": 1, "/cert": 1}),
        # Valid at the first look, and not finalized again.
        ("processing", {"/authz": 1, "/order": 1, "/cert": 1}),
        ("valid", {"/authz": 1, "/order": 1, "/cert": 1}),
    ],
)
def test_resume_later_status_is_completed(ca, resume, complete, status, requests):
    url, prepared = resume(status)
    assert prepared.order.url == url
    assert complete(prepared).certificate == pem("leaf")
    assert ca.counts() == requests


@pytest.mark.parametrize(
    ("status", "is_resumed"),
    [("pending", True), ("ready", True), ("processing", False), ("valid", False), ("invalid", False)],
)
def test_resume_forced_order_only_if_it_is_not_finalized(ca, resume, status, is_resumed):
    """A forced renewal wants another certificate than the one that a finalized order has."""
    url, prepared = resume(status, is_forced=True)
    assert (prepared.order.url == url) is is_resumed
    assert ca.counts()["/new-order"] == (0 if is_resumed else 1)
    if status == "valid":  # its responses are removed
        assert [challenge.status for challenge in prepared.challenges] == ["pending", "stale"]


@pytest.mark.parametrize("answer", [html(), problem("serverInternal", 500, "broken")])
def test_resume_order_that_cannot_be_read_is_given_up_if_forced(ca, client, prepare, answer):
    url = ca.order(client.account_uri, ["a.example"], "ready")
    ca.always(ca.path(url), answer)
    request = wanted(order_uri=url, account_uri=client.account_uri)
    with pytest.raises((ProblemError, UnreadableError)):
        prepare(request)
    assert "/new-order" not in ca.counts()
    assert prepare(replace(request, is_forced=True)).order.url != url


def test_resume_processing_order_is_waited_for(ca, resume, complete):
    ca.processing_polls = 3
    _unused, prepared = resume("processing")
    assert prepared.order.status == "processing"
    assert complete(prepared).certificate == pem("leaf")
    assert ca.counts()["/finalize"] == 0


def test_resume_ready_order_returns_challenges_of_earlier_run(ca, resume, key):
    _unused, prepared = resume("ready", "a.example", "b.example")
    assert [challenge.identifier for challenge in prepared.challenges] == ["a.example", "b.example"]
    assert all(challenge.key_authorization.endswith(key.thumbprint) for challenge in prepared.challenges)


@pytest.mark.parametrize(
    "answer", [problem("malformed", 404), Answer(200, {"status": "valid"})], ids=["gone", "without challenges"]
)
def test_resume_valid_order_needs_no_authorizations(ca, resume, complete, answer):
    ca.always("/authz", answer)
    _unused, prepared = resume("valid")
    assert prepared.challenges == ()
    assert complete(prepared).certificate == pem("leaf")


@pytest.mark.parametrize(
    "answer",
    [problem("malformed", 404), problem("unauthorized", 403, "another account's"), Answer(410)],
    ids=["gone", "another account's", "expired"],
)
def test_resume_missing_order_makes_new_order(ca, resume, answer):
    ca.script("/order", answer)
    url, prepared = resume("pending")
    assert prepared.order.url != url
    assert ca.counts()["/new-order"] == 1


def test_resume_invalid_order_makes_new_order(resume):
    url, prepared = resume("invalid")
    assert prepared.order.url != url


@pytest.mark.parametrize("status", ["invalid", "deactivated", "expired", "revoked"])
def test_resume_invalid_authorization_makes_new_order(ca, resume, status):
    ca.script("/authz", Answer(200, {"status": status}))
    url, prepared = resume("pending")
    assert prepared.order.url != url
    # Challenges of the abandoned order are reported, so that their responses are removed.
    assert [challenge.status for challenge in prepared.challenges] == ["pending", "stale"]


@pytest.mark.parametrize("identifiers", [("b.example",), ("a.example", "b.example"), ()], ids=["other", "more", "none"])
def test_resume_order_for_other_names_makes_new_order(ca, client, prepare, identifiers):
    url = ca.order(client.account_uri, identifiers)
    prepared = prepare(wanted("a.example", order_uri=url, account_uri=client.account_uri))
    assert prepared.order.identifiers == {"a.example"}
    assert prepared.order.url != url


def test_resume_names_are_compared_as_a_set(ca, client, prepare):
    url = ca.order(client.account_uri, ["b.example", "A.example"])
    prepared = prepare(wanted("a.example", "b.example", order_uri=url, account_uri=client.account_uri))
    assert prepared.order.url == url


@pytest.mark.parametrize("account", ["https://ca.example/account/other", None])
def test_resume_order_of_other_account_is_not_fetched(ca, resume, account):
    url, prepared = resume("ready", account_uri=account)
    assert prepared.order.url != url
    assert ca.counts()["/order"] == 0


@pytest.mark.parametrize("place", ["http://localhost:1", "http://127.0.0.1:99999", "https://192.0.2.1", "file://", ""])
def test_resume_order_at_other_server_is_not_fetched(ca, resume, monkeypatch, place):
    """A host's journal must not choose where the controller connects."""
    asked = []
    once = Http.request_once
    monkeypatch.setattr(
        Http,
        "request_once",
        lambda self, method, url, *rest, **more: asked.append(url) or once(self, method, url, *rest, **more),
    )
    _unused, prepared = resume("ready", order_uri=f"{place}/order/1")
    assert prepared.order.url.startswith(ca.url)
    assert all(url.startswith(ca.url) for url in asked)
    assert ca.counts()["/order"] == 0


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://ca.example/order/1", True),
        ("https://CA.example:443/order/1", True),
        ("https://ca.example:444/order/1", False),
        ("https://ca.example.evil.example/order/1", False),
        ("https://ca.example@evil.example/order/1", False),
        ("https://evil.example\\@ca.example/order/1", False),
        ("http://ca.example/order/1", False),
        ("https://ca.example:x/order/1", False),
    ],
)
def test_is_same_origin_of_urls(url, same):
    assert is_same_origin(url, "https://ca.example/new-order") is same


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem("serverInternal", 500), ProblemError),
        (problem("rateLimited", 429), ProblemError),
        (Answer(429, headers={"Retry-After": "86400"}), ProblemError),
        (RESET, TransportError),
        (Answer(200, b"{"), ProtocolError),
    ],
    ids=["500", "rateLimited", "429", "reset", "truncated"],
)
def test_resume_failing_ca_makes_no_new_order(ca, resume, answer, error):
    ca.always("/order", answer)
    with pytest.raises(error):
        resume("ready")
    assert ca.counts()["/new-order"] == 0


def test_resume_failing_new_nonce_makes_no_new_order(ca, resume):
    ca.script("/new-nonce", *[Answer(502)] * 5)  # for all attempts; then the CA is well again
    with pytest.raises(ProblemError):
        resume("ready")
    assert ca.signed() == []
