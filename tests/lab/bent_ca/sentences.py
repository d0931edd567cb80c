# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of the language, each with its kind: a function of faults.py or ways.py. language.py reads them.

{answers}, {of} and other words in braces stand for parts that language.py knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .certificates import MADE
from .places import ORDERS


@dataclass(frozen=True)
class Sentence:
    """A kind of sentence. pattern: a regular expression. example: where the pattern does not show one by itself.

    resources: of sentences without a place. values: of each such sentence, beside those in it.
    """

    pattern: str
    kind: str
    example: str = ""
    resources: tuple[str, ...] = ()
    values: tuple[tuple[str, Any], ...] = ()


def _words(kind: str, words: dict[str, str], resources: tuple[str, ...] = ()) -> Iterable[Sentence]:
    """Return sentences of one kind: pattern by the word that the kind knows."""
    return [Sentence(pattern, kind, "", resources, (("how", word),)) for word, pattern in words.items()]


_CHAINS = {
    "doubled": "double the certificates of the chain{of}",
    "repeated": "send the chain{of} twice in one body",
    "turned around": "turn the chain{of} around",
    "with a foreign certificate": "add a foreign certificate to the chain{of}",
    "foreign first": "put a foreign certificate before the chain{of}",
    "without its issuer": "leave the issuer out of the chain{of}",
    "without the certificate": "leave the certificate itself out of the chain{of}",
    "with text": "put text between the certificates of the chain{of}",
    "with CRLF": "end the lines of the chain{of} with CRLF",
    "without a last line": "leave the last newline out of the chain{of}",
    "in half": "send half of the chain{of}",
}
_DELIVERIES = {
    "silence": "be silent after {answers}",
    "slow": "one byte a second at {answers}",
    "slow header": "one byte a second in the header of {answers}",
    "cut before": "cut the connection before {answers}",
    "cut header": "cut the connection in the header of {answers}",
    "cut body": "cut the connection in the body of {answers}",
    "cut silently": "end {answers} early without a length",
    "twice": "send {answers} twice over",
    "garbled": "send something else than HTTP in place of {answers}",
    "chunked": "send {answers} in chunks",
    "bad chunks": "send {answers} in broken chunks",
}
_ORDER_POLLS = ("order", "finalize")
_VALIDATION = ("challenge", "authorization", *ORDERS)
_CERTIFICATE = ("certificate",)
_EVER = 10**9
_EMPTY_ACCOUNT = "newAccount of a known key answers {}"

SENTENCES: tuple[Sentence, ...] = (
    # The CA does not get the request.
    Sentence(
        r"{answers} (?:is|are) (?P<code>[345]\d\d){retry}",
        "status",
        "the third answer to newOrder is 503 with Retry-After as a date",
    ),
    Sentence("{answers} (?:is|are) {problem}{retry}", "problem", "every second answer to every request is badNonce"),
    Sentence("{problem} at {answers}{retry}", "problem"),
    Sentence("answer {answers} with an HTML page", "page"),
    Sentence("answer {answers} with {text}", "text"),
    Sentence("redirect {answers}", "redirect"),
    Sentence("be silent at {answers}", "silent", "be silent at the challenge of certificate 7"),
    Sentence("reset the connection at {answers}", "reset"),
    Sentence("wait {span} at {answers}", "wait"),
    # The CA gets it, and its answer is changed or sent badly.
    Sentence("wait {span} after {answers}", "delay"),
    *_words("deliver", _DELIVERIES),
    Sentence("leave {field} out of {answers}", "leave_out", "leave finalize out of a polled order"),
    Sentence("drop the nonce", "leave_out", values=(("field", "Replay-Nonce"),)),
    Sentence("{field} is relative(?: in {answers})?", "relative", "Location is relative"),
    Sentence(
        "{field} is (?P<value>.+?) (?:in|on) {answers}", "set_value", "Retry-After is 86400 on a processing order"
    ),
    Sentence("the Date is {span} (?P<side>ahead|behind)(?: in {answers})?", "date", "the Date is two days ahead"),
    Sentence(r"add (?P<size>\d+) bytes to {answers}", "pad", "add 2000000 bytes to the first answer to order"),
    *_words("chain", _CHAINS, _CERTIFICATE),
    Sentence("add the root to the chain{of}", "root", "", _CERTIFICATE),
    Sentence("send the certificate{of} as DER", "der", "", _CERTIFICATE),
    *_words("make", {word: f"the certificate{{of}} is {word}" for word in MADE}, _CERTIFICATE),
    Sentence("the certificate{of} lives {span}", "lifetime", "", _CERTIFICATE),
    Sentence(
        "renewal information{of} lies before the certificate", "window", "", ("renewalInfo",), (("how", "before"),)
    ),
    Sentence("renewal information{of} asks for renewal at once", "window", "", ("renewalInfo",), (("how", "now"),)),
    # It has ways of its own.
    Sentence("hand out a pending order again for the same names", "reuse", "", ("newOrder", "finalize")),
    Sentence("the order{of} stays pending when an authorization fails", "order_stays_pending", "", _ORDER_POLLS),
    Sentence("the challenge{of} fails(?: with {problem})?", "challenge_fails", "the challenge fails", _VALIDATION),
    Sentence(
        "the challenge{of} fails later(?: with {problem})?",
        "challenge_fails_later",
        "the challenge fails later",
        _VALIDATION,
    ),
    Sentence("the challenge{of} stays pending", "challenge_stays", "", _VALIDATION),
    Sentence("the challenge{of} has to be posted {times}", "challenge_again", "", ("challenge", "authorization")),
    Sentence("offer only (?P<only>[a-z0-9-]+){of}", "offer", "offer only dns-01 for shop.lab.test", ("authorization",)),
    Sentence("the token{of} is {text}", "token", "", ("authorization", "challenge")),
    Sentence(
        "(?:the order{of} becomes|orders become) invalid at finalize",
        "invalid_at_finalize",
        "orders become invalid at finalize",
        ORDERS,
    ),
    Sentence("the order{of} becomes invalid after finalize", "invalid_after_finalize", "", ORDERS),
    Sentence("the order{of} stays processing", "stays_processing", "", _ORDER_POLLS, (("polls", _EVER),)),
    Sentence(
        r"the order{of} stays processing for (?P<polls>\d+) polls",
        "stays_processing",
        "the order stays processing for 3 polls",
        _ORDER_POLLS,
    ),
    Sentence(
        r"newAccount of a known key answers \{\}",
        "empty_account",
        "newAccount of a known key answers {}",
        ("newAccount",),
    ),
    Sentence("ignore deactivation", "ignore_deactivation", "", ("account",)),
    Sentence("refuse replaces(?: with {problem})?", "refuse_replaces", "refuse replaces", ("newOrder",)),
    Sentence("ignore notAfter{of}", "ignore_not_after", "", (*ORDERS, *_CERTIFICATE)),
)
