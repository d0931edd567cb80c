# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nonce pool, alone and behind a client (RFC 8555 section 6.5)."""

from __future__ import annotations

import threading
from statistics import median
from time import sleep

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.concurrency import Connections, has_room
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import (
    ProblemError,
    ProtocolError,
    TransportError,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.issuance import run_all
from ansible_collections.certfleet.tls.plugins.module_utils._acme.nonce import NoncePool
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from tests.unit.acme.server import CLOSE, HANG, Answer, problem


class Fetch:
    """A newNonce that counts its calls."""

    def __init__(self):
        self.count = 0

    def __call__(self, deadline):
        self.count += 1
        return f"fetched-{self.count}"


def nonces(ca):
    return [request.protected["nonce"] for request in ca.signed()]


@pytest.fixture
def pool_of(time):
    """Return pool_of(few, most, fetch), which makes a pool."""

    def pool_of_(few=1, most=1, fetch=None):
        return NoncePool(fetch or Fetch(), time.clock, Connections(few, most))

    return pool_of_


def test_take_fetches_only_if_pool_is_empty(pool_of):
    fetch = Fetch()
    pool = pool_of(5, 5, fetch)
    first = pool.take()
    assert first.text == "fetched-1"
    pool.give(first, "from-answer")
    assert pool.take().text == "from-answer"
    assert fetch.count == 1


def test_take_returns_newest_first(pool_of):
    pool = pool_of(2, 2)
    first, second = pool.take(), pool.take()
    pool.give(first, "older")
    pool.give(second, "newer")
    assert [pool.take().text, pool.take().text] == ["newer", "older"]


def test_give_none_makes_place_for_new_nonce(pool_of):
    pool = pool_of()
    pool.give(pool.take(), None)
    assert pool.take().text == "fetched-2"


def test_take_failed_fetch_frees_its_place(pool_of):
    troubles = [TransportError("down")]

    def fetch(deadline):
        if troubles:
            raise troubles.pop()
        return "good"

    pool = pool_of(fetch=fetch)
    with pytest.raises(TransportError):
        pool.take()
    assert pool.take().text == "good"


def test_take_after_failed_fetches_waits_for_answer(pool_of):
    fetched, troubles = [], [TransportError("down")] * 3

    def fetch(deadline):
        fetched.append(deadline)
        if len(fetched) > 1 and troubles:
            raise troubles.pop()
        return "first"

    pool = pool_of(3, 3, fetch)
    under_way = pool.take()
    for _unused in range(5):
        with pytest.raises(TransportError, match="down"):
            pool.take()
    assert len(fetched) == 3
    pool.give(under_way, "from-answer")
    assert pool.take().text == "from-answer"
    with pytest.raises(TransportError):
        pool.take()
    assert len(fetched) == 4


def test_take_troubles_are_changed_with_the_lock_only(pool_of):
    answers = [TransportError("down"), "good"]

    def fetch(deadline):
        answer = answers.pop(0)
        if isinstance(answer, str):
            return answer
        raise answer

    pool, owned = pool_of(fetch=fetch), []

    class Troubles(list):
        def append(self, item):
            owned.append(pool._changed._is_owned())

        def clear(self):
            owned.append(pool._changed._is_owned())

    pool._troubles = Troubles()
    with pytest.raises(TransportError):
        pool.take()
    pool.take()
    assert owned == [True, True]


@pytest.mark.parametrize(("seconds", "calls"), [(29, 3), (30, 2), (None, 2)])
def test_take_fetch_that_failed_for_its_deadline_does_not_count(pool_of, time, seconds, calls):
    fetched = []

    def fetch(deadline):
        fetched.append(deadline)
        raise TransportError("no answer in time")

    pool = pool_of(fetch=fetch)
    for _unused in range(3):
        with pytest.raises(TransportError):
            pool.take(None if seconds is None else Deadline(time.clock, seconds))
    assert len(fetched) == calls


def test_take_at_the_deadline_returns_nonce(pool_of, time):
    deadline = Deadline(time.clock, 0)
    assert pool_of().take(deadline).text == "fetched-1"


def test_take_stalled_request_costs_one_more_nonce(pool_of, time):
    fetch, taken = Fetch(), []
    pool = pool_of(1, 8, fetch)
    stalled = pool.take()
    time.sleep(3)
    others = threading.Thread(target=lambda: taken.append(pool.take()), daemon=True)
    others.start()
    others.join(10)
    assert [nonce.text for nonce in taken] == ["fetched-2"]
    pool.give(taken.pop(), "second answer")
    pool.give(stalled, "first answer")
    assert {pool.take().text, pool.take().text} == {"second answer", "first answer"}
    assert fetch.count == 2


def test_take_wait_for_others_is_added_to_deadline(pool_of, time):
    pool = pool_of()
    deadline, first, taken = Deadline(time.clock, 10), pool.take(), []
    waiting = threading.Thread(target=lambda: taken.append(pool.take(deadline)))
    waiting.start()
    while not pool._changed._waiters:
        sleep(0.001)
    time.sleep(1.5)
    pool.give(first, "from-answer")
    waiting.join(10)
    assert [nonce.text for nonce in taken] == ["from-answer"]
    assert deadline.left() == 10


@pytest.mark.parametrize(
    ("seconds", "most_nonces"),
    [(5, 8), (0.5, 1)],
    ids=["slow CA", "quick CA"],
)
def test_take_ca_of_one_pace_gets_no_more_nonces_than_connections(pool_of, time, seconds, most_nonces):
    """A simulation: a request is sent whenever there is a nonce, and each answer takes its time."""
    fetch = Fetch()
    pool, under_way = pool_of(1, 8, fetch), []
    for tick in range(400):
        while under_way and under_way[0][0] <= tick / 10:
            pool.give(under_way.pop(0)[1], f"answer-{tick}")
        if pool._on_hand or has_room(pool._ages(), pool._connections, median(pool._took)):
            under_way.append((tick / 10 + seconds, pool.take()))
        time.sleep(0.1)
    assert fetch.count == most_nonces


def test_take_in_threads_keeps_limit_and_uses_each_nonce_once(pool_of):
    fetch = Fetch()
    pool = pool_of(3, 3, fetch)
    seen, out, most = [], 0, 0
    lock = threading.Lock()

    def work(number):
        nonlocal out, most
        nonce = pool.take()
        with lock:
            seen.append(nonce.text)
            out += 1
            most = max(most, out)
        with lock:
            out -= 1
        # Every tenth request gets no answer.
        pool.give(nonce, None if number % 10 == 0 else f"answer-{number}")

    run_all(range(300), work)
    assert len(seen) == len(set(seen)) == 300
    assert most <= 3
    # Three at the start, and one for each that got lost.
    assert fetch.count <= 3 + 30


def test_post_next_nonce_is_from_last_answer(ca, client):
    for _unused in range(3):
        client.post_as_get(f"{ca.url}/account/1", "account")
    assert ca.lines() == ["HEAD /new-nonce"] + ["POST /account/1"] * 3


def test_post_nonce_of_error_answer_is_used(ca, client):
    ca.script("/account", problem("malformed", 404, headers={"Replay-Nonce": "of-the-error"}))
    with pytest.raises(ProblemError):
        client.post_as_get(f"{ca.url}/account/1", "account")
    ca.new_nonce("of-the-error")
    client.post_as_get(f"{ca.url}/account/1", "account")
    assert nonces(ca)[1] == "of-the-error"
    assert ca.lines().count("HEAD /new-nonce") == 1


def test_post_bad_nonce_is_repeated_with_nonce_of_error(ca, client, time):
    ca.new_nonce("fresh")
    ca.script("/account", problem("badNonce", 400, "too old", headers={"Replay-Nonce": "fresh"}))
    client.post_as_get(f"{ca.url}/account/1", "account")
    first, second = ca.signed()
    assert second.protected["nonce"] == "fresh"
    assert first.protected["nonce"] != "fresh"
    assert first.body != second.body
    assert ca.lines().count("HEAD /new-nonce") == 1
    assert time.pauses == []


def test_post_bad_nonce_without_nonce_fetches_one(ca, client):
    answer = problem("badNonce")
    answer.nonce = False
    ca.script("/account", answer)
    client.post_as_get(f"{ca.url}/account/1", "account")
    assert ca.lines() == ["HEAD /new-nonce", "POST /account/1"] * 2


@pytest.mark.parametrize(
    "answer",
    [
        problem("malformed", 400, "badNonce: JWS has an invalid anti-replay nonce"),
        problem(None, 400, "urn:ietf:params:acme:error:badNonce"),
    ],
    ids=["other type", "no type"],
)
def test_post_bad_nonce_is_recognized_by_type(ca, client, answer):
    ca.script("/account", answer)
    with pytest.raises(ProblemError):
        client.post_as_get(f"{ca.url}/account/1", "account")
    assert len(ca.signed()) == 1


def test_post_every_second_bad_nonce_is_repeated(ca, client):
    for _unused in range(30):
        ca.script("/account", problem("badNonce"), lambda request: None)
        client.post_as_get(f"{ca.url}/account/1", "account")
    assert len(ca.signed()) == 60


def test_post_many_bad_nonces_in_a_row_raise(ca, client):
    ca.always("/account", problem("badNonce", 400, "never heard of it"))
    with pytest.raises(ProblemError, match=r"^account: badNonce: never heard of it$"):
        client.post_as_get(f"{ca.url}/account/1", "account")
    assert len(ca.signed()) == 26


@pytest.mark.parametrize("nonce", ["has space", "plus+", "sl/ash", "padded=="])
def test_post_malformed_nonce_is_ignored(ca, client, nonce):
    # RFC 8555 section 6.5.1
    ca.script("/account", Answer(body={}, headers={"Replay-Nonce": nonce}))
    for _unused in range(2):
        client.post_as_get(f"{ca.url}/account/1", "account")
    assert nonce not in nonces(ca)
    assert ca.lines().count("HEAD /new-nonce") == 2


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (Answer(204, nonce=False), ProtocolError, r"/new-nonce returned no nonce \(HTTP 204\)"),
        (Answer(204, headers={"Replay-Nonce": "?"}), ProtocolError, r"/new-nonce returned no nonce \(HTTP 204\)"),
        (Answer(404, nonce=False), ProtocolError, r"/new-nonce returned no nonce \(HTTP 404\)"),
        (Answer(503), ProblemError, r"newNonce: rateLimited: HTTP 503"),
        (Answer(502), ProblemError, r"newNonce: serverInternal: HTTP 502"),
        (CLOSE, TransportError, r"cannot be reached"),
    ],
    ids=["none", "malformed", "404", "503", "502", "closed"],
)
def test_new_nonce_without_a_nonce_raises(ca, client, answer, error, text):
    ca.always("/new-nonce", answer)
    with pytest.raises(error, match=text):
        client.post_as_get(f"{ca.url}/account/1", "account")
    assert ca.signed() == []


def test_new_nonce_retries_are_not_multiplied(ca, client):
    ca.always("/new-nonce", CLOSE)
    with pytest.raises(TransportError):
        client.post_as_get(f"{ca.url}/account/1", "account")
    assert len(ca.requests) == 5


def test_new_nonce_busy_is_waited_for(ca, client, time):
    ca.script("/new-nonce", Answer(503, headers={"Retry-After": "7"}))
    client.post_as_get(f"{ca.url}/account/1", "account")
    assert time.pauses == [7]


@pytest.mark.parametrize("connections", [1, 3])
def test_post_threads_share_one_bounded_pool(ca, open_client, connections):
    client = open_client(connections=connections)
    results = run_all(range(100), lambda number: client.post_as_get(f"{ca.url}/account/1", "account").status)
    assert results == [200] * 100
    assert 1 <= ca.lines().count("HEAD /new-nonce") <= connections
    assert len(set(nonces(ca))) == 100


@pytest.mark.parametrize("seconds", [None, 300])
def test_new_nonce_silent_server_is_asked_once(ca, open_client, hasty, time, seconds):
    client = open_client(session=hasty)
    client = client.within(Deadline(time.clock, seconds)) if seconds else client
    ca.always("/new-nonce", HANG)
    with pytest.raises(TransportError, match=r"^newNonce: .* did not answer within 0.1 s$"):
        client.post_as_get(client.account_uri, "account")
    assert hasty.count == 1
