# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a CA, and changes to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

JSON, PROBLEM, HTML = "application/json", "application/problem+json", "text/html; charset=utf-8"
PAGE = b"<!doctype html>\n<title>Maintenance</title>\n<p>We will be back soon.</p>\n"
#: Headers that sentences may name; all other words are fields of a JSON document.
HEADERS = (
    *("Cache-Control", "Content-Encoding", "Content-Type", "Date", "Link", "Location", "Replay-Nonce", "Retry-After"),
)
#: Status by type of problem (RFC 8555 section 6.7, RFC 9773 section 7.4).
PROBLEMS = {
    **dict.fromkeys(("accountDoesNotExist", "badCSR", "badNonce", "badPublicKey", "malformed"), 400),
    **dict.fromkeys(("badSignatureAlgorithm", "invalidContact", "invalidProfile", "rejectedIdentifier"), 400),
    **dict.fromkeys(("unsupportedContact", "unsupportedIdentifier", "compound"), 400),
    **dict.fromkeys(("externalAccountRequired", "orderNotReady", "unauthorized", "userActionRequired", "caa"), 403),
    **dict.fromkeys(("connection", "dns", "tls", "incorrectResponse"), 400),
    **dict.fromkeys(("alreadyReplaced", "conflict"), 409),
    **dict.fromkeys(("rateLimited",), 429),
    **dict.fromkeys(("serverInternal",), 500),
}


@dataclass(frozen=True)
class Answer:
    """An answer of the CA, or in its place. *delivery*: how it is sent, a word of delivery.py."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delivery: str = ""

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; empty if it is not one."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def header(self, name: str, value: str | None) -> Answer:
        """Return the answer with a header; without it for None."""
        kept = {key: text for key, text in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers={**kept, **({} if value is None else {name: value})})

    def edit(self, change: Callable[[dict[str, Any]], object]) -> Answer:
        """Return the answer with its JSON object changed; unchanged if it has none."""
        document = self.json()
        if not document:
            return self
        change(document)
        return replace(self, body=json.dumps(document).encode())


def of_document(document: Any, status: int = 200, kind: str = JSON) -> Answer:
    """Return an answer with a JSON document."""
    return Answer(status, {"Content-Type": kind}, json.dumps(document).encode())


def problem(kind: str, detail: str = "") -> dict[str, Any]:
    """Return the problem document of a type (RFC 8555 section 6.7)."""
    text = detail or f"the bent CA says {kind}"
    return {"type": f"urn:ietf:params:acme:error:{kind}", "detail": text, "status": PROBLEMS.get(kind, 400)}


def of_problem(kind: str, detail: str = "") -> Answer:
    """Return an answer with a problem. One that a person has to deal with says where (RFC 8555 section 7.3.3)."""
    document = problem(kind, detail)
    answer = of_document(document, document["status"], PROBLEM)
    if kind != "userActionRequired":
        return answer
    document["instance"] = "https://ca.lab.test/agree?token=new-terms"
    link = '<https://ca.lab.test/terms/v2>;rel="terms-of-service"'
    return of_document(document, document["status"], PROBLEM).header("Link", link)


def of_status(status: int) -> Answer:
    """Return an answer as a load balancer gives it: a status and a page."""
    return Answer(status, {"Content-Type": HTML}, f"<h1>{status}</h1>\n".encode())


def http_date(after: timedelta, now: datetime | None = None) -> str:
    """Return an instant from now as an HTTP date."""
    return format_datetime((now or datetime.now(timezone.utc)) + after, usegmt=True)


def set_value(answer: Answer, name: str, value: Any) -> Answer:
    """Return the answer with a header or a field of its document set."""
    if name in HEADERS:
        return answer.header(name, str(value))
    return _edit_field(answer, name, lambda part: part.update({name: value}))


def leave_out(answer: Answer, name: str) -> Answer:
    """Return the answer without a header or a field of its document."""
    if name in HEADERS:
        return answer.header(name, None)
    return _edit_field(answer, name, lambda part: part.pop(name, None))


def make_relative(answer: Answer, name: str) -> Answer:
    """Return the answer with the URLs of a header or a field relative (RFC 3986 section 4.2)."""
    if name in HEADERS:
        value = answer.headers.get(name)
        return answer if value is None else answer.header(name, relative(value))

    def change(part: dict[str, Any]) -> None:
        value = part.get(name)
        if isinstance(value, str):
            part[name] = relative(value)
        elif isinstance(value, list):
            part[name] = list(map(relative, value))

    return _edit_field(answer, name, change)


def _edit_field(answer: Answer, name: str, change: Callable[[dict[str, Any]], object]) -> Answer:
    """Change a field; those that an authorization does not have itself are of its challenges."""

    def edit(document: dict[str, Any]) -> None:
        inner = document.get("challenges") if name not in document else None
        for part in inner or [document]:
            change(part)

    return answer.edit(edit)


def move_date(answer: Answer, by: timedelta) -> Answer:
    """Return the answer with another Date."""
    sent = answer.headers.get("Date")
    return answer.header("Date", http_date(by, parsedate_to_datetime(sent) if sent else None))


def relative(url: str) -> str:
    """Return a URL without scheme and host."""
    return urlsplit(url)._replace(scheme="", netloc="").geturl()
