# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways of CAs that last longer than an answer: states of orders and challenges that Pebble never has."""

from __future__ import annotations

import json
from typing import Any

from . import answers
from .answers import Answer, leave_out, of_document, of_problem, problem, set_value
from .faults import After, Before, Exchange, made

_UNREACHABLE = "connection"


def _is_deactivation(x: Exchange) -> bool:
    return (x.request.payload or {}).get("status") == "deactivated"


def _not_deactivated(x: Exchange) -> Answer | None:
    return x.with_nonce(of_document({"status": "valid", "contact": []})) if _is_deactivation(x) else None


def _replaces_refused(x: Exchange) -> Answer | None:
    if "replaces" not in (x.request.payload or {}):
        return None
    return x.with_nonce(of_problem(x.values.get("problem", "alreadyReplaced")))


# -- Challenges


def _challenge_of(x: Exchange) -> dict[str, Any]:
    """Return the challenge that a request is about, as the CA last described it."""
    return dict(x.request.of.challenges.get(x.request.path, {})) if x.request.of else {}


def _is_answer(x: Exchange) -> bool:
    """Return True for the request to validate a challenge, which POST-as-GET is not."""
    return x.request.resource == "challenge" and x.request.payload is not None


def _failing(x: Exchange) -> Answer | None:
    """Let validation of a challenge fail at once, without the CA."""
    if not _is_answer(x):
        return None
    error = problem(x.values.get("problem", _UNREACHABLE))
    x.notes["failed"] = {x.request.path: error}
    return x.with_nonce(of_document({**_challenge_of(x), "status": "invalid", "error": error}))


def _failing_later(x: Exchange) -> Answer | None:
    """Let it fail after an answer that does not say so (RFC 8555 section 7.5.1)."""
    answer = _failing(x)
    return answer and leave_out(set_value(answer, "status", "processing"), "error")


def _failed(x: Exchange, answer: Answer) -> Answer:
    """Show a failed validation in the authorization and the order."""
    if x.request.resource == "newOrder":  # with challenges of its own
        x.notes.pop("failed", None)
    failed = x.notes.get("failed")
    if not failed or x.request.resource == "challenge":
        return answer
    error = next(iter(failed.values()))
    if x.request.resource == "authorization":
        return answer.edit(lambda document: _fail_challenges(document, failed))
    return answer.edit(lambda document: document.update(status="invalid", error=error))


def _fail_challenges(document: dict[str, Any], failed: dict[str, Any]) -> None:
    document["status"] = "invalid"
    for challenge in document.get("challenges", []):
        for path, error in failed.items():
            if challenge["url"].endswith(path):
                challenge.update(status="invalid", error=error)


def _unanswered(x: Exchange) -> Answer | None:
    """Keep a challenge pending for ever."""
    return x.with_nonce(of_document({**_challenge_of(x), "status": "pending"})) if _is_answer(x) else None


def _again(x: Exchange) -> Answer | None:
    """Keep a challenge pending with an error until it has been posted often enough (RFC 8555 section 8.2)."""
    if not _is_answer(x):
        return None
    posted = x.memory[x.request.path] = x.memory.get(x.request.path, 0) + 1
    if posted >= x.values["times"]:
        return None
    error = problem(_UNREACHABLE)
    return x.with_nonce(of_document({**_challenge_of(x), "status": "pending", "error": error}))


def _again_shown(x: Exchange, answer: Answer) -> Answer:
    """Show the error in the authorization, too."""

    def change(document: dict[str, Any]) -> None:
        for challenge in document.get("challenges", []):
            posted = x.memory.get(answers.relative(challenge["url"]), 0)
            if 0 < posted < x.values["times"]:
                challenge["error"] = problem(_UNREACHABLE)

    return answer.edit(change) if x.request.resource == "authorization" else answer


def _offered(x: Exchange, answer: Answer) -> Answer:
    def change(document: dict[str, Any]) -> None:
        document["challenges"] = [item for item in document["challenges"] if item["type"] == x.values["only"]]

    return answer.edit(change) if "challenges" in answer.json() else answer


def _token(x: Exchange, answer: Answer) -> Answer:
    def change(document: dict[str, Any]) -> None:
        for challenge in document.get("challenges", [document]):
            challenge["token"] = x.values["text"]

    return answer.edit(change)


# -- Orders


def _order_stays_pending(_x: Exchange, answer: Answer) -> Answer:
    def change(document: dict[str, Any]) -> None:
        if document.get("status") == "invalid":
            document["status"] = "pending"
            document.pop("error", None)

    return answer.edit(change)


def _spoilt(x: Exchange) -> Answer | None:
    """Make an order invalid in place of finalizing it; the CA never knows."""
    if x.request.resource == "finalize":
        x.notes["spoilt"] = problem("serverInternal")
        order = {"status": "invalid", "error": x.notes["spoilt"], **x.notes.get("order", {})}
        return x.with_nonce(of_document(order))
    return None


def _spoilt_shown(x: Exchange, answer: Answer) -> Answer:
    """Show an order as invalid since it was finalized."""
    document = answer.json()
    if x.request.resource == "newOrder":  # a new one is a new chance to fail
        x.notes.pop("spoilt", None)
    if x.request.resource != "finalize" and document:
        x.notes["order"] = {name: document[name] for name in document if name not in ("status", "error")}
    if "spoilt" not in x.notes:
        return answer
    return answer.edit(lambda order: order.update(status="invalid", error=x.notes["spoilt"]))


def _spoilt_later(x: Exchange, answer: Answer) -> Answer:
    """Show an order as processing in the answer to finalize, and as invalid from then on."""
    if x.request.resource == "finalize" and answer.status == 200:
        x.notes["spoilt"] = problem("serverInternal")
        return answer.edit(lambda order: _unfinished(order, "processing"))
    shown = _spoilt_shown(x, answer)
    return shown.edit(lambda order: _unfinished(order, "invalid")) if "spoilt" in x.notes else shown


def _unfinished(order: dict[str, Any], status: str) -> None:
    order["status"] = status
    order.pop("certificate", None)


def _processing(x: Exchange, answer: Answer) -> Answer:
    """Keep a finalized order processing for a number of polls."""
    document = answer.json()
    if document.get("status") not in ("processing", "valid"):
        return answer
    polled = x.notes["polled"] = x.notes.get("polled", 0) + (x.request.resource == "order")
    return answer.edit(lambda order: _unfinished(order, "processing")) if polled <= x.values["polls"] else answer


def _reused(x: Exchange, answer: Answer) -> Answer:
    """Answer newOrder with the account's open order for the same identifiers, with a new nonce.

    The proxy has no account key to read the order with, so it repeats the first answer. The order that the CA has made
    is never used.
    """
    if x.request.resource == "finalize":
        if answer.status == 200:
            for key in [key for key, earlier in x.memory.items() if _finalized(earlier, x.request.path)]:
                del x.memory[key]
        return answer
    if answer.status != 201 or not x.request.payload:
        return answer
    wanted = {name: value for name, value in x.request.payload.items() if name in ("identifiers", "profile")}
    key = json.dumps([x.request.protected.get("kid"), wanted], sort_keys=True)
    if key not in x.memory:
        x.memory[key] = answer
        return answer
    earlier: Answer = x.memory[key]
    return earlier.header("Replay-Nonce", answer.headers["Replay-Nonce"])


def _finalized(earlier: Answer, path: str) -> bool:
    return answers.relative(earlier.json()["finalize"]) == path


# -- Accounts and validity


def _empty_account(x: Exchange, answer: Answer) -> Answer:
    """Leave the account out of the answer to newAccount of a known key (RFC 8555 section 7.3.1)."""
    return answer if answer.status != 200 else Answer(200, answer.headers, b"{}")


def _not_after_ignored(x: Exchange, answer: Answer) -> Answer:
    """Issue for 90 days, and say nothing about the notAfter that was asked for."""
    if x.request.resource != "certificate":
        return leave_out(answer, "notAfter")
    return made(x, answer)


WAYS_BEFORE: dict[str, Before] = {
    "ignore_deactivation": _not_deactivated,
    "refuse_replaces": _replaces_refused,
    "challenge_fails": _failing,
    "challenge_fails_later": _failing_later,
    "challenge_stays": _unanswered,
    "challenge_again": _again,
    "invalid_at_finalize": _spoilt,
}
WAYS_AFTER: dict[str, After] = {
    "challenge_fails": _failed,
    "challenge_fails_later": _failed,
    "challenge_again": _again_shown,
    "offer": _offered,
    "token": _token,
    "order_stays_pending": _order_stays_pending,
    "invalid_at_finalize": _spoilt_shown,
    "invalid_after_finalize": _spoilt_later,
    "stays_processing": _processing,
    "reuse": _reused,
    "empty_account": _empty_account,
    "ignore_not_after": _not_after_ignored,
}
