# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of faults: each is a sentence, as in sentences.py. parse() reads one.

A place is a resource (places.py), as in "newOrder" or "a polled order"; "every request" is any. With a status, "a
processing order" or "an invalid authorization" is an answer that has it; such an order is also in the answers to
newOrder and finalize. A place may be narrowed by "of shop.lab.test", "of certificate 7" (the seventh that was ordered)
or "of each certificate" (then requests are counted for each by itself). Where a sentence is about answers, "the third
answer to newOrder", "the first two answers to", "every second answer to" and "newOrder after the third" choose some;
else all are meant. "once", "twice" or "three times" at the end of a sentence means the first ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .answers import HEADERS, PROBLEMS
from .places import ALWAYS, ORDERS, RESOURCES, STATUSES, WITHOUT_NONCE, Place, Subject, Times
from .sentences import SENTENCES, Sentence

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
#: Fields of a CA's documents (RFC 8555 section 7.1, RFC 9773 section 4.2) that a sentence may name.
FIELDS = (
    *("authorizations", "certificate", "challenges", "contact", "detail", "error", "expires", "finalize", "identifier"),
    *("identifiers", "instance", "keyChange", "meta", "newAccount", "newNonce", "newOrder", "notAfter", "notBefore"),
    *("orders", "profile", "renewalInfo", "replaces", "revokeCert", "status", "subproblems", "suggestedWindow"),
    *("token", "type", "url", "validated", "wildcard"),
)
#: Kinds that answer in the CA's place, so that nobody knows a status.
_WITHOUT_THE_CA = ("status", "problem", "page", "text", "redirect", "silent", "reset", "wait")


class SentenceError(ValueError):
    """A sentence that is not understood."""


@dataclass(frozen=True)
class Fault:
    """A fault of a CA: the requests that it concerns, and what becomes of them (*kind*, with *values*)."""

    sentence: str
    kind: str
    place: Place
    times: Times
    values: dict[str, Any]


def _any_of(words: Iterable[str]) -> str:
    return "(?:" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + ")"


_ORDINAL, _NUMBER = _any_of(ORDINALS), rf"(?:\d+|{_any_of(NUMBERS)})"
_NAME = r"[a-z0-9*-]+(?:\.[a-z0-9-]+)+"
_OF = rf"(?: (?:of|for) (?:certificate (?P<number>\d+)|(?P<each>each certificate)|(?P<name>{_NAME})))?"
_PLACE = (
    rf"(?:(?:an?|the|every|all) )?(?:(?P<status>{_any_of(STATUSES)}) |polled )?"
    rf"(?P<resource>{_any_of((*RESOURCES, 'request'))})s?{_OF}"
)
_CHOICE = rf"the (?P<nth>{_ORDINAL})|the first (?P<most>{_NUMBER})|every (?P<step>{_ORDINAL})|every|the"
#: Parts of sentences, each with an example.
_PARTS = {
    "answers": (rf"(?:(?:{_CHOICE}) answers? to )?{_PLACE}(?: after the (?P<after>{_ORDINAL}))?", "newOrder"),
    "of": (_OF, ""),
    "field": (rf"(?P<field>{_any_of((*HEADERS, *FIELDS))})", "Location"),
    "problem": (rf"(?P<problem>{_any_of(PROBLEMS)})", "rateLimited"),
    "retry": (r"(?: with Retry-After(?: (?P<retry>\d+))?(?P<date> as a date)?)?", ""),
    "span": (rf"(?P<amount>{_NUMBER}) (?P<unit>{_any_of(UNITS)})s?", "10 seconds"),
    "times": (rf"(?P<times>{_NUMBER}) times", "three times"),
    "text": (r'"(?P<text>[^"]*)"', '"[]"'),
}
_OFTEN = rf"(?: (?:(?P<once>once)|(?P<twice>twice)|(?P<often>{_NUMBER}) times))?"


def _fill(pattern: str, column: int) -> str:
    return re.sub(r"\{([a-z]+)\}", lambda found: _PARTS[found[1]][column], pattern)


def example(sentence: Sentence) -> str:
    """Return a sentence of a kind."""
    return sentence.example or _fill(sentence.pattern, 1)


def parse(text: str) -> Fault:
    """Return the fault that a sentence means. Raises SentenceError, which lists what would be understood."""
    for sentence in SENTENCES:
        found = re.fullmatch(_fill(sentence.pattern, 0) + _OFTEN, text)
        if found:
            return _fault(text, sentence, {name: word for name, word in found.groupdict().items() if word is not None})
    raise SentenceError(
        "\n  ".join([f"{text!r} is not understood. Sentences are like these:", *map(example, SENTENCES)])
        + f"\nResources: {', '.join(RESOURCES)}; every request. "
        f"They may be narrowed: of a name, of certificate N, of each certificate."
        f"\nProblems: {', '.join(PROBLEMS)}.\nHeaders and fields: {', '.join((*HEADERS, *FIELDS))}."
    )


def _fault(text: str, sentence: Sentence, found: dict[str, str]) -> Fault:
    subject = Subject(found.pop("name", ""), int(found.pop("number", 0)), "each" in found)
    found.pop("each", None)
    resource, status = found.pop("resource", "request"), found.pop("status", "")
    resources = sentence.resources if resource == "request" else (resource,)
    if not resources and found.get("problem") == "badNonce":
        resources = tuple(name for name in RESOURCES if name not in WITHOUT_NONCE)
    place = Place(ORDERS if status and resource == "order" else resources, subject, status)
    if place.status and sentence.kind in _WITHOUT_THE_CA:
        raise SentenceError(f"{text!r} is not understood: the status of {resource} is known only after the CA's answer")
    return Fault(text, sentence.kind, place, _times(text, found), {**_values(found), **dict(sentence.values)})


#: By the name of a part: the requests that it chooses.
_TIMES: dict[str, Callable[[str], Times]] = {
    "nth": lambda word: Times(_ordinal(word), _ordinal(word)),
    "most": lambda word: Times(last=_number(word)),
    "step": lambda word: Times(step=_ordinal(word)),
    "after": lambda word: Times(first=_ordinal(word) + 1),
    "once": lambda _word: Times(last=1),
    "twice": lambda _word: Times(last=2),
    "often": lambda word: Times(last=_number(word)),
}


def _times(text: str, found: dict[str, str]) -> Times:
    chosen = [choose(found.pop(name)) for name, choose in _TIMES.items() if name in found]
    if len(chosen) > 1:
        raise SentenceError(f"{text!r} chooses twice: say 'the third answer', 'after the third' or 'three times'")
    return chosen[0] if chosen else ALWAYS


def _values(found: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = dict(found)
    if "amount" in values:
        values["seconds"] = _number(values.pop("amount")) * UNITS[values.pop("unit")]
    if "times" in values:
        values["times"] = _number(values["times"])
    if "value" in values:
        values["value"] = _json(values["value"])
    return {name: int(word) if name in ("code", "polls", "size", "retry") else word for name, word in values.items()}


def _json(text: str) -> Any:
    """Return a value as JSON has it; other text is meant as a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _ordinal(word: str) -> int:
    return ORDINALS.index(word) + 1


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else NUMBERS.index(word) + 1
