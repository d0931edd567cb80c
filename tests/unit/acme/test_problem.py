# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problem documents (RFC 7807, RFC 8555 section 6.7): no field is required."""

from __future__ import annotations

import json

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.problem import Problem
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import FailureKind
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import one_line
from tests.unit.acme.server import NAMESPACE

JWT = "eyJhbGciOiJIUzI1NiJ9." + "x" * 1200


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"type": NAMESPACE + "malformed", "detail": "no"}, "malformed: no"),
        ({"type": NAMESPACE + "malformed"}, "malformed"),
        ({"type": "about:blank", "detail": "no"}, "about:blank: no"),
        ({"detail": "DigiCert leaves it out"}, "unknown: DigiCert leaves it out"),
        ({"type": None, "title": "a title"}, "unknown: a title"),
        ({"type": 5, "detail": {"a": 1}}, "5: {'a': 1}"),
        ({}, "unknown"),
        ([], "unknown"),
        (["list"], "unknown: ['list']"),
        ("text", "unknown: text"),
        (None, "unknown"),
        ({"type": "x", "subproblems": "none"}, "x"),
        ({"type": "x", "identifier": "a.example"}, "x"),
        ({"type": "x", "identifier": {"type": "dns", "value": "a.example"}}, "a.example: x"),
        ({"type": "x", "detail": "two\nlines\x1b[31m\u202e"}, "x: two lines [31m"),
        ({"type": "x", "detail": "\ud800"}, "x"),
        (
            {
                "type": NAMESPACE + "rejectedIdentifier",
                "detail": "2 of 3 refused",
                "subproblems": [
                    {
                        "type": NAMESPACE + "caa",
                        "detail": "CAA forbids",
                        "identifier": {"type": "dns", "value": "a.example"},
                    },
                    {"type": NAMESPACE + "dns", "identifier": {"type": "dns", "value": "b.example"}},
                    7,
                ],
            },
            "rejectedIdentifier: 2 of 3 refused [a.example: caa: CAA forbids; b.example: dns; unknown: 7]",
        ),
        ({"type": NAMESPACE + "userActionRequired"}, "userActionRequired"),
        (
            {"type": NAMESPACE + "userActionRequired", "detail": "no", "instance": "https://ca.example/agree\n"},
            "userActionRequired: no (visit https://ca.example/agree, then run again)",
        ),
        ({"type": "x", "instance": "https://ca.example/log/7"}, "x"),
        # RFC 8555 section 6.7.1 has one level
        ({"type": "x", "subproblems": [{"type": "y", "subproblems": [{"type": "z"}]}]}, "x [y]"),
    ],
)
def test_problem_text_is_one_line(document, text):
    assert str(Problem.parse(document)) == text


def test_problem_text_keeps_url_of_paused_account():
    url = f"https://portal.letsencrypt.org/sfe/v1/unpause?jwt={JWT}"
    text = str(Problem.parse({"type": NAMESPACE + "rateLimited", "detail": f"Your account is paused. Visit: {url}"}))
    assert text.endswith(url)


def test_problem_text_has_whole_instance_and_terms():
    instance, terms = f"https://ca.example/agree?token={JWT}", "https://ca.example/terms/2"
    body = json.dumps({"type": NAMESPACE + "userActionRequired", "detail": "no", "instance": instance}).encode()
    assert str(Problem.of_response(403, body, [terms])) == (
        f"userActionRequired: no (visit {instance}, read the terms of service {terms}, then run again)"
    )
    assert str(Problem.of_response(403, b'{"type": "x"}', [terms])) == "x"


def test_problem_text_long_is_cut():
    assert len(str(Problem.parse({"type": "x" * 10_000, "detail": "y" * 100_000}))) < 3000
    assert one_line("abcdef", 5) == "ab..."
    assert one_line("abcde", 5) == "abcde"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"type": "x"', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "html", "truncated", "bytes", "nested"],
)
def test_of_response_without_problem_document_has_http_status(body):
    problem = Problem.of_response(502, body)
    assert str(problem) == "unknown: HTTP 502, without a problem document"
    assert problem.status == 502


def test_of_response_deeply_nested_subproblems_are_cut():
    body = b'{"subproblems":[' * 300 + b"{}" + b"]}" * 300
    assert str(Problem.of_response(400, body)) == "unknown [unknown]"


@pytest.mark.parametrize(
    ("told", "document", "status"),
    [(403, {"status": 500}, 403), (0, {"status": 403}, 403), (0, {"status": "403"}, 0), (0, {}, 0)],
)
def test_of_response_status_of_answer_takes_precedence(told, document, status):
    assert Problem.of_response(told, json.dumps(document).encode()).status == status


@pytest.mark.parametrize(
    ("kind", "status", "is_temporary"),
    [
        ("rateLimited", 429, True),
        ("rateLimited", 503, True),
        ("rateLimited", 0, True),
        ("unknown", 429, True),
        ("serverInternal", 500, True),
        ("unknown", 502, True),
        ("badNonce", 400, True),
        ("malformed", 400, False),
        ("unauthorized", 403, False),
        ("unknown", 404, False),
        ("unknown", 499, False),
    ],
)
def test_problem_is_temporary(kind, status, is_temporary):
    assert Problem(kind, status=status).is_temporary == is_temporary


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("connection", 400, FailureKind.VALIDATION),
        ("dns", 400, FailureKind.VALIDATION),
        ("incorrectResponse", 403, FailureKind.VALIDATION),
        ("caa", 403, FailureKind.REFUSAL),
        ("rejectedIdentifier", 400, FailureKind.REFUSAL),
        ("badCSR", 400, FailureKind.REFUSAL),
        ("unknown", 404, FailureKind.REFUSAL),
        ("rateLimited", 429, FailureKind.CA),
        ("serverInternal", 500, FailureKind.CA),
        ("unknown", 503, FailureKind.CA),
        ("userActionRequired", 403, FailureKind.CA),
        ("accountDoesNotExist", 400, FailureKind.CA),
    ],
)
def test_problem_kind_says_what_fails(kind, status, expected):
    assert Problem(kind, status=status).kind == expected


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("connection", 400, FailureKind.VALIDATION),
        # Of an account elsewhere; here the answer to the challenge was wrong.
        ("unauthorized", 403, FailureKind.VALIDATION),
        ("malformed", 400, FailureKind.VALIDATION),
        ("unknown", 0, FailureKind.VALIDATION),
        ("caa", 403, FailureKind.REFUSAL),
        ("rejectedIdentifier", 400, FailureKind.REFUSAL),
        ("serverInternal", 0, FailureKind.CA),
        ("serverInternal", 500, FailureKind.CA),
        ("rateLimited", 429, FailureKind.CA),
    ],
)
def test_problem_kind_of_validation_says_if_another_ca_may_help(kind, status, expected):
    assert Problem(kind, status=status).kind_of_validation == expected
