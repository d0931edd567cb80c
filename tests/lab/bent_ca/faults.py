# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that change single requests and answers. ways.py has those that need a memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from . import answers
from .answers import Answer
from .certificates import bend_chain, make, to_der
from .language import Fault
from .resources import Request

_DER = "application/pkix-cert"


@dataclass(frozen=True)
class Exchange:
    """A request that a fault is about. pause: waits for seconds. nonce, root: from the CA. memory: of the fault."""

    request: Request
    fault: Fault
    pause: Callable[[float], None]
    nonce: Callable[[], str]
    root: Callable[[], bytes]
    memory: dict[Any, Any]

    @property
    def values(self) -> dict[str, Any]:
        return self.fault.values

    @property
    def notes(self) -> dict[str, Any]:
        """Notes about the certificate that was ordered; lost where there is none."""
        return self.request.of.notes if self.request.of else {}

    def with_nonce(self, answer: Answer) -> Answer:
        """Return an answer of an ACME server: each has a nonce (RFC 8555 section 6.5)."""
        return answer.header("Replay-Nonce", self.nonce())


Before = Callable[[Exchange], "Answer | None"]
After = Callable[[Exchange, Answer], Answer]


def _retry(x: Exchange, answer: Answer) -> Answer:
    """Add the Retry-After of a sentence: two seconds unless it says how many."""
    seconds = x.values.get("retry")
    if x.values.get("date"):
        return answer.header("Retry-After", answers.http_date(timedelta(seconds=2 if seconds is None else seconds)))
    return answer if seconds is None else answer.header("Retry-After", str(seconds))


def _wait(x: Exchange) -> None:
    x.pause(x.values["seconds"])


def _redirected(_x: Exchange) -> Answer:
    return Answer(301, {"Location": "https://elsewhere.example/dir", "Content-Type": answers.HTML}, answers.PAGE)


#: By kind: return an answer in place of the CA's, or None for its own.
BEFORE: dict[str, Before] = {
    "status": lambda x: _retry(x, answers.of_status(x.values["code"])),
    "problem": lambda x: _retry(x, x.with_nonce(answers.of_problem(x.values["problem"]))),
    "page": lambda x: Answer(200, {"Content-Type": answers.HTML}, answers.PAGE),
    "text": lambda x: x.with_nonce(Answer(200, {"Content-Type": answers.JSON}, x.values["text"].encode())),
    "redirect": _redirected,
    "silent": lambda x: Answer(200, delivery="silence"),
    "reset": lambda x: Answer(200, delivery="reset"),
    "wait": _wait,
}


def _delayed(x: Exchange, answer: Answer) -> Answer:
    _wait(x)
    return answer


def _padded(x: Exchange, answer: Answer) -> Answer:
    return replace(answer, body=answer.body + b" " * x.values["size"])


def made(x: Exchange, answer: Answer) -> Answer:
    """Make a certificate in place of the CA's."""
    if answer.status != 200 or not x.request.of:
        return answer
    chain = make(x.request.of.csr, x.values.get("how", ""), timedelta(seconds=x.values.get("seconds", 90 * 86400)))
    return replace(answer.header("Link", None), body=chain)


def _chain(x: Exchange, answer: Answer) -> Answer:
    return replace(answer, body=bend_chain(answer.body, x.values["how"])) if answer.status == 200 else answer


def _window(x: Exchange, answer: Answer) -> Answer:
    """Return renewal information of no use: from before all certificates, or from the last hours."""
    now = datetime.now(timezone.utc)
    begin, end = (datetime(1970, 1, 1, tzinfo=timezone.utc), datetime(1970, 1, 2, tzinfo=timezone.utc))
    if x.values["how"] == "now":
        begin, end = now - timedelta(hours=2), now - timedelta(hours=1)
    return answers.of_document({"suggestedWindow": {"start": _rfc3339(begin), "end": _rfc3339(end)}})


def _rfc3339(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


#: By kind: return the CA's answer changed.
AFTER: dict[str, After] = {
    "delay": _delayed,
    "deliver": lambda x, answer: replace(answer, delivery=x.values["how"]),
    "leave_out": lambda x, answer: answers.leave_out(answer, x.values["field"]),
    "relative": lambda x, answer: answers.make_relative(answer, x.values["field"]),
    "set_value": lambda x, answer: answers.set_value(answer, x.values["field"], x.values["value"]),
    "date": lambda x, answer: answers.move_date(
        answer, timedelta(seconds=x.values["seconds"]) * (1 if x.values["side"] == "ahead" else -1)
    ),
    "pad": _padded,
    "chain": _chain,
    "root": lambda x, answer: replace(answer, body=answer.body + x.root()),
    "der": lambda x, answer: replace(answer.header("Content-Type", _DER), body=to_der(answer.body)),
    "make": made,
    "lifetime": made,
    "window": _window,
}
