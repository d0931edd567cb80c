# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed requests: what is sent, and what is repeated (RFC 8555 section 6)."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    ProblemError,
    ProtocolError,
    TransportError,
    UntrustedError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import ACCOUNT_KEY_TYPES
from tests.unit.acme.server import CLOSE, HANG, RESET, Answer, html, problem


@pytest.fixture
def ask(ca, client):
    """Read the account, a request that works at any time."""
    return lambda by=client: by.post_as_get(client.account_uri, "account").status


@pytest.mark.parametrize("key_type", ACCOUNT_KEY_TYPES)
def test_post_every_key_type_is_verified_by_ca(ca, open_client, key_of, key_type):
    client = open_client(key_of(key_type))
    assert client.post(client.account_uri, {"contact": ["mailto:\u00e4@a.example"]}, "it").status == 200
    (request,) = ca.signed()
    assert request.payload == {"contact": ["mailto:\u00e4@a.example"]}
    assert set(request.protected) == {"alg", "url", "nonce", "kid"}
    assert request.headers["Content-Type"] == "application/jose+json"


def test_post_as_get_has_no_payload_and_empty_post_has_object(ca, client):
    client.post_as_get(client.account_uri, "it")
    client.post(client.account_uri, {}, "it")
    assert [request.payload for request in ca.signed()] == [None, {}]


def test_post_with_jwk_only_if_asked(ca, client, key):
    client.post(client.directory.new_account, {"onlyReturnExisting": True}, "it", with_jwk=True)
    client.post_as_get(client.account_uri, "it")
    first, second = (request.protected for request in ca.signed())
    assert first["jwk"] == key.public_jwk
    assert "kid" not in first
    assert second["kid"] == client.account_uri
    assert "jwk" not in second


@pytest.mark.parametrize(
    ("answers", "pauses"),
    [
        ([RESET], [0.75]),
        ([CLOSE, RESET, CLOSE], [0.75, 1.5, 3.0]),
        ([problem("serverInternal", 500), html(502), Answer(504)], [0.75, 1.5, 3.0]),
        ([problem("serverInternal", 503, headers={"Retry-After": "30"})], [30]),
        ([html(429, {"Retry-After": "3"})], [3]),
        # The front door of a CA that is busy
        ([problem("rateLimited", 503, "Service busy", headers={"Retry-After": "4"})], [4]),
        ([Answer(200, b'{"status": "valid"}', cut=4)], [0.75]),
    ],
    ids=["reset", "connection", "5xx", "Retry-After", "429 without a problem", "busy", "truncated"],
)
def test_post_temporary_failure_is_repeated_with_a_new_nonce(ca, ask, time, answers, pauses):
    # The fixture `ca` sees to it that no nonce comes twice.
    ca.script("/account", *answers)
    assert ask() == 200
    assert time.pauses == pauses
    assert len(ca.signed()) == len(answers) + 1


@pytest.mark.parametrize(
    ("answer", "error", "count"),
    [
        (RESET, TransportError, 6),
        (problem("serverInternal", 500, "oh"), ProblemError, 6),
        (html(502), ProblemError, 6),
        (problem("malformed", 400), ProblemError, 1),
        (problem("unauthorized", 403), ProblemError, 1),
        (html(404), ProblemError, 1),
        # A rate limit counts in hours.
        (problem("rateLimited", 429), ProblemError, 1),
        (problem("rateLimited", 429, headers={"Retry-After": "5"}), ProblemError, 1),
        (problem("serverInternal", 503, headers={"Retry-After": "86400"}), ProblemError, 1),
    ],
    ids=["reset", "500", "html 502", "400", "403", "html 404", "rate limit", "rate limit, soon", "a day"],
)
def test_post_lasting_failure_raises(ca, ask, time, answer, error, count):
    ca.always("/account", answer)
    with pytest.raises(error):
        ask()
    assert len(ca.signed()) == count
    assert len(time.pauses) == count - 1
    assert all(pause <= 60 for pause in time.pauses)


@pytest.mark.parametrize("value", ["7200", "Mon, 23 Nov 2026 14:00:00 GMT"], ids=["seconds", "date"])
def test_post_rate_limit_message_has_the_instant(ca, ask, value):
    ca.always("/account", problem("rateLimited", 429, "too many", headers={"Retry-After": value}))
    with pytest.raises(ProblemError) as error:
        ask()
    assert str(error.value) == "account: rateLimited: too many (not before 2026-11-23 14:00:00 UTC)"


def test_post_rate_limit_without_instant(ca, ask):
    ca.always("/account", problem("rateLimited", 429, "too many"))
    with pytest.raises(ProblemError) as error:
        ask()
    assert str(error.value) == "account: rateLimited: too many"


def test_post_as_get_silent_server_times_out(ca, open_client, hasty):
    client = open_client(session=hasty)
    ca.always("/account", HANG)
    with pytest.raises(TransportError, match=r"did not answer within 0.1 s$"):
        client.post_as_get(client.account_uri, "account")
    assert len(ca.signed()) <= 6


@pytest.mark.parametrize(("path", "attempts"), [("/new-account", 1), ("/new-order", 2)])
def test_post_first_requests_silent_server_is_hardly_asked_again(ca, open_client, hasty, path, attempts):
    client = open_client(session=hasty)
    ca.always(path, HANG)
    with pytest.raises(TransportError, match=r"^it: .* did not answer within 0.1 s$"):
        client.post(f"{ca.url}{path}", {}, "it", with_jwk=path == "/new-account")
    assert ca.counts()[path] <= attempts
    assert hasty.count == 2 * attempts  # each with a nonce of its own


def test_post_untrusted_server_is_not_repeated(ask, http, monkeypatch):
    ask()

    def untrusted(*_unused):
        raise UntrustedError("has a certificate that is not trusted")

    monkeypatch.setattr(http, "request_once", Mock(side_effect=untrusted))
    with pytest.raises(UntrustedError):
        ask()
    assert http.request_once.call_count == 1


@pytest.mark.parametrize(("status", "count"), [(301, 1), (302, 6), (303, 6), (307, 6), (308, 1)])
def test_post_redirect_raises(ca, client, status, count):
    ca.always("/revoke", Answer(status, headers={"Location": f"{ca.url}/elsewhere"}))
    with pytest.raises(ProtocolError, match=r"^it: http://.*/revoke redirects, which a signed request cannot follow$"):
        client.post(client.directory.revoke_cert, {}, "it")
    assert len(ca.signed()) == count


def test_post_redirect_to_a_maintenance_page_is_repeated(ca, ask):
    ca.script("/account", Answer(302, headers={"Location": "https://maintenance.example/"}))
    assert ask() == 200


def test_post_http_url_raises(ca, client):
    with pytest.raises(ProtocolError, match="ACME requires https"):
        client.post_as_get("http://192.0.2.1/order/1", "order")
    assert ca.requests == []


class TestWithin:
    """A client with a deadline repeats nothing after it."""

    @pytest.mark.parametrize(
        ("answer", "error"),
        [(RESET, TransportError), (problem("serverInternal", 500), ProblemError)],
        ids=["connection", "5xx"],
    )
    def test_within_ends_repetitions(self, ca, client, ask, time, answer, error):
        ca.always("/account", answer)
        with pytest.raises(error):
            ask(client.within(Deadline(time.clock, 3)))
        assert time.pauses == [0.75, 1.5]

    def test_within_retry_after_past_deadline_raises(self, ca, client, ask, time):
        ca.always("/account", problem("serverInternal", 503, headers={"Retry-After": "20"}))
        with pytest.raises(ProblemError):
            ask(client.within(Deadline(time.clock, 10)))
        assert time.pauses == []

    def test_within_request_at_the_deadline_is_sent(self, client, ask, time):
        ask()  # which brings a nonce
        assert ask(client.within(Deadline(time.clock, 0))) == 200

    def test_within_shares_nonces_and_account(self, ca, client, ask, time):
        ask()
        ask(client.within(Deadline(time.clock, 10)))
        assert ca.lines().count("HEAD /new-nonce") == 1
        ca.script("/account", RESET, RESET, RESET, RESET)
        assert ask() == 200  # the client itself has no deadline
