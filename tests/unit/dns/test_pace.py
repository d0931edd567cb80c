# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that a provider refuses for now, sent again within one time limit."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import requests

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import BusyError, DnsError, Unusable
from ansible_collections.certfleet.tls.plugins.module_utils._dns.pace import Pace, Pauses
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import lexicon as lexicon_kind
from tests.unit.dns.provider_cases import NAME, OTHER, A, B, acme_dns, exec_, failed, lexicon
from tests.unit.dns.scripted_providers import ZONE, RateLimit

BY_HTTP = pytest.mark.parametrize("make", [lexicon, acme_dns], ids=["lexicon", "acme_dns"])


def raising(*outcomes):
    """Return a function that raises these errors, one at each call, or returns what is no error."""
    left = list(outcomes)

    def exchange():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return exchange


def test_pace_retry_after_is_the_shortest_pause(time):
    pace = Pace(Pauses(time.clock, 60))
    assert pace.call(raising(BusyError("busy", 7), BusyError("busy", 0), "done")) == "done"
    assert time.pauses == [7, 1]


def test_pace_without_retry_after_pauses_grow_until_an_answer(time):
    pace = Pace(Pauses(time.clock, 60))
    assert pace.call(raising(*[BusyError("busy")] * 4, "done")) == "done"
    assert pace.call(raising(BusyError("busy"), "done")) == "done"
    assert time.pauses == [0.5, 1, 2, 4, 0.5]


def test_pace_pause_longer_than_allowed_raises_at_once(time):
    pace = Pace(Pauses(time.clock, 60))
    with pytest.raises(Unusable) as error:
        pace.call(raising(BusyError("the API answers HTTP 429", 86400)))
    assert str(error.value) == (
        "the API answers HTTP 429; it asks to wait 86400 s, and still refuses after pauses of 0 s, and busy_timeout "
        "(acme_dns_timeout) allows 60 s: run again later, or set a longer time"
    )
    assert time.pauses == []


def test_pace_pauses_are_shared_and_work_does_not_count(time):
    pauses = Pauses(time.clock, 10)
    Pace(pauses).call(raising(BusyError("busy", 8), "done"))
    time.sleep(3600)  # work
    with pytest.raises(Unusable, match=r"^busy; it asks to wait 3 s, and still refuses after pauses of 8 s, "):
        Pace(pauses).call(raising(BusyError("busy", 3)))
    assert Pace(pauses).call(raising(BusyError("busy", 1), "done")) == "done"


def test_pauses_of_several_at_once_count_once():
    passed = [0.0]

    def sleep(seconds):
        if seconds == 6:
            passed[0] += 2
            assert pauses.take(4)  # another provider's, within this one
        else:
            passed[0] += seconds

    pauses = Pauses(Clock(monotonic=lambda: passed[0], sleep=sleep), 10)
    assert pauses.take(6)
    assert pauses.passed() == 6
    assert not pauses.take(4)
    assert pauses.take(3)


def test_pace_other_error_is_final(time):
    with pytest.raises(DnsError, match="no such name"):
        Pace(Pauses(time.clock, 10)).call(raising(DnsError("no such name")))
    assert time.pauses == []


@pytest.mark.parametrize(
    ("refusal", "pause"),
    [
        ((429, {"Retry-After": "7"}), 7),
        ((429, {}), 0.5),
        ((429, {"Retry-After": "soon"}), 0.5),
        ((503, {"Retry-After": "3"}), 3),
    ],
)
@BY_HTTP
def test_change_refused_for_now_is_sent_again(opened, time, make, refusal, pause):
    case = opened(make)
    case.server.refusals = [refusal]
    provider = case.make(pauses=Pauses(time.clock, 60))
    assert provider.change(ZONE, [TxtRecord(case.name, A), TxtRecord(case.name, B)], True) == {}
    assert case.server.held(case.name) == {A, B}
    assert time.pauses == [pause]


@BY_HTTP
def test_change_retry_after_may_be_a_date(opened, time, make):
    case = opened(make)
    date = datetime.now(timezone.utc) + timedelta(seconds=20)
    case.server.refusals = [(429, {"Retry-After": format_datetime(date, usegmt=True)})]
    provider = case.make(pauses=Pauses(time.clock, 60))
    assert provider.change(ZONE, [TxtRecord(case.name, A)], True) == {}
    assert len(time.pauses) == 1
    assert 15 <= time.pauses[0] <= 21


@pytest.mark.parametrize("status", [500, 502, 503, 422])
@BY_HTTP
def test_change_other_status_is_final(opened, time, make, status):
    case = opened(make)
    case.server.refusals = [(status, {})] * 2
    provider = case.make(pauses=Pauses(time.clock, 60))
    (text,) = failed(provider, TxtRecord(case.name, A))
    assert f"HTTP {status}" in text
    assert time.pauses == []


@pytest.mark.parametrize("header", [True, False], ids=["Retry-After", "no Retry-After"])
def test_lexicon_six_names_at_an_api_with_six_requests_in_ten_seconds(opened, time, header):
    case = opened(lexicon)
    case.server.rate = RateLimit(6, 10, time.monotonic, header)
    records = [TxtRecord(f"_acme-challenge.w{number}.{ZONE}", A) for number in range(6)]
    assert case.make(pauses=Pauses(time.clock, 120)).change(ZONE, records, True) == {}
    assert all(case.server.held(record.name) == {A} for record in records)
    assert time.monotonic() - 1000 < 60


def test_lexicon_refused_for_too_long_fails_the_rest_without_more_requests(opened, time):
    case = opened(lexicon)
    provider = case.make(pauses=Pauses(time.clock, 120))
    case.server.rate = RateLimit(3, 3600, time.monotonic)
    records = [TxtRecord(NAME, A), TxtRecord(OTHER, A), TxtRecord(OTHER, B)]
    failures = provider.change(ZONE, records, True)
    assert list(failures) == records[1:]
    assert "HTTP 429" in failures[records[1]]
    assert "asks to wait 3600 s" in failures[records[1]]
    assert failures[records[2]].endswith("(for another record; this one was not tried)")
    assert case.server.held(NAME) == {A}
    assert case.server.rate.refused == 1


def test_exec_temporary_failure_is_run_again(opened, time):
    case = opened(exec_)
    program = case.server.path.read_text()
    case.server.path.write_text(
        program.replace("\n", '\n[ -e "$FOLDER/once" ] || { touch "$FOLDER/once"; echo busy >&2; exit 75; }\n', 1)
    )
    assert case.make(pauses=Pauses(time.clock, 60)).change(ZONE, [TxtRecord(NAME, A)], True) == {}
    assert case.server.held(NAME) == {A}
    assert time.pauses == [0.5]


def answered(status, **headers):
    response = requests.Response()
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    response._content = b""
    return requests.exceptions.HTTPError(response=response)


def wrapped(error):
    """Return the error that a provider of lexicon raises for the error of a request."""
    try:
        try:
            raise error
        except requests.exceptions.HTTPError:
            raise RuntimeError("Domain not found (429).")  # noqa: B904 - as some providers do
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "retry_after"),
    [
        (answered(429, Retry_After="5"), 5),
        (answered(503, Retry_After="5"), 5),
        (wrapped(answered(429, Retry_After="5")), 5),
        (RuntimeError("An error occurred (Throttling) when calling the operation: Rate exceeded"), None),
        (RuntimeError("HTTP Error 429: Too Many Requests"), None),
        (RuntimeError("status code: 429"), None),
        (answered(503), False),
        (wrapped(answered(404)), False),
        (RuntimeError("no record 429"), False),
    ],
)
def test_lexicon_error_of_a_library_is_recognized(opened, monkeypatch, error, retry_after):
    def sign_in(_self, _zone):
        raise error

    monkeypatch.setattr(lexicon_kind.Lexicon, "_sign_in", sign_in)
    provider = opened(lexicon).make()
    problem = provider._problem(error)
    assert getattr(problem, "retry_after", False) == retry_after
    assert isinstance(problem, BusyError) is (retry_after is not False)
