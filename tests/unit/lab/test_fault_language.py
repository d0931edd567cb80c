# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The language in which tests say what a bent CA does."""

from __future__ import annotations

import pytest

from tests.lab.bent_ca.language import SentenceError, example, parse
from tests.lab.bent_ca.places import ALWAYS, ORDERS, RESOURCES, Place, Subject, Times
from tests.lab.bent_ca.proxy import KINDS
from tests.lab.bent_ca.sentences import SENTENCES

NEW_ORDER, CHALLENGE, FINALIZE = (Place((name,)) for name in ("newOrder", "challenge", "finalize"))
ONCE = Times(last=1)
# A request with GET has no nonce.
WITH_NONCE = Place(tuple(name for name in RESOURCES if name not in ("directory", "newNonce", "renewalInfo")))
VALIDATION = ("challenge", "authorization", *ORDERS)

# Sentence: kind, place, times, values.
UNDERSTOOD = {
    "the third answer to newOrder is 503 with Retry-After as a date": (
        ("status", NEW_ORDER, Times(3, 3), {"code": 503, "date": " as a date"})
    ),
    "every answer to newNonce is 429": ("status", Place(("newNonce",)), ALWAYS, {"code": 429}),
    "newOrder is 429 with Retry-After 3 twice": ("status", NEW_ORDER, Times(last=2), {"code": 429, "retry": 3}),
    "every answer to newOrder after the second is 500": ("status", NEW_ORDER, Times(first=3), {"code": 500}),
    "every third answer to every request is badNonce": ("problem", WITH_NONCE, Times(step=3), {"problem": "badNonce"}),
    "every third answer to every request is 500": ("status", Place(), Times(step=3), {"code": 500}),
    "userActionRequired at newOrder": ("problem", NEW_ORDER, ALWAYS, {"problem": "userActionRequired"}),
    "answer the directory with an HTML page once": ("page", Place(("directory",)), ONCE, {}),
    'answer finalize of shop.lab.test with "{}"': (
        ("text", Place(("finalize",), Subject("shop.lab.test")), ALWAYS, {"text": "{}"})
    ),
    "be silent at the challenge of certificate 7": (("silent", Place(("challenge",), Subject(number=7)), ALWAYS, {})),
    "be silent at the challenge of shop.lab.test": (
        ("silent", Place(("challenge",), Subject("shop.lab.test")), ALWAYS, {})
    ),
    "be silent after the first answer to finalize of each certificate": (
        ("deliver", Place(("finalize",), Subject(each=True)), Times(1, 1), {"how": "silence"})
    ),
    "one byte a second at finalize": ("deliver", FINALIZE, ALWAYS, {"how": "slow"}),
    "wait 10 seconds at finalize": ("wait", FINALIZE, ALWAYS, {"seconds": 10}),
    "wait two minutes after the first three answers to challenge": (
        ("delay", CHALLENGE, Times(last=3), {"seconds": 120})
    ),
    "cut the connection in the header of the second answer to certificate": (
        ("deliver", Place(("certificate",)), Times(2, 2), {"how": "cut header"})
    ),
    "leave finalize out of a polled order": ("leave_out", Place(("order",)), ALWAYS, {"field": "finalize"}),
    "leave Retry-After out of newOrder": ("leave_out", NEW_ORDER, ALWAYS, {"field": "Retry-After"}),
    "drop the nonce": ("leave_out", Place(), ALWAYS, {"field": "Replay-Nonce"}),
    "Location is relative": ("relative", Place(), ALWAYS, {"field": "Location"}),
    "certificate is relative in a valid order": (
        ("relative", Place(ORDERS, status="valid"), ALWAYS, {"field": "certificate"})
    ),
    "Retry-After is 86400 on a processing order": (
        ("set_value", Place(ORDERS, status="processing"), ALWAYS, {"field": "Retry-After", "value": 86400})
    ),
    "status is pending in every answer to order of shop.lab.test": (
        ("set_value", Place(("order",), Subject("shop.lab.test")), ALWAYS, {"field": "status", "value": "pending"})
    ),
    'suggestedWindow is {"start": "now"} in renewalInfo': (
        ("set_value", Place(("renewalInfo",)), ALWAYS, {"field": "suggestedWindow", "value": {"start": "now"}})
    ),
    "the Date is two days ahead": ("date", Place(), ALWAYS, {"seconds": 172800, "side": "ahead"}),
    "double the certificates of the chain": ("chain", Place(("certificate",)), ALWAYS, {"how": "doubled"}),
    "turn the chain of certificate 2 around once": (
        ("chain", Place(("certificate",), Subject(number=2)), ONCE, {"how": "turned around"})
    ),
    "the certificate of shop.lab.test is expired": (
        ("make", Place(("certificate",), Subject("shop.lab.test")), ALWAYS, {"how": "expired"})
    ),
    "hand out a pending order again for the same names": ("reuse", Place(("newOrder", "finalize")), ALWAYS, {}),
    "the challenge of a.lab.test fails with caa": (
        ("challenge_fails", Place(VALIDATION, Subject("a.lab.test")), ALWAYS, {"problem": "caa"})
    ),
    "the challenge has to be posted three times": (
        ("challenge_again", Place(("challenge", "authorization")), ALWAYS, {"times": 3})
    ),
    "the order of a.lab.test stays processing for 3 polls": (
        ("stays_processing", Place(("order", "finalize"), Subject("a.lab.test")), ALWAYS, {"polls": 3})
    ),
    "newAccount of a known key answers {}": ("empty_account", Place(("newAccount",)), ALWAYS, {}),
}
NOT_UNDERSTOOD = {
    "be quiet at newOrder": "Sentences are like these:\n  the third answer to newOrder is 503",
    "be silent at newOder": "Resources: directory, newNonce, ",
    "newOrder is 200": "is not understood",
    "noSuchProblem at newOrder": "Problems: accountDoesNotExist, ",
    "leave finalise out of the order": "Headers and fields: Cache-Control, ",
    "be silent at a pending order": "the status of order is known only after the CA's answer",
    "the first answer to newOrder is 503 twice": "chooses twice: say 'the third",
    "be silent at the challenge of certificate seven": "of certificate N",
    "": "is not understood",
}


@pytest.mark.parametrize("sentence", UNDERSTOOD)
def test_parse_sentence_is_understood(sentence: str) -> None:
    fault = parse(sentence)
    assert (fault.kind, fault.place, fault.times, fault.values) == UNDERSTOOD[sentence]
    assert fault.sentence == sentence


@pytest.mark.parametrize("sentence", NOT_UNDERSTOOD)
def test_parse_other_text_is_refused_with_what_is_understood(sentence: str) -> None:
    with pytest.raises(SentenceError) as refused:
        parse(sentence)
    assert NOT_UNDERSTOOD[sentence] in str(refused.value)
    assert repr(sentence) in str(refused.value)


def test_sentences_examples_are_understood_as_their_own_kind() -> None:
    examples = {example(sentence): sentence for sentence in SENTENCES}
    assert len(examples) == len(SENTENCES)
    for text, sentence in examples.items():
        fault = parse(text)
        assert (fault.kind, fault.values.items() >= dict(sentence.values).items()) == (sentence.kind, True)


def test_sentences_kinds_are_those_of_the_proxy() -> None:
    assert {sentence.kind for sentence in SENTENCES} == KINDS


@pytest.mark.parametrize(
    ("times", "included"),
    [
        (ALWAYS, [1, 2, 3, 4, 5, 6]),
        (Times(3, 3), [3]),
        (Times(last=2), [1, 2]),
        (Times(first=5), [5, 6]),
        (Times(step=2), [2, 4, 6]),
    ],
)
def test_times_include_the_numbers_that_are_meant(times: Times, included: list[int]) -> None:
    assert [number for number in range(1, 7) if times.include(number)] == included
