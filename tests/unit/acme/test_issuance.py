# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders from newOrder to the certificate, with as few requests as the protocol allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from time import monotonic, sleep

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import issuance
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    AcmeError,
    Cause,
    ChainError,
    DeadlineError,
    OrderInvalid,
    OrderTakenError,
    PreflightError,
    ProblemError,
    ProtocolError,
    TransportError,
    UntrustedError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import (
    Failure,
    OrderRequest,
    run_all,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.order import Order
from ansible_collections.certfleet.tls.plugins.module_utils._acme.preferred_chain import Preference
from ansible_collections.certfleet.tls.plugins.module_utils._acme.problem import Problem
from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import ChallengeData
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind, Status
from tests.unit.acme import jose
from tests.unit.acme.ca import pem
from tests.unit.acme.orders import CSR, wanted
from tests.unit.acme.server import CLOSE, CUT_HEAD, HANG, NAMESPACE, RESET, Answer, html, problem

UNAUTHORIZED = {"type": NAMESPACE + "unauthorized", "detail": "Invalid response: 404"}


class TestPrepare:
    def test_prepare_new_order_returns_challenge_data(self, ca, prepare, key):
        prepared = prepare(wanted("a.example", "b.example"))
        assert prepared.order.status == "pending"
        numbers = [path.split("/")[2] for path in ca.authorizations]
        assert list(prepared.challenges) == [
            ChallengeData(
                type="http-01",
                identifier=name,
                url=f"{ca.url}/challenge/{number}",
                status=Status.PENDING,
                token=f"a-token-of-128-bits-{int(number):02}",
                key_authorization=f"a-token-of-128-bits-{int(number):02}.{key.thumbprint}",
            )
            for name, number in zip(("a.example", "b.example"), numbers)
        ]

    @pytest.mark.parametrize("token", ["../x", "a/b", "", "a b", "a" * 21, "a" * 300])
    def test_prepare_invalid_token_raises(self, ca, prepare, token):
        document = {
            "status": "pending",
            "identifier": {"type": "dns", "value": "a.example"},
            "challenges": [{"type": "http-01", "url": f"{ca.url}/challenge/1", "token": token}],
        }
        ca.always("/authz", Answer(200, document))
        with pytest.raises(ProtocolError, match=r"token that RFC 8555 does not allow"):
            prepare()

    @pytest.mark.parametrize("challenges", [[], [{"type": "dns-01"}], None])
    def test_prepare_challenge_not_offered_raises(self, ca, prepare, challenges):
        document = {"status": "pending", "identifier": {"value": "a.example"}, "challenges": challenges}
        ca.always("/authz", Answer(200, document))
        with pytest.raises(
            AcmeError, match=r"^a.example: the CA offers no http-01 challenge \(offered: (none|dns-01)\)$"
        ):
            prepare()

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            ("invalid", r"^a.example: its authorization is invalid, and the CA does not say why$"),
            ("deactivated", r"^a.example: its authorization has been deactivated$"),
            ("expired", r"^a.example: its authorization has expired$"),
            ("revoked", r"^a.example: its authorization has been revoked by the CA$"),
            ("odd", r"^the order .* is pending, and the CA does not say why$"),
        ],
    )
    def test_prepare_invalid_authorization_raises(self, ca, prepare, status, message):
        ca.always("/authz", Answer(200, {"status": status, "identifier": {"type": "dns", "value": "a.example"}}))
        with pytest.raises(OrderInvalid, match=message):
            prepare()

    def test_prepare_offered_profile_is_sent(self, ca, open_client):
        ca.meta = {"profiles": {"shortlived": "six days"}}
        issuance.prepare(open_client(), wanted(profile="shortlived"))
        assert ca.signed("/new-order")[0].payload["profile"] == "shortlived"

    def test_prepare_profile_not_offered_sends_no_request(self, ca, prepare):
        with pytest.raises(AcmeError, match=r"^profile 'shortlived' is not offered by .*\(offered: none\)$"):
            prepare(wanted(profile="shortlived"))
        assert ca.requests == []

    def test_prepare_blocked_name_raises_with_subproblem(self, ca, prepare):
        identifier = {"type": "dns", "value": "a.example"}
        sub = {"type": NAMESPACE + "rejectedIdentifier", "detail": "policy forbids", "identifier": identifier}
        ca.always("/new-order", problem("rejectedIdentifier", 400, "Cannot issue", subproblems=[sub]))
        with pytest.raises(ProblemError) as error:
            prepare()
        assert str(error.value) == (
            "newOrder: rejectedIdentifier: Cannot issue [a.example: rejectedIdentifier: policy forbids]"
        )
        assert len(ca.signed()) == 1

    def test_prepare_order_that_is_invalid_at_once_raises(self, ca, prepare):
        error = {"type": NAMESPACE + "rejectedIdentifier", "detail": "policy"}
        ca.script("/new-order", Answer(201, {"status": "invalid", "error": error}, {"Location": f"{ca.url}/order/1"}))
        with pytest.raises(OrderInvalid, match=r"^rejectedIdentifier: policy$"):
            prepare()

    @pytest.mark.parametrize("left_out", ["authorizations", "finalize"])
    def test_prepare_url_that_new_order_leaves_out_is_read(self, ca, prepare, left_out):
        def without(request):
            answer = ca.behave(request)
            del answer.body[left_out]
            return answer

        ca.script("/new-order", without, without)
        prepared = prepare()
        assert prepared.order.missing == ""
        assert len(prepared.challenges) == 1
        ca.always("/order", without)
        with pytest.raises(ProtocolError, match=rf"is pending and has no {left_out}$"):
            prepare()

    @pytest.mark.parametrize("kind", ["dns-01", "tls-alpn-01"])
    @pytest.mark.parametrize(
        "identifier", [{}, {"type": "dns", "value": "a b"}, {"type": "dns", "value": "*.a.example"}]
    )
    def test_prepare_authorization_that_no_host_can_answer_for_raises(self, ca, client, kind, identifier):
        challenge = {"type": kind, "url": f"{ca.url}/challenge/1", "token": "a-token-of-128-bits-01"}
        ca.always("/authz", Answer(200, {"status": "pending", "identifier": identifier, "challenges": [challenge]}))
        with pytest.raises(ProtocolError, match=rf"^the authorization .* cannot be proved by {kind}: "):
            issuance.prepare(client, OrderRequest({"a.example": kind}))


class TestReplaces:
    """RFC 9773 section 5: an order that names the certificate that it replaces."""

    def test_replaces_is_sent(self, ca, prepare):
        prepare(wanted(replaces_ari_id="a.b"))
        assert ca.signed("/new-order")[0].payload["replaces"] == "a.b"

    def test_replaces_ca_without_renewal_information_is_not_sent(self, ca, open_client):
        ca.renewal_info = False
        issuance.prepare(open_client(), wanted(replaces_ari_id="a.b"))
        assert "replaces" not in ca.signed("/new-order")[0].payload

    def test_replaces_certificate_of_other_account_is_not_sent(self, ca, client, prepare):
        prepare(wanted(replaces_ari_id="a.b", replaces_account=f"{ca.url}/account/other"))
        prepare(wanted(replaces_ari_id="a.b", replaces_account=client.account_uri))
        assert [request.payload.get("replaces") for request in ca.signed("/new-order")] == [None, "a.b"]

    @pytest.mark.parametrize(
        ("kind", "status"), [("alreadyReplaced", 409), ("malformed", 400), ("unauthorized", 403), (None, 404)]
    )
    def test_replaces_refused_is_left_out(self, ca, prepare, kind, status):
        ca.meta = {"profiles": {"x": "y"}}
        ca.script("/new-order", problem(kind, status, "replaced before"))
        assert prepare(wanted("a.example", replaces_ari_id="a.b")).order.status == "pending"
        first, second = (request.payload for request in ca.signed("/new-order"))
        assert first.pop("replaces") == "a.b"
        assert first == second

    def test_replaces_server_error_about_it_is_left_out(self, ca, prepare):
        """Pebble answers so where a serial number begins with a zero."""
        trouble = problem("serverInternal", 500, "could not find an order for the given certificate")
        ca.always("/new-order", lambda request: trouble if "replaces" in request.payload else None)
        assert prepare(wanted("a.example", replaces_ari_id="a.b")).order.status == "pending"
        assert [("replaces" in request.payload) for request in ca.signed("/new-order")] == [True, False]

    def test_replaces_order_answer_lost_then_already_replaced_is_left_out(self, ca, prepare):
        ca.script("/new-order", lambda request: ca.behave(request) and RESET, problem("alreadyReplaced", 409))
        prepared = prepare(wanted(replaces_ari_id="a.b"))
        assert prepared.order.status == "pending"
        assert [("replaces" in request.payload) for request in ca.signed("/new-order")] == [True, True, False]

    def test_replaces_second_refusal_raises(self, ca, prepare):
        ca.always("/new-order", problem("malformed", 400, "never"))
        with pytest.raises(ProblemError, match=r"^newOrder: malformed: never$"):
            prepare(wanted(replaces_ari_id="a.b"))
        assert len(ca.signed("/new-order")) == 2

    def test_replaces_not_given_refusal_is_not_repeated(self, ca, prepare):
        ca.always("/new-order", problem("malformed", 400, "never"))
        with pytest.raises(ProblemError):
            prepare()
        assert len(ca.signed("/new-order")) == 1

    @pytest.mark.parametrize(
        "answer",
        [problem("rateLimited", 429), Answer(429), problem("badNonce", 400), Answer(503), Answer(502), RESET],
        ids=["rateLimited", "429", "badNonce", "503", "502", "reset"],
    )
    def test_replaces_temporary_problem_is_kept(self, ca, prepare, answer):
        ca.always("/new-order", answer)
        with pytest.raises((ProblemError, TransportError)):
            prepare(wanted(replaces_ari_id="a.b"))
        assert all(request.payload["replaces"] == "a.b" for request in ca.signed("/new-order"))


class TestComplete:
    def test_complete_sends_csr(self, ca, prepare, complete):
        complete(prepare())
        assert ca.signed("/finalize")[0].payload == {"csr": jose.encode(CSR)}
        assert ca.signed("/challenge")[0].payload == {}

    def test_complete_slow_ca_returns_certificate(self, ca, prepare, complete, time):
        ca.pending_polls, ca.processing_polls = 5, 5
        assert complete(prepare()).certificate == pem("leaf")
        assert len(ca.signed("/order")) == 12

    def test_complete_failed_validation_raises_with_name(self, ca, prepare, complete):
        ca.rejected = {"b.example": UNAUTHORIZED}
        with pytest.raises(OrderInvalid, match=r"^b.example: http-01: unauthorized: Invalid response: 404"):
            complete(prepare(wanted("a.example", "b.example")))
        assert ca.counts()["/finalize"] == 0

    def test_complete_endless_validation_raises_at_deadline(self, ca, prepare, complete, time):
        ca.pending_polls = 10**6
        with pytest.raises(DeadlineError, match=r"^the order .* did not get past 'pending' within 20 s$"):
            complete(prepare(), seconds=20)
        assert sum(time.pauses) == pytest.approx(20)

    def test_complete_endless_issuance_raises_at_deadline(self, ca, prepare, complete):
        ca.processing_polls = 10**6
        with pytest.raises(DeadlineError, match=r"^the order .* did not get past 'processing' within 20 s$"):
            complete(prepare(), seconds=20)

    def test_complete_failing_ca_raises_at_deadline(self, ca, prepare, complete, time):
        prepared = prepare()
        ca.always("/order", problem("serverInternal", 503, "down", headers={"Retry-After": "50"}))
        with pytest.raises(ProblemError, match=r"^order: serverInternal: down"):
            complete(prepared, seconds=120)
        assert sum(time.pauses) <= 120

    @pytest.mark.parametrize("retry_after", ["3", "Mon, 23 Nov 2026 12:00:03 GMT"], ids=["seconds", "date"])
    def test_complete_retry_after_of_finalize_is_waited_for(self, ca, prepare, complete, time, retry_after):
        ca.ready_orders = True
        prepared = prepare()

        def finalize(request):
            answer = ca.behave(request)
            answer.headers["Retry-After"] = retry_after
            return answer

        ca.script("/finalize", finalize)
        complete(prepared)
        assert time.pauses == [3]

    def test_complete_retry_after_of_a_day_is_polled_on(self, ca, prepare, complete, time):
        ca.ready_orders = True
        prepared = prepare()

        def finalize(request):
            answer = ca.behave(request)
            answer.headers["Retry-After"] = "86400"
            return answer

        ca.script("/finalize", finalize)
        assert complete(prepared).certificate == pem("leaf")
        assert time.pauses == [10]

    def test_complete_poll_with_the_status_before_is_polled_on(self, ca, prepare, complete):
        ca.ready_orders = True
        prepared = prepare()
        ca.script("/order", Answer(200, {"status": "processing"}), Answer(200, {"status": "ready"}))
        assert complete(prepared).certificate == pem("leaf")

    def test_complete_order_without_urls_after_new_order_is_issued(self, ca, prepare, complete):
        """Some CAs leave finalize and authorizations out of a polled order."""

        def polled(request):
            answer = ca.behave(request)
            answer.body = {name: answer.body[name] for name in answer.body if name in ("status", "certificate")}
            return answer

        ca.always("/order", polled)
        ca.always("/finalize", polled)
        assert complete(prepare()).certificate == pem("leaf")
        assert len(ca.signed()) == 7

    def test_complete_certificate_url_that_comes_later_is_read(self, ca, prepare, complete):
        ca.ready_orders, ca.processing_polls = True, None
        prepared = prepare()
        ca.script("/finalize", lambda request: ca.behave(request) and Answer(200, {"status": "valid"}))
        assert complete(prepared).certificate == pem("leaf")

    @pytest.mark.parametrize(
        "path", ["/new-nonce", "/new-order", "/authz", "/challenge", "/order", "/finalize", "/cert"]
    )
    @pytest.mark.parametrize(
        "trouble",
        [
            html(),
            Answer(200, b'{"status": "val', sized=False),
            Answer(200, b"-----BEGIN CERTIFICATE-----\nTUlJ", sized=False),
            Answer(200, b'{"status": "valid"}', cut=4),
            CUT_HEAD,
            RESET,
            CLOSE,
        ],
        ids=["page", "cut JSON", "cut PEM", "cut body", "cut head", "reset", "closed"],
    )
    @pytest.mark.parametrize("received", [True, False], ids=["received", "not received"])
    def test_complete_one_lost_answer_is_repeated(self, ca, prepare, complete, path, trouble, received):
        if isinstance(trouble, Answer):
            trouble = replace(trouble, nonce=False)
        ca.script(path, lambda request: (received and ca.behave(request), trouble)[1])
        assert complete(prepare()).certificate == pem("leaf")

    def test_complete_order_invalid_after_finalize_raises(self, ca, prepare, complete):
        ca.ready_orders = True
        prepared = prepare()
        error = {"type": NAMESPACE + "caa", "detail": "CAA record forbids issuance"}
        ca.script("/finalize", Answer(200, {"status": "invalid", "error": error}))
        with pytest.raises(OrderInvalid, match=r"^caa: CAA record forbids issuance$"):
            complete(prepared)

    def test_complete_order_invalid_in_processing_raises(self, ca, prepare, complete):
        ca.ready_orders = True
        prepared = prepare()
        error = {"type": NAMESPACE + "serverInternal", "detail": "the HSM is tired"}
        ca.script("/order", Answer(200, {"status": "invalid", "error": error}))
        with pytest.raises(OrderInvalid, match=r"^serverInternal: the HSM is tired$"):
            complete(prepared)

    def test_complete_refused_csr_raises(self, ca, prepare, complete):
        ca.ready_orders = True
        ca.always("/finalize", problem("badCSR", 400, "names differ"))
        with pytest.raises(ProblemError, match=r"^finalize: badCSR: names differ$"):
            complete(prepare())
        assert ca.counts() == {"/new-order": 1, "/finalize": 1}

    def test_complete_finalize_answered_ready_is_polled(self, ca, prepare, complete):
        ca.ready_orders, ca.processing_polls = True, 2
        prepared = prepare()
        ca.script("/finalize", lambda request: ca.behave(request) and Answer(200, {"status": "ready"}))
        ca.script("/order", Answer(200, {"status": "ready"}))
        assert complete(prepared).certificate == pem("leaf")
        assert ca.counts()["/finalize"] == 1

    def test_complete_order_that_stays_ready_raises_at_deadline(self, ca, prepare, complete):
        ca.ready_orders = True
        prepared = prepare()
        ca.always("/finalize", Answer(200, {"status": "ready"}))
        with pytest.raises(DeadlineError, match=r"did not get past 'ready' within 20 s$"):
            complete(prepared, seconds=20)

    @pytest.mark.parametrize("trouble", [RESET, CLOSE])
    def test_complete_finalize_answer_lost_is_repeated(self, ca, prepare, complete, trouble):
        ca.ready_orders = True
        prepared = prepare()
        ca.script("/finalize", lambda request: ca.behave(request) and trouble)
        assert complete(prepared).certificate == pem("leaf")
        # The repeated one is answered orderNotReady.
        assert ca.counts()["/finalize"] == 2
        assert ca.counts()["/new-order"] == 1

    @pytest.mark.parametrize("status", ["pending", "ready"])
    def test_complete_order_not_ready_raises(self, ca, prepare, complete, status):
        ca.ready_orders = True
        prepared = prepare()
        ca.orders[ca.path(prepared.order.url)]["status"] = status
        ca.always("/authz", problem("malformed", 404))
        ca.authorizations[ca.path(prepared.order.authorizations[0])]["status"] = "pending"
        ca.always("/finalize", problem("orderNotReady", 403, "not yet"))
        with pytest.raises(ProblemError, match=r"^finalize: orderNotReady: not yet$"):
            complete(prepared)
        assert ca.counts()["/finalize"] == 1

    def test_complete_invalid_order_raises_its_error(self, ca, prepare, complete):
        ca.ready_orders = True
        prepared = prepare()
        ca.orders[ca.path(prepared.order.url)].update(status="invalid", error=UNAUTHORIZED)
        with pytest.raises(OrderInvalid, match=r"^unauthorized: Invalid response: 404$"):
            complete(prepared)

    def test_complete_challenge_answer_lost_is_repeated(self, ca, prepare, complete):
        prepared = prepare()
        ca.script("/challenge", lambda request: ca.behave(request) and RESET)
        assert complete(prepared).certificate == pem("leaf")

    def test_complete_refused_challenge_raises(self, ca, prepare, complete):
        prepared = prepare()
        ca.script("/challenge", problem("malformed", 400, "no"))
        with pytest.raises(ProblemError, match=r"^a.example: http-01 challenge: malformed: no$"):
            complete(prepared)
        assert ca.counts()["/finalize"] == 0

    def test_complete_valid_order_without_certificate_url_raises(self, ca, prepare, complete):
        ca.ready_orders = True
        prepared = prepare()
        ca.always("/order", Answer(200, {"status": "valid"}))
        ca.script("/finalize", Answer(200, {"status": "valid"}))
        text = r"is valid, but the CA did not give the URL of its certificate within 20 s$"
        with pytest.raises(DeadlineError, match=text):
            complete(prepared, seconds=20)

    def test_complete_certificate_url_of_a_late_poll_is_read(self, ca, prepare, complete):
        ca.ready_orders, ca.processing_polls = True, None
        prepared = prepare()
        valid = Answer(200, {"status": "valid"})
        ca.script("/finalize", lambda request: ca.behave(request) and valid)
        ca.script("/order", valid, valid, valid)
        assert complete(prepared).certificate == pem("leaf")

    def test_complete_malformed_certificate_raises(self, ca, prepare, complete):
        ca.chain = "<html>"
        with pytest.raises(
            ChainError, match=r"^the certificate is issued, but its download failed: .* no PEM certificate$"
        ):
            complete(prepare())

    @pytest.mark.parametrize(
        ("answer", "temporary"),
        [
            (problem("malformed", 404, "no such certificate"), False),
            (problem("rateLimited", 429), True),
            (Answer(503), True),
            (RESET, True),
        ],
        ids=["404", "429", "503", "reset"],
    )
    def test_complete_failed_download_is_resumable(self, ca, prepare, complete, answer, temporary):
        """Otherwise each run would order again."""
        prepared = prepare()
        ca.always("/cert", answer)
        (failure,) = run_all([prepared], complete)
        assert (failure.resumable, failure.is_temporary) == (True, temporary)

    def test_complete_missing_alternate_chain_is_resumable(self, ca, client, prepare, time):
        ca.chain_headers = {"Link": f'<{ca.url}/other>;rel="alternate"'}
        deadline, prepared = Deadline(time.clock, 300), prepare()

        def complete(preference):
            return issuance.complete(client, prepared, CSR, deadline, preference)

        assert complete(Preference(["Root"], or_default=True)).certificate == pem("leaf")
        (failure,) = run_all([Preference(["Root"])], complete)
        assert (failure.resumable, failure.is_temporary) == (True, False)
        assert "certificate: malformed: no such resource" in failure.message


@pytest.mark.parametrize(
    ("status", "left_out", "usable"),
    [
        ("pending", (), True),
        ("pending", ("authorizations",), False),
        ("pending", ("finalize",), False),
        ("ready", ("authorizations",), True),
        ("ready", ("finalize",), False),
        ("processing", ("authorizations", "finalize"), True),
        ("valid", ("authorizations", "finalize"), True),
        ("valid", ("certificate",), False),
        ("invalid", (), False),
        ("valid", ("identifiers",), False),
    ],
)
def test_can_resume_journaled_order_with_the_urls_that_it_needs(status, left_out, usable):
    document = {
        "status": status,
        "identifiers": [{"type": "dns", "value": "a.example"}],
        "authorizations": ["/authz/1"],
        "finalize": "/finalize/1",
        "certificate": "/cert/1",
    }
    kept = {name: value for name, value in document.items() if name not in left_out}
    assert wanted().can_resume(Order.parse("https://ca.example/order/1", kept)) is usable


class TestRunAll:
    def test_run_all_one_failed_order_does_not_affect_others(self, ca, client, time):
        ca.rejected = {"3.example": UNAUTHORIZED}
        deadline = Deadline(time.clock, 10**9)

        def work(number):
            return issuance.complete(client, issuance.prepare(client, wanted(f"{number}.example")), CSR, deadline)

        results = run_all(range(20), work)
        failures = {number: result for number, result in enumerate(results) if isinstance(result, Failure)}
        assert set(failures) == {3}
        assert failures[3].message.startswith("3.example: http-01: unauthorized: Invalid response: 404")
        assert (failures[3].resumable, failures[3].is_temporary) == (False, False)

    def test_run_all_silent_server_ends_at_deadline(self, ca, open_client):
        """The server accepts connections and answers nothing: 20 orders one after the other would wait for an hour."""
        scale = 60  # of a clock that runs that much faster
        clock = Clock(monotonic=lambda: scale * monotonic(), sleep=lambda seconds: sleep(seconds / scale))
        http = Http(clock, ca.url, timeout=0.1)
        client = open_client(session=http)
        urls = [ca.order(client.account_uri, [f"{number}.example"], "ready") for number in range(20)]
        ca.always("/new-nonce", HANG)
        ca.always("/order", HANG)

        def work(url):
            request = wanted(order_uri=url, account_uri=client.account_uri)
            return issuance.prepare(client.within(Deadline(clock, 60)), request)

        begin = monotonic()
        results = run_all(urls, work)
        took = scale * (monotonic() - begin)
        http.close()
        assert [result.resumable for result in results] == [True] * 20
        assert 6 < took < 60 + 120  # two seconds by a wall clock for a busy machine

    def test_run_all_ca_without_nonces_limits_requests(self, ca, client):
        ca.always("/new-nonce", CLOSE)
        results = run_all(range(20), lambda number: issuance.prepare(client, wanted(f"{number}.example")))
        assert all("cannot be reached" in result.message for result in results)
        assert len(ca.requests) <= 3 * 5  # two fetches fail, and a third may be under way by then

    def test_run_all_results_in_order_of_items(self):
        def work(number):
            if number % 2:
                raise AcmeError(str(number))
            return number

        assert run_all(range(200), work) == [
            Failure(str(n), kind=FailureKind.REFUSAL) if n % 2 else n for n in range(200)
        ]

    def test_run_all_no_items_is_empty(self):
        assert run_all([], lambda item: item) == []

    def test_run_all_unexpected_exception_fails_one_item_without_its_text(self):
        message = "certfleet.tls failed: unexpected KeyError. Report this to its developers"
        assert run_all(["open", "secret"], lambda name: {"open": 1}[name]) == [1, Failure(message)]

    def test_run_all_error_of_the_collection_keeps_its_message(self):
        def work(_item):
            raise CollectionError("cannot read it")

        assert run_all([1], work) == [Failure("cannot read it")]

    def test_run_all_rate_limited_order_does_not_affect_others(self, ca, client):
        limited = problem("rateLimited", 429, "too many certificates", headers={"Retry-After": "7200"})
        ca.always("/new-order", lambda r: limited if r.payload["identifiers"][0]["value"] == "1.example" else None)
        results = run_all(range(3), lambda number: issuance.prepare(client, wanted(f"{number}.example")))
        assert [isinstance(result, Failure) for result in results] == [False, True, False]
        assert results[1] == Failure(
            "newOrder: rateLimited: too many certificates (not before 2026-11-23 14:00:00 UTC)",
            resumable=True,
            is_temporary=True,
            kind=FailureKind.CA,
            retry_at=datetime(2026, 11, 23, 14, tzinfo=timezone.utc),
        )

    def test_run_all_paused_account_message_has_whole_url(self, ca, client):
        url = "https://portal.letsencrypt.org/sfe/v1/unpause?jwt=" + "x" * 900
        ca.always("/new-order", problem("rateLimited", 429, f"Your account is temporarily prevented. Visit: {url}"))
        (failure,) = run_all([wanted()], lambda request: issuance.prepare(client, request))
        assert failure.message.endswith(url)
        assert failure.is_temporary
        assert len(ca.signed()) == 1


@pytest.mark.parametrize(
    ("error", "resumable", "temporary"),
    [
        (AcmeError("x"), False, False),
        (ProtocolError("x"), False, False),
        (OrderInvalid(Cause("x")), False, False),
        (ChainError("x"), True, False),
        (DeadlineError("x"), True, True),
        (TransportError("x"), True, True),
        (UntrustedError("x"), True, True),
        (ProblemError(Problem("malformed", status=400), "x"), False, False),
        (ProblemError(Problem("badNonce", status=400), "x"), True, True),
        (ProblemError(Problem("serverInternal", status=500), "x"), True, True),
        (ProblemError(Problem("rateLimited", status=429), "x"), True, True),
        (ProblemError(Problem("unknown", status=429), "x"), True, True),
    ],
)
def test_to_failure_error_has_resumable_and_temporary(error, resumable, temporary):
    failure = issuance.to_failure(error)
    assert (failure.resumable, failure.is_temporary, failure.message) == (resumable, temporary, str(error))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AcmeError("x"), FailureKind.REFUSAL),
        (OrderInvalid(Cause("x")), FailureKind.VALIDATION),
        (PreflightError("x"), FailureKind.LOCAL),
        # The CA has refused nothing, so it is asked first again.
        (OrderTakenError("x"), FailureKind.LOCAL),
        (OrderTakenError("x", is_temporary=True), FailureKind.LOCAL),
        # a later run may have it without any change
        (ChainError("x", is_temporary=True), FailureKind.CA),
    ],
)
def test_to_failure_temporary_error_is_no_refusal(error, kind):
    assert issuance.to_failure(error).kind == kind
