# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal information (ARI, RFC 9773): it may be missing, late or malformed."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import ProblemError, ProtocolError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import (
    Cached,
    RenewalCache,
    RenewalInfo,
    ask,
    ask_all,
)
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_time
from ansible_collections.certfleet.tls.plugins.module_utils._x509.certificates import ari_id
from tests.unit.acme.server import CLOSE, HANG, RESET, Answer, html, problem

# RFC 9773 section 4.1, whose serial has the high bit set
RFC_ID = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
START, END = datetime(2026, 12, 1, tzinfo=timezone.utc), datetime(2026, 12, 3, tzinfo=timezone.utc)


def window(start="2026-12-01T00:00:00Z", end="2026-12-03T00:00:00Z", **more):
    return {"suggestedWindow": {"start": start, "end": end}, **more}


@pytest.fixture
def fetch(ca, http):
    return lambda name=RFC_ID: RenewalInfo.of_answer(ask(http, f"{ca.url}/renewal-info", name))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01T00:00:00Z", START),
        ("2026-12-01t00:00:00z", START),
        (" 2026-12-01T02:00:00+02:00 ", START),
        ("2026-11-30T18:30:00-05:30", START),
        ("2026-12-01T00:00:00.5Z", START + timedelta(milliseconds=500)),
        ("2026-12-01T00:00:00.123456789Z", START + timedelta(microseconds=123456)),
        ("2026-12-01T02:00:00.123456789+02:00", START + timedelta(microseconds=123456)),
    ],
)
def test_parse_time_returns_utc(text, instant):
    assert parse_time(text) == instant
    assert parse_time(text).tzinfo is timezone.utc


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        None,
        1764547200,
        {},
        "2026-12-01T00:00:00",
        "2026-12-01",
        "2026-13-01T00:00:00Z",
        "2026-12-01T00:00:00.Zulu",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_parse_invalid_time_raises(value):
    with pytest.raises(OptionError, match=r"is not an RFC 3339 time$|has no time zone$"):
        parse_time(value)


def test_fetch_window_has_start_end_and_url(ca, fetch):
    document = window(explanationURL="https://ca.example/incident", odd=1)
    ca.script("/renewal-info", Answer(200, document, {"Retry-After": "21600"}))
    info = fetch()
    assert (info.start, info.end) == (START, END)
    assert info.explanation_url == "https://ca.example/incident"
    (request,) = ca.requests
    assert str(request) == f"GET /renewal-info/{RFC_ID}"
    assert request.protected is None


@pytest.mark.parametrize("base", ["https://ca.example/ari", "https://ca.example/ari/"])
def test_fetch_id_is_appended_with_one_slash(base):
    asked = []

    class Http:
        def get(self, url, attempts, deadline):
            asked.append(url)
            raise ProtocolError("enough")

    with pytest.raises(ProtocolError):
        ask(Http(), base, RFC_ID)
    assert asked == [f"https://ca.example/ari/{RFC_ID}"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, r"^renewal information without a suggestedWindow$"),
        ({"suggestedWindow": "now"}, r"^renewal information without a suggestedWindow$"),
        ({"suggestedWindow": {}}, r"^'None' is not an RFC 3339 time$"),
        (window(start="soon"), r"^'soon' is not an RFC 3339 time$"),
        (window(end="2026-12-03"), r"^'2026-12-03' has no time zone$"),
        # RFC 9773 section 4.2
        (window(end="2026-11-30T00:00:00Z"), r"^renewal information whose window ends before it starts$"),
        (window(end="2026-12-01T00:00:00Z"), r"^renewal information whose window ends before it starts$"),
    ],
)
def test_parse_invalid_window_raises(document, message):
    with pytest.raises(ProtocolError, match=message):
        RenewalInfo.parse(document)


@pytest.mark.parametrize(
    ("answer", "error", "requests"),
    [
        (problem("malformed", 404, "unknown certificate"), ProblemError, 1),
        (html(), ProtocolError, 1),
        (Answer(204), ProblemError, 1),
        (Answer(302, headers={"Location": "/"}), ProblemError, 1),
        # Patience is short: the lifetime decides instead.
        (Answer(503), ProblemError, 2),
        (Answer(503, headers={"Retry-After": "86400"}), ProblemError, 1),
    ],
    ids=["404", "html", "204", "redirect", "503", "503 for a day"],
)
def test_of_answer_malformed_raises(ca, fetch, answer, error, requests):
    ca.always("/renewal-info", answer)
    with pytest.raises(error):
        fetch()
    assert len(ca.requests) == requests


def test_fetch_retry_after_of_busy_ca_is_waited_for(ca, fetch, time):
    ca.script("/renewal-info", Answer(503, headers={"Retry-After": "9"}), Answer(200, window()))
    assert fetch().start == START
    assert time.pauses == [9]


@pytest.mark.parametrize(("hours", "last"), [(0, 48), (12, 36), (47, 1), (48, 0), (100, 0)])
def test_instant_leaves_part_of_window_for_next_run(hours, last):
    info = RenewalInfo(START, END)
    instants = [info.instant(f"{number}", timedelta(hours=hours)) for number in range(200)]
    assert START <= min(instants) <= max(instants) <= START + timedelta(hours=last)
    assert max(instants) >= START + timedelta(hours=last) * 0.95


def test_instant_is_in_window_and_constant():
    info = RenewalInfo(START, END)
    instants = [info.instant(f"{RFC_ID}{number}") for number in range(1000)]
    assert all(START <= instant < END for instant in instants)
    assert instants == [info.instant(f"{RFC_ID}{number}") for number in range(1000)]
    # Spread over the window: each tenth of it gets its share.
    tenths = [int((instant - START) / (END - START) * 10) for instant in instants]
    assert all(60 <= tenths.count(tenth) <= 140 for tenth in range(10))


@pytest.mark.parametrize(
    ("start", "end"),
    [("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"), ("2090-01-01T00:00:00Z", "2090-01-02T00:00:00Z")],
    ids=["past", "future"],
)
def test_parse_window_in_the_past_or_far_future(start, end):
    info = RenewalInfo.parse(window(start, end))
    assert parse_time(start) <= info.instant(RFC_ID) < parse_time(end)


def test_ask_all_missing_answers_are_one_warning(ca, http):
    def answer(request):
        return Answer(404) if request.path.endswith("gone") else Answer(200, window())

    ca.always("/renewal-info", answer)
    names = [f"id-{number}.AA" for number in range(30)]
    found, warnings = ask_all(http, f"{ca.url}/renewal-info", names, connections=4)
    assert (set(found), warnings) == (set(names), [])
    found, warnings = ask_all(http, f"{ca.url}/renewal-info", ["a.a", "b.gone", "b.also-gone"], connections=4)
    assert set(found) == {"a.a"}
    assert warnings == [
        "no renewal information for 2 of 3 certificates "
        "(renewal information: unknown: HTTP 404, without a problem document): "
        "their lifetime decides when they are renewed"
    ]


@pytest.mark.parametrize(
    ("answer", "requests"),
    [(RESET, 60), (Answer(503), 60), (Answer(503, headers={"Retry-After": "3600"}), 30)],
    ids=["no answer", "503", "503 for an hour"],
)
def test_ask_all_ca_down_warns_and_stops(ca, http, answer, requests):
    ca.always("/renewal-info", answer)
    found, (warning,) = ask_all(http, f"{ca.url}/renewal-info", [f"id-{n}.AA" for n in range(50)], connections=1)
    assert found == {}
    assert warning.startswith("no renewal information for 50 of 50 certificates (")
    assert len(ca.requests) == requests


@pytest.mark.parametrize(
    "answer",
    [
        RESET,
        CLOSE,
        html(502),
        Answer(500),
        Answer(429, headers={"Retry-After": "86400"}),
        Answer(200, b"\xff"),
        Answer(200, b"[" * 100_000),
        Answer(200, [1]),
        Answer(200, {"suggestedWindow": {"start": [], "end": {}}}),
        Answer(200, window(), {"Content-Encoding": "gzip"}),
        Answer(302, headers={"Location": "http://127.0.0.1:1/"}),
        problem("\x1b[31m", 400, "\u202e\n"),
    ],
    ids=lambda answer: answer if isinstance(answer, str) else f"{answer.status} {answer.body!r:.12}",
)
@pytest.mark.parametrize("connections", [1, 4])
def test_ask_all_failure_does_not_affect_others(ca, http, answer, connections):
    """A host chose ids that the CA's load balancer refuses, and all of them come first."""
    bad = [f"bad-{number}.AA" for number in range(29)]
    good = [f"good-{number}.AA" for number in range(30)]
    ca.always("/renewal-info", lambda request: answer if "/bad" in request.path else Answer(200, window()))
    found, (warning,) = ask_all(http, f"{ca.url}/renewal-info", bad + good, connections)
    assert list(found) == good
    assert warning.startswith("no renewal information for 29 of 59 certificates (")
    assert warning.isprintable()


def test_ask_all_many_failures_do_not_affect_others(ca, http, monkeypatch):
    monkeypatch.setattr(http, "clock", replace(http.clock, chance=random.Random(1).random))  # noqa: S311
    bad, good = [f"bad-{number}.AA" for number in range(200)], [f"good-{number}.AA" for number in range(50)]
    ca.always("/renewal-info", lambda request: Answer(500) if "/bad" in request.path else Answer(200, window()))
    found, _warnings = ask_all(http, f"{ca.url}/renewal-info", bad + good, 8)
    assert list(found) == good


def test_ask_all_timeout_does_not_affect_others(ca, hasty):
    ca.always("/renewal-info", lambda request: HANG if "/bad" in request.path else Answer(200, window()))
    found, (warning,) = ask_all(hasty, f"{ca.url}/renewal-info", ["bad.AA", "good.AA", "well.AA"], connections=1)
    assert list(found) == ["good.AA", "well.AA"]
    assert "did not answer within 0.1 s" in warning


def test_ask_all_exception_does_not_affect_others(ca, http, monkeypatch):
    parse = RenewalInfo.parse.__func__

    def parse_(cls, document, *rest):
        if document.get("break"):
            raise OverflowError("\x1b[31mtoo\nlarge")
        return parse(cls, document, *rest)

    monkeypatch.setattr(RenewalInfo, "parse", classmethod(parse_))
    ca.always("/renewal-info", lambda request: Answer(200, window(**{"break": "/bad" in request.path})))
    found, (warning,) = ask_all(http, f"{ca.url}/renewal-info", ["bad.AA", "good.AA"], connections=1)
    assert list(found) == ["good.AA"]
    assert "([31mtoo large)" in warning


NO_IDS = [
    "",
    "a",
    ".",
    "a.",
    ".a",
    "a.b.c",
    "a.b/../../new-order",
    "a.b?c=d",
    "a.b#c",
    "a.b\n",
    "a.b=",
    "a.%2e",
    "\u0430.b",
    "../a.b",
    "a" * 87 + ".b",
    "a." + "b" * 44,
]


@pytest.mark.parametrize("ari_id", NO_IDS)
def test_ask_all_malformed_id_is_not_sent(ca, http, ari_id):
    ca.always("/renewal-info", Answer(200, window()))
    found, (warning,) = ask_all(http, f"{ca.url}/renewal-info", [ari_id, RFC_ID], connections=1)
    assert list(found) == [RFC_ID]
    assert "is not an ARI certificate id (RFC 9773 section 4.1)" in warning
    assert ca.lines() == [f"GET /renewal-info/{RFC_ID}"]


def test_ask_all_longest_id(ca, http):
    ca.always("/renewal-info", Answer(200, window()))
    longest = "a" * 86 + "." + "b" * 43
    assert list(ask_all(http, f"{ca.url}/renewal-info", [longest], connections=1)[0]) == [longest]


@pytest.mark.parametrize("base", ["https://192.0.2.1/ari", "http://127.0.0.1:1/ari", "nowhere"])
def test_ask_all_url_of_another_server_warns(ca, http, base):
    found, (warning,) = ask_all(http, base, [RFC_ID], connections=1)
    assert (found, http.count) == ({}, 0)
    assert warning.startswith("no renewal information for 1 of 1 certificates (")


def test_ask_all_slow_ca_stops_at_the_deadline(ca, http, time):
    def slow(request):
        time.sleep(20)
        return Answer(200, window())

    ca.always("/renewal-info", slow)
    found, (warning,) = ask_all(http, f"{ca.url}/renewal-info", [f"id-{n}.AA" for n in range(10)], connections=1)
    assert list(found) == ["id-0.AA", "id-1.AA"]  # after 30 s and a second, no more is asked
    assert warning.startswith("no renewal information for 8 of 10 certificates (")
    assert "did not answer in time" in warning


class TestCache:
    """Retry-After across runs."""

    @pytest.fixture
    def run(self, ca, http, time, tmp_path):
        def run(*ari_ids):
            cache = RenewalCache(str(tmp_path / "cache"))
            mark = len(ca.requests)
            found, warnings = ask_all(http, f"{ca.url}/renewal-info", ari_ids or ("a.a", "b.b"), 1, cache)
            assert cache.save(time.now()) == ""
            return sorted(found), len(ca.requests) - mark, warnings

        return run

    @pytest.mark.parametrize(
        ("retry_after", "until"),
        [({"Retry-After": "7200"}, 7200), ({}, 21600), ({"Retry-After": "1"}, 60), ({"Retry-After": "999999"}, 86400)],
        ids=["two hours", "nothing said", "a second", "eleven days"],
    )
    def test_cache_next_request_waits_for_retry_after(self, ca, run, time, retry_after, until):
        ca.always("/renewal-info", Answer(200, window(explanationURL="https://ca.example/why"), retry_after))
        assert run() == (["a.a", "b.b"], 2, [])
        time.sleep(until - 2)
        assert run() == (["a.a", "b.b"], 0, [])
        assert run("a.a", "c.c") == (["a.a", "c.c"], 1, [])
        time.sleep(3)
        assert run("a.a") == (["a.a"], 1, [])

    def test_cache_returns_what_ca_returned(self, ca, http, time, tmp_path):
        ca.always("/renewal-info", Answer(200, window(explanationURL="https://ca.example/why")))
        answers = []
        for _run in range(2):
            cache = RenewalCache(str(tmp_path))
            answers.append(ask_all(http, f"{ca.url}/renewal-info", ["a.a"], 1, cache)[0]["a.a"])
            cache.save(time.now())
        assert answers[0] == answers[1] == RenewalInfo(START, END, "https://ca.example/why")
        assert len(ca.requests) == 1

    def test_cache_busy_ca_gets_no_request_before_retry_after(self, ca, run, time):
        ca.always("/renewal-info", Answer(503, headers={"Retry-After": "3600"}))
        assert run("a.a")[:2] == ([], 1)
        found, requests, (warning,) = run("a.a")
        assert (found, requests) == ([], 0)
        assert "the CA asks for a longer pause between requests" in warning
        time.sleep(3601)
        assert run("a.a")[:2] == ([], 1)

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{", '{"x": 1}', '{"x": {"until": "soon"}}', '{"x": {"until": null, "start": null}}', "9" * 999],
    )
    def test_cache_damaged_entry_is_fetched_again(self, ca, run, tmp_path, text):
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "renewal-info.json").write_text(text)
        ca.always("/renewal-info", Answer(200, window()))
        assert run() == (["a.a", "b.b"], 2, [])

    def test_cache_folder_that_cannot_be_created_is_reported(self, ca, http, time, tmp_path):
        (tmp_path / "file").write_text("")
        cache = RenewalCache(str(tmp_path / "file" / "cache"))
        ca.always("/renewal-info", Answer(200, window()))
        ask_all(http, f"{ca.url}/renewal-info", ["a.a"], 1, cache)
        assert cache.save(time.now()) == f"acme_cache {tmp_path}/file/cache cannot be written: Not a directory"

    @pytest.mark.parametrize(
        ("until", "info", "stays"),
        [
            (timedelta(seconds=1), None, True),
            (timedelta(), None, False),
            (timedelta(seconds=1), RenewalInfo(START, END), True),
            (timedelta(days=-29), RenewalInfo(START, END), True),
            (timedelta(days=-30), RenewalInfo(START, END), False),
        ],
        ids=["a pause", "a pause that is over", "a window", "a window of long ago", "a window of too long ago"],
    )
    def test_cache_entries_are_dropped_when_they_are_of_no_use(self, tmp_path, until, info, stays):
        cache = RenewalCache(str(tmp_path))
        cache.put("https://ca.example/ari/a.b", Cached(START + until, info))
        cache.save(START)
        assert len(json.loads((tmp_path / "renewal-info.json").read_text())) == int(stays)

    @pytest.mark.parametrize("answer", [RESET, Answer(500), Answer(503, headers={"Retry-After": "3600"}), Answer(404)])
    def test_cache_last_known_window_counts_while_the_ca_does_not_answer(self, ca, run, time, answer):
        ca.always("/renewal-info", Answer(200, window()))
        assert run("a.a") == (["a.a"], 1, [])
        time.sleep(21601)
        ca.always("/renewal-info", answer)
        found, _requests, (warning,) = run("a.a", "c.c")
        assert found == ["a.a"]
        assert warning.endswith(
            ": their lifetime decides when they are renewed, but for 1 of them the window that the CA gave last"
        )
        # Also after a run that got nothing.
        assert run("a.a")[0] == ["a.a"]


@pytest.mark.parametrize(
    ("serial", "encoded"),
    [
        # RFC 9773 section 4.1: the DER integer's bytes, with the zero that keeps it positive
        (0x87654321, "AIdlQyE"),
        (0x7F, "fw"),
        (0x80, "AIA"),
        (0xFF << 144, "AP8" + "A" * 24),
    ],
)
def test_ari_id_keeps_leading_zero_of_serial(serial, encoded):
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(END)
        .add_extension(x509.AuthorityKeyIdentifier(identifier, None, None), critical=False)
        .sign(key, hashes.SHA256())
    )
    assert ari_id(certificate) == f"aYhba4dGQEHhs3uEe6CuLN4ByNQ.{encoded}"


def test_cache_that_cannot_be_written_is_reported_and_leaves_nothing(tmp_path):
    cache = RenewalCache(str(tmp_path))
    (tmp_path / "renewal-info.json").mkdir()
    cache.put(f"https://ca.example/ari/{RFC_ID}", Cached(END, RenewalInfo(START, END)))
    assert cache.save(START).startswith(f"acme_cache {tmp_path} cannot be written: ")
    assert [path.name for path in tmp_path.iterdir()] == ["renewal-info.json"]
