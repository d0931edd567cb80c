# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of challenges, also at CAs whose orders do not say what came of it (RFC 8555 sections 7.5.1 and 8.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import validation
from ansible_collections.certfleet.tls.plugins.module_utils._acme.authorization import Authorization
from ansible_collections.certfleet.tls.plugins.module_utils._acme.challenge import Challenge
from ansible_collections.certfleet.tls.plugins.module_utils._acme.challenge_data import describe
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AcmeError,
    DeadlineError,
    OrderInvalid,
    ProblemError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.validation import Step, next_step
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from tests.unit.acme.ca import pem
from tests.unit.acme.orders import wanted
from tests.unit.acme.server import NAMESPACE, RESET, Answer, html, problem

CONNECTION = {"type": NAMESPACE + "connection", "detail": "could not connect"}
REASON = "a.example: http-01: connection: could not connect"


@pytest.mark.parametrize(
    ("status", "error", "posts", "step"),
    [
        ("pending", None, 1, Step.WAIT),
        ("pending", CONNECTION, 1, Step.POST),
        ("pending", CONNECTION, 2, Step.POST),
        ("pending", CONNECTION, 3, Step.FAIL),
        # The CA makes other attempts by itself.
        ("processing", None, 1, Step.WAIT),
        ("processing", CONNECTION, 3, Step.WAIT),
        ("valid", None, 1, Step.WAIT),
        ("valid", CONNECTION, 3, Step.WAIT),
        ("invalid", CONNECTION, 1, Step.FAIL),
        ("invalid", None, 1, Step.FAIL),
        ("odd", CONNECTION, 1, Step.WAIT),
    ],
)
def test_next_step_of_a_challenge(status, error, posts, step):
    assert next_step(Challenge.parse({"status": status, "error": error}), posts) is step


class OddCa:
    """The scripted CA with challenges that a test describes, and orders that stay pending meanwhile."""

    def __init__(self, ca):
        self.ca = ca
        self.posts = 0
        self.challenge = {"status": "pending"}
        self.authorization = {}
        ca.always("/challenge", self._answer)
        ca.always("/authz", self._read)

    def _answer(self, request):
        self.posts += request.payload is not None
        return Answer(200, self._document())

    def _read(self, request):
        document = self.ca.authorization_document(request.path)
        return Answer(200, {**document, "challenges": [self._document()], **self.authorization})

    def _document(self):
        return {
            "type": "http-01",
            "token": "a-token-of-128-bits-01",
            "url": f"{self.ca.url}/challenge/1",
            **self.challenge,
        }

    def prove(self):
        """Let the validation succeed."""
        self.challenge = {"status": "valid"}
        for authorization in self.ca.authorizations.values():
            authorization["status"] = "valid"


@pytest.fixture
def odd(ca):
    return OddCa(ca)


class TestOrder:
    def test_validate_failure_in_the_answer_to_the_challenge_raises_at_once(self, odd, ca, prepare, complete, time):
        prepared = prepare()
        odd.challenge = {"status": "invalid", "error": CONNECTION}
        odd.authorization = {"status": "invalid", "challenges": None}
        with pytest.raises(OrderInvalid, match=rf"^{REASON}$"):
            complete(prepared)
        assert time.pauses == []
        assert ca.counts() == {"/new-order": 1, "/authz": 1, "/challenge": 1}

    def test_validate_all_failures_in_answers_are_named(self, ca, prepare, complete):
        ca.rejected, ca.stuck_when_invalid = {"a.example": CONNECTION, "c.example": CONNECTION}, True
        with pytest.raises(OrderInvalid, match=r"^a.example: http-01: connection.*; c.example: http-01: connection"):
            complete(prepare(wanted("a.example", "b.example", "c.example")))

    def test_validate_invalid_without_a_reason_raises(self, odd, prepare, complete):
        prepared = prepare()
        odd.challenge = {"status": "invalid"}
        with pytest.raises(OrderInvalid, match=r"^a.example: validation failed$"):
            complete(prepared)

    @pytest.mark.parametrize(
        ("authorization", "reason"),
        [
            ({"status": "invalid"}, REASON),
            (
                {"status": "invalid", "challenges": None},
                "a.example: its authorization is invalid, and the CA does not say why",
            ),
            ({"status": "expired", "challenges": None}, "a.example: its authorization has expired"),
            ({"status": "revoked", "challenges": None}, "a.example: its authorization has been revoked by the CA"),
        ],
    )
    def test_validate_failed_authorization_of_pending_order_raises(
        self, odd, prepare, complete, time, authorization, reason
    ):
        prepared = prepare()
        odd.challenge = {"status": "processing"}

        def fail():
            odd.challenge = {"status": "invalid", "error": CONNECTION}
            odd.authorization = authorization

        time.at(2, fail)
        with pytest.raises(OrderInvalid, match=rf"^{reason}$"):
            complete(prepared)
        assert sum(time.pauses) < 6

    def test_validate_reason_of_the_answer_is_kept_for_an_authorization_without(self, odd, prepare, complete):
        prepared = prepare()
        odd.challenge = {"status": "processing", "error": CONNECTION}
        odd.authorization = {"status": "invalid", "challenges": None}
        with pytest.raises(OrderInvalid, match=rf"^{REASON}$"):
            complete(prepared)

    def test_validate_pending_with_error_is_posted_again_and_fails(self, odd, prepare, complete, time):
        prepared = prepare()
        odd.challenge = {"status": "pending", "error": CONNECTION}
        with pytest.raises(OrderInvalid, match=rf"^{REASON} \(the CA was asked 3 times\)$"):
            complete(prepared)
        assert odd.posts == 3
        assert 20 < sum(time.pauses) < 40

    def test_validate_pending_with_error_that_passes_is_issued(self, odd, prepare, complete, time):
        prepared = prepare()
        odd.challenge = {"status": "pending", "error": CONNECTION}
        time.at(6, odd.prove)
        assert complete(prepared).certificate == pem("leaf")
        assert odd.posts == 2

    def test_validate_challenge_that_may_not_be_posted_again_fails_with_its_reason(self, odd, ca, prepare, complete):
        prepared = prepare()
        odd.challenge = {"status": "pending", "error": CONNECTION}
        ca.script("/challenge", odd._answer, problem("malformed", 400, "not again"))
        with pytest.raises(OrderInvalid, match=rf"^{REASON} \(the CA was asked 2 times\)$"):
            complete(prepared)

    def test_validate_authorizations_that_cannot_be_read_do_not_matter(self, ca, prepare, complete):
        prepared = prepare()
        ca.pending_polls = 12
        ca.always("/authz", problem("malformed", 404))
        assert complete(prepared).certificate == pem("leaf")

    def test_validate_endless_processing_raises_with_the_reason_at_the_deadline(self, odd, prepare, complete, time):
        prepared = prepare()
        odd.challenge = {"status": "processing", "error": CONNECTION}
        with pytest.raises(OrderInvalid, match=rf"^{REASON}$"):
            complete(prepared)
        assert sum(time.pauses) == pytest.approx(300)

    def test_validate_endless_processing_without_reason_raises_at_the_deadline(self, odd, prepare, complete):
        prepared = prepare()
        odd.challenge = {"status": "processing"}
        with pytest.raises(DeadlineError, match=r"^the order .* did not get past 'pending' within 300 s$"):
            complete(prepared)

    def test_validate_two_authorizations_of_a_name_are_both_posted(self, ca, client, prepare, complete):
        prepared = prepare(wanted("a.example", "b.example"))
        twice = tuple(replace(challenge, identifier="a.example") for challenge in prepared.challenges)
        assert complete(replace(prepared, challenges=twice)).certificate == pem("leaf")
        assert ca.counts()["/challenge"] == 2

    @pytest.mark.parametrize("answer", [html(), RESET, Answer(200, []), Answer(503)], ids=str)
    def test_validate_unreadable_answer_to_the_challenge_is_repeated(self, ca, prepare, complete, answer):
        prepared = prepare()
        ca.script("/challenge", answer)
        assert complete(prepared).certificate == pem("leaf")

    def test_validate_received_challenge_with_unreadable_answer_is_not_refused(self, ca, prepare, complete):
        prepared = prepare()
        ca.script("/challenge", lambda request: ca.behave(request) and html())
        assert complete(prepared).certificate == pem("leaf")

    def test_validate_empty_answer_to_the_challenge_is_enough(self, ca, prepare, complete):
        prepared = prepare()
        ca.script("/challenge", lambda request: ca.behave(request) and Answer(200))
        assert complete(prepared).certificate == pem("leaf")
        assert ca.counts()["/challenge"] == 1

    def test_validate_refused_challenge_that_cannot_be_read_raises_the_refusal(self, ca, prepare, complete):
        prepared = prepare()
        ca.always("/challenge", problem("malformed", 400, "no"))
        with pytest.raises(ProblemError, match=r"^a.example: http-01 challenge: malformed: no$"):
            complete(prepared)


class TestAuthorization:
    @pytest.fixture
    def validate(self, ca, client, time):
        """Return validate(), which validates an authorization before any order."""
        ca.order(client.account_uri, ["a.example"])
        (path,) = ca.authorizations

        def validate_(seconds=100):
            authorization = Authorization.fetch(client, ca.url + path)
            data = describe(client, authorization, "http-01")
            return validation.validate_authorization(client, authorization, data, Deadline(time.clock, seconds))

        return validate_

    def test_validate_authorization_returns_valid_one(self, ca, validate):
        assert validate().status == "valid"
        assert ca.counts() == {"/authz": 2, "/challenge": 1}

    def test_validate_authorization_raises_at_the_deadline(self, odd, validate):
        with pytest.raises(
            DeadlineError, match=r"^a.example: the authorization .* did not get past 'pending' within 5 s$"
        ):
            validate(5)

    def test_validate_authorization_failure_in_the_answer_raises_at_once(self, ca, validate, time):
        ca.rejected = {"a.example": CONNECTION}
        with pytest.raises(OrderInvalid, match=rf"^{REASON}"):
            validate()
        assert time.pauses == []

    @pytest.mark.parametrize(("status", "reason"), [("invalid", REASON), ("odd", "a.example: it is odd")])
    def test_validate_authorization_that_fails_later_raises(self, odd, validate, time, status, reason):
        odd.challenge = {"status": "processing"}

        def fail():
            odd.challenge = {"status": "invalid", "error": CONNECTION} if status == "invalid" else {}
            odd.authorization = {"status": status}

        time.at(2, fail)
        with pytest.raises(AcmeError, match=rf"^{reason}$"):
            validate()

    def test_validate_authorization_pending_with_error_is_posted_again_and_fails(self, odd, validate):
        odd.challenge = {"status": "pending", "error": CONNECTION}
        with pytest.raises(OrderInvalid, match=rf"^{REASON} \(the CA was asked 3 times\)$"):
            validate()
        assert odd.posts == 3
