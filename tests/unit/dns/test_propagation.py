# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One wait for many records: its questions, their number, and the message at the end."""

from __future__ import annotations

import copy
import errno
import os
import time as real_time

import dns.query
import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import SilentError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.propagation import (
    PropagationResult,
    published_values,
    wait,
)
from ansible_collections.certfleet.tls.plugins.module_utils._dns.servers import ADVICE, Authorities
from ansible_collections.certfleet.tls.plugins.module_utils._dns.zones import Location
from tests.unit.dns.conftest import FIRST, MORE_TIME, SECOND
from tests.unit.dns.scripted_server import Zone

NAME = "_acme-challenge.www.example.com"
NS1, NS2 = f"ns1.example.com ({FIRST})", f"ns2.example.com ({SECOND})"
# An address of the second server that nobody listens on, but for what a test puts there.
THIRD = "127.0.0.13"


def at(name=NAME, zone="example.com", target=None):
    return Location(name, target or name, zone)


def waited(pair, time, wanted, seconds=30, **more):
    return wait(pair.ask_with(**more), wanted, Deadline(time.clock, seconds))


def one(pair, time, *values, **more):
    return waited(pair, time, {at(): set(values)}, **more)[at()]


def test_wait_published_values_take_no_pause(pair, time):
    pair.add(NAME, "v", "w")
    assert one(pair, time, "v", "w") == PropagationResult(True, "", (), frozenset())
    assert time.pauses == []
    assert [server.asked() for server in pair.servers] == [1, 1]


def test_wait_without_records_is_empty(pair, time):
    assert waited(pair, time, {}) == {}


def test_wait_asks_lacking_server_with_growing_pauses(pair, time):
    pair.add(NAME, "v")
    pair.copies[1].remove(NAME, "TXT", '"v"')
    time.at(5, lambda: pair.add(NAME, "v"))
    assert one(pair, time, "v").propagated
    assert time.pauses == [0.5, 1, 2, 4, 2.5]
    assert [server.asked() for server in pair.servers] == [1, 6]


def test_wait_server_with_old_value_is_asked_again(pair, time):
    pair.add(NAME, "old")
    pair.copies[0].add(NAME, "TXT", '"v"')
    time.at(2, lambda: pair.add(NAME, "v"))
    assert one(pair, time, "v").propagated
    assert [server.asked() for server in pair.servers] == [1, 3]


def test_wait_pauses_are_limited_and_last_question_is_at_deadline(pair, time):
    assert not one(pair, time, "v", seconds=50).propagated
    assert time.pauses == [0.5, 1, 2, 4, 2.5, 10, 10, 10, 10]
    assert pair.first.asked() == 10
    time.pauses.clear()
    time.at(9, lambda: pair.add(NAME, "v"))
    assert one(pair, time, "v", seconds=50).propagated


def test_wait_past_deadline_problem_names_servers_and_values(pair, time):
    pair.add(NAME, "v")
    pair.copies[0].add(NAME, "TXT", '"w"')
    outcome = one(pair, time, "v", "w", "x", seconds=3)
    assert not outcome.propagated
    assert outcome.problem == f"{NS1} lacks 'x'; {NS2} lacks 'w', 'x'; waited 3 s. {MORE_TIME}"
    assert outcome.lacking == (NS1, NS2)


def test_wait_returns_values_of_others(pair, time):
    pair.add(NAME, "v")
    pair.copies[0].add(NAME, "TXT", '"left by an earlier run"')
    pair.copies[1].add(NAME, "TXT", '"of somebody else"')
    outcome = one(pair, time, "v")
    assert outcome.propagated
    assert outcome.others == {"left by an earlier run", "of somebody else"}


def test_wait_persistent_record_may_grant_more(pair, time):
    name, plain = "_validation-persist.www.example.com", "ca.example; accounturi=https://ca/1"
    pair.add(name, f"ca.example; accounturi=https://ca/1; persistUntil={int(time.clock.now().timestamp()) + 60}")
    pair.add(name, "other.example; accounturi=https://other/1")
    outcomes = waited(pair, time, {at(name): {plain}}, seconds=1)
    assert outcomes[at(name)] == PropagationResult(True, "", (), frozenset())
    outcomes = waited(pair, time, {at(name): {f"{plain}; policy=wildcard"}}, seconds=1)
    assert not outcomes[at(name)].propagated
    assert "If it was never published, publish it, or set acme_dns_persist_write. " in outcomes[at(name)].problem


def test_wait_two_names_with_one_target(pair, time):
    pair.add("shared.example.com", "v", "w", "x")
    first, second = at("a.example.net", target="shared.example.com"), at("b.example.net", target="shared.example.com")
    outcomes = waited(pair, time, {first: {"v"}, second: {"w", "y"}}, seconds=2)
    assert outcomes[first] == PropagationResult(True, "", (), frozenset({"x"}))
    assert not outcomes[second].propagated
    assert outcomes[second].problem == f"{NS1} lacks 'y'; {NS2} lacks 'y'; waited 2 s. {MORE_TIME}"
    assert outcomes[second].others == {"x"}


OUT = [
    (
        lambda server: setattr(server, "failing", "REFUSED"),
        "is listed as a name server of zone example.com, but does not serve it (it answers REFUSED)",
    ),
    (
        lambda server: setattr(server, "authoritative", False),
        "is listed as a name server of zone example.com, but does not serve it (it answers without authority)",
    ),
    (lambda server: setattr(server, "silent", True), "does not answer within 0.2 s"),
]
out = pytest.mark.parametrize(("misbehave", "says"), OUT, ids=["refuses", "not authoritative", "silent"])


@out
@pytest.mark.parametrize(("seconds", "waited"), [(120, 10), (3, 3)])
def test_wait_server_that_never_answers_is_ignored_after_a_while(pair, time, misbehave, says, seconds, waited):
    pair.add(NAME, "v")
    misbehave(pair.second)
    outcome = one(pair, time, "v", seconds=seconds, timeout=0.2)
    assert outcome == PropagationResult(
        True,
        "",
        (),
        frozenset(),
        (
            f"{NS2} {says}. All other name servers of zone example.com have the TXT records, so it was not waited for "
            f"longer than {waited} s. Repair it, or take it out of the DNS: the CA may ask it",
        ),
    )
    assert sum(time.pauses) == waited


@out
def test_wait_server_that_never_answers_is_a_problem_while_others_lack_a_value(pair, time, misbehave, says):
    misbehave(pair.second)
    outcome = one(pair, time, "v", seconds=30, timeout=0.2)
    assert not outcome.propagated
    assert outcome.problem == f"{NS1} lacks 'v'; {NS2} {says}; waited 30 s. {MORE_TIME}"
    assert outcome.lacking == (NS1, NS2)


def test_wait_lagging_server_is_waited_for_without_the_one_that_never_answers(pair, time):
    pair.second.silent = True
    time.at(8, lambda: pair.add(NAME, "v"))
    outcome = one(pair, time, "v", seconds=120, timeout=0.2)
    assert outcome.propagated
    assert len(outcome.ignored) == 1
    assert len(time.pauses) == 8


def test_wait_server_that_lacks_a_value_is_waited_for_until_deadline(pair, time):
    pair.add(NAME, "v")
    pair.copies[1].remove(NAME, "TXT", '"v"')
    time.at(1, lambda: setattr(pair.second, "silent", True))
    outcome = one(pair, time, "v", seconds=60, timeout=0.2)
    assert outcome.problem == f"{NS2} does not answer within 0.2 s; waited 60 s. {MORE_TIME}"


@out
def test_wait_no_server_answers_problem_names_option(pair, time, misbehave, says):
    for server in pair.servers:
        misbehave(server)
    outcome = one(pair, time, "v", seconds=20, timeout=0.2)
    assert outcome.problem == f"{NS1} {says}; {NS2} {says}; waited 20 s. {ADVICE}"
    assert outcome.lacking == (NS1, NS2)


def test_wait_server_of_two_zones_is_out_of_the_one_that_it_lacks(pair, time):
    """It answers for the other zone."""
    pair.zone.add("www.example.com", "NS", "ns1.example.com.", "ns2.example.com.")
    other = Zone("www.example.com").add(NAME, "TXT", '"v"')
    pair.first.zones.append(other)
    pair.second.failing_names[NAME] = "REFUSED"
    pair.add("x.example.com", "v")
    below, above = at(zone="www.example.com"), at("x.example.com")
    outcomes = waited(pair, time, {below: {"v"}, above: {"v"}}, seconds=60)
    assert [outcomes[place].propagated for place in (below, above)] == [True, True]
    assert len(outcomes[below].ignored) == 1
    assert outcomes[above].ignored == ()


def test_wait_server_that_recovers_is_accepted(pair, time):
    pair.add(NAME, "v")
    pair.second.failing = "SERVFAIL"
    time.at(2, lambda: setattr(pair.second, "failing", None))
    assert one(pair, time, "v").propagated


def test_wait_slow_server_is_waited_for(pair, time):
    pair.add(NAME, "v")
    pair.second.delay = 0.3
    assert one(pair, time, "v", timeout=2).propagated
    assert time.pauses == []


def test_wait_server_without_address_is_ignored(pair, time):
    pair.zone.add("example.com", "NS", "gone.example.com.")
    pair.add(NAME, "v")
    (line,) = one(pair, time, "v", seconds=1).ignored
    assert line.startswith("gone.example.com has no address. All other name servers of zone example.com have the ")


def test_wait_failed_look_up_of_servers_is_a_problem(pair, time, recursor):
    pair.add(NAME, "v")
    recursor.failing_names["example.com"] = "SERVFAIL"
    other = at("x.example.net", zone="none.example.net")
    outcomes = waited(pair, time, {at(): {"v"}, other: {"v"}}, seconds=2)
    assert outcomes[at()].problem.startswith("example.com NS: resolver ")
    assert outcomes[at()].lacking == ()
    assert "zone none.example.net has no name servers" in outcomes[other].problem
    # A question that fails now may work in a later round.
    time.at(len(time.pauses) + 1, recursor.failing_names.clear)
    assert one(pair, time, "v").propagated


def two_addresses(pair, serve, how):
    """Give the second server another address, which is *how*. Return the server at that address."""
    pair.zone.add("ns2.example.com", "A", THIRD)
    third = serve(pair.copies[1], address=THIRD, port=pair.first.port)
    setattr(third, *how)
    return third


@pytest.fixture
def no_route(pair, monkeypatch):
    """The second server has an IPv6 address, too, which has no route from here."""
    pair.zone.add("ns2.example.com", "AAAA", "2001:db8::12")
    ask = dns.query.udp_with_fallback

    def without_ipv6(query, where, *args, **more):
        if ":" in where:
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        return ask(query, where, *args, **more)

    monkeypatch.setattr(dns.query, "udp_with_fallback", without_ipv6)


@pytest.mark.usefixtures("no_route")
def test_wait_address_found_late_is_no_problem_of_places_that_are_done(pair, time, internet, recursor):
    shop = "_acme-challenge.shop.example.com"
    internet["example.com"].add("example.com", "NS", "odd.example.com.")
    recursor.failing_names["odd.example.com"] = "SERVFAIL"
    pair.add(NAME, "v")
    pair.copies[0].add(shop, "TXT", '"v"')
    done_after = 5  # pauses: then the patience with the server without address is over

    def repair():
        recursor.failing_names.clear()
        internet["example.com"].add("odd.example.com", "A", THIRD)

    time.at(done_after + 1, repair)
    outcomes = waited(pair, time, {at(): {"v"}, at(shop): {"v"}}, seconds=40)
    assert [outcome.propagated for outcome in outcomes.values()] == [True, False]
    (line,) = outcomes[at()].ignored
    assert line.startswith(f"odd.example.com ({THIRD}) was not asked. All other name servers of zone example.com have")


def test_wait_address_without_route_is_ignored_if_another_answers(pair, time):
    pair.add(NAME, "v")
    assert one(pair, time, "v").propagated
    assert time.pauses == []


@pytest.mark.usefixtures("no_route")
def test_wait_address_without_route_is_reported_if_none_answers(pair, time):
    pair.add(NAME, "v")
    pair.second.silent = True
    outcome = one(pair, time, "v", seconds=1, timeout=0.2)
    first, second = outcome.ignored
    assert first.startswith(f"{NS2} does not answer within 0.2 s. All other")
    assert second.startswith("ns2.example.com (2001:db8::12) cannot be reached (Network is unreachable). All other")


def test_wait_every_address_of_a_server_needs_values(pair, time, serve):
    two_addresses(pair, serve, ("zones", [copy.deepcopy(pair.copies[1])]))
    pair.add(NAME, "v")
    assert one(pair, time, "v", seconds=1).lacking == (f"ns2.example.com ({THIRD})",)


def test_wait_address_that_never_answered_is_left_after_ten_seconds_with_a_line(pair, time, serve):
    pair.add(NAME, "v")
    two_addresses(pair, serve, ("failing", "REFUSED"))
    outcome = one(pair, time, "v", seconds=120)
    assert outcome.propagated
    assert sum(time.pauses) == 10
    (line,) = outcome.ignored
    assert line.startswith(f"ns2.example.com ({THIRD}) is listed as a name server of zone example.com, but")


def test_wait_silent_address_is_ignored_after_two_rounds(pair, time, serve):
    pair.add(NAME, "v")
    two_addresses(pair, serve, ("silent", True))
    assert one(pair, time, "v", timeout=0.2).propagated
    assert len(time.pauses) == 1


def test_wait_address_that_has_answered_is_not_ignored(pair, time, serve):
    third = two_addresses(pair, serve, ("silent", False))
    time.at(1, lambda: (pair.add(NAME, "v"), setattr(third, "silent", True)))
    outcome = one(pair, time, "v", seconds=8, timeout=0.2)
    assert outcome.problem == f"ns2.example.com ({THIRD}) does not answer within 0.2 s; waited 8 s. {MORE_TIME}"


def test_wait_number_of_questions_for_many_records(pair, time, recursor):
    names = [f"_acme-challenge.w{n}.example.com" for n in range(100)]
    for name in names:
        pair.add(name, "v")
    late = {names[3], names[77]}
    for name in late:
        pair.copies[1].remove(name, "TXT", '"v"')
    time.at(1, lambda: [pair.add(name, "v") for name in late])
    outcomes = waited(pair, time, {at(name): {"v"} for name in names})
    assert all(outcome.propagated for outcome in outcomes.values())
    assert [server.asked() for server in pair.servers] == [100, 102]
    assert recursor.asked() == 5


def test_wait_silent_server_takes_one_timeout_for_each_round(pair, time):
    names = [f"_acme-challenge.w{n}.example.com" for n in range(200)]
    for name in names:
        pair.add(name, "v")
    pair.second.silent = True
    start = real_time.monotonic()
    outcomes = waited(pair, time, {at(name): {"v"} for name in names}, seconds=0, timeout=0.5)
    assert real_time.monotonic() - start < 20, "not one timeout for each name"
    (lines,) = {outcome.ignored for outcome in outcomes.values()}
    assert lines[0].startswith(f"{NS2} does not answer within 0.5 s. ")


def test_published_values_of_any_server(pair, serve):
    pair.copies[0].add(NAME, "TXT", '"v"', '"w"')
    pair.copies[1].add(NAME, "TXT", '"x"')
    other, nowhere = at("y.example.com"), at("x.example.net", zone="none.example.net")
    found = published_values(pair.authorities, [at(), other, nowhere])
    assert str(found.pop(nowhere)) == "zone none.example.net has no name servers that the resolver knows"
    assert found == {at(): {"v", "w", "x"}, other: frozenset()}
    assert [server.count()[NAME] for server in pair.servers] == [1, 1]
    pair.first.failing = "REFUSED"
    assert published_values(pair.authorities, [at()]) == {at(): {"x"}}
    pair.second.silent = True
    assert str(published_values(pair.ask_with(0.2), [at()])[at()]) == f"{NS2} does not answer within 0.2 s"


def test_published_values_are_read_within_five_minutes(pair, time, monkeypatch):
    pair.add(NAME, "v")
    read, names = Authorities.read_values, [f"_acme-challenge.w{number}.example.com" for number in range(200)]

    def take_a_while(self, *more):
        time.clock.sleep(4)
        return read(self, *more)

    monkeypatch.setattr(Authorities, "read_values", take_a_while)
    found = published_values(pair.authorities, [at(), *map(at, names)], time.clock)
    assert found[at()] == {"v"}
    assert str(found[at(names[-1])]) == f"{NS2} was not asked before the time was over"
    assert len(time.pauses) < 100


def test_published_values_no_answer_is_not_taken_for_no_values(pair, monkeypatch):
    """Servers that answer the next question have not said what they have for this one."""
    pair.add(NAME, "v")
    read, asked = Authorities.read_values, set()

    def lose_first(self, zone, address, *more):
        if address in asked:
            return read(self, zone, address, *more)
        asked.add(address)
        raise SilentError("does not answer within 5 s")

    monkeypatch.setattr(Authorities, "read_values", lose_first)
    assert str(published_values(pair.authorities, [at()])[at()]) == f"{NS2} does not answer within 5 s"
    assert published_values(pair.authorities, [at()]) == {at(): {"v"}}
