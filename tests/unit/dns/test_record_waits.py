# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One wait for many records, each in the way of its entry: by name servers, a resolver, or time alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import WaitMode
from ansible_collections.certfleet.tls.plugins.module_utils._dns.record_waits import PropagationReport, await_records
from ansible_collections.certfleet.tls.plugins.module_utils._dns.wait_rules import Wait, WaitRules

NAME, OTHER = "_acme-challenge.www.example.com", "_acme-challenge.shop.example.com"
AUTHORITATIVE, RESOLVER, NONE = WaitMode
RECORD = TxtRecord(NAME, "v")
PLACED = TxtRecord(NAME, "v", NAME, "example.com", ())


def waited(pair, time, *records, mode=AUTHORITATIVE, delay=0, zones=(), timeout=30):
    rules = WaitRules(dict(zones), Wait(mode, delay))
    return await_records(pair.ask_with(0.3), rules, records, timeout, time.clock)


def asked(pair, recursor):
    return recursor.asked(), sum(server.asked() for server in pair.servers)


@pytest.mark.parametrize("record", [RECORD, PLACED], ids=["name", "location"])
def test_await_none_asks_nobody_and_waits_for_delay(pair, time, recursor, record):
    report = waited(pair, time, record, mode=NONE, delay=60)
    assert report.records == [replace(record, propagated=True, lacking=())]
    assert (report.problems, report.warnings) == ("", [])
    assert time.pauses == [60]
    assert asked(pair, recursor) == (0, 0)


def test_await_none_without_delay_returns_at_once(pair, time):
    assert waited(pair, time, RECORD, mode=NONE).records[0].propagated
    assert time.pauses == []


def test_await_invalid_name_is_a_problem_in_every_mode(pair, time):
    for mode in WaitMode:
        (record,) = waited(pair, time, TxtRecord("no name", "v"), mode=mode, delay=9).records
        assert not record.propagated
        assert "is not a valid record name" in record.problem
    assert time.pauses == []


@pytest.mark.parametrize("record", [RECORD, PLACED], ids=["name", "location"])
def test_await_resolver_is_asked_after_delay_and_alone(pair, time, recursor, internet, record):
    def written():
        assert asked(pair, recursor) == (0, 0)
        internet["example.com"].add(NAME, "TXT", '"v"', '"w"')

    time.at(1, written)
    report = waited(pair, time, record, mode=RESOLVER, delay=20)
    assert report.records == [replace(record, propagated=True, lacking=())]
    assert time.pauses == [20]
    assert recursor.count("TXT") == {NAME: 1}
    assert asked(pair, recursor) == (1, 0)


def test_await_resolver_few_questions_and_no_cache_of_its_own(pair, time, recursor, internet):
    time.at(3, lambda: internet["example.com"].add(NAME, "TXT", '"v"'))
    assert waited(pair, time, RECORD, mode=RESOLVER, timeout=600).problems == ""
    assert time.pauses == [2, 4, 8]
    assert recursor.count() == {NAME: 4}


def test_await_resolver_number_of_questions_is_bounded(pair, time, recursor):
    waited(pair, time, RECORD, mode=RESOLVER, timeout=7 * 86400)
    assert recursor.asked() < 40


def test_await_resolver_follows_cname_like_the_ca(pair, time, internet):
    internet["example.com"].add(NAME, "CNAME", "www.example.net.")
    internet["example.net"].add("www.example.net", "TXT", '"v"')
    assert waited(pair, time, RECORD, mode=RESOLVER).problems == ""


def test_await_resolver_past_deadline_problem_says_why(pair, time, recursor, internet):
    internet["example.com"].add(OTHER, "TXT", '"old"')
    report = waited(pair, time, RECORD, TxtRecord(OTHER, "w"), mode=RESOLVER)
    where = f"resolver {recursor.address}:{recursor.port}"
    advice = (
        "waited 30 s. Give it more time with timeout (acme_dns_timeout), or have it asked later with delay "
        "(acme_dns_delay). If the CA sees other records than this resolver, name another one in resolver "
        "(acme_dns_resolver), or set wait (acme_dns_wait) to none with a delay"
    )
    assert report.records[0].problem == (
        f"{where} does not have 'v', and may give this answer for 60 s (negative TTL of the zone); {advice}"
    )
    assert report.records[1].problem == (
        f"{where} does not have 'w', and may give this answer for 60 s (TTL of the record); {advice}"
    )
    assert report.problems.startswith(f"{NAME}: {where}")
    assert not any(record.propagated for record in report.records)


def test_await_resolver_that_fails_problem_has_its_answer(pair, time, recursor):
    recursor.failing = "SERVFAIL"
    (record,) = waited(pair, time, RECORD, mode=RESOLVER, timeout=1).records
    assert record.problem.startswith(f"resolver {recursor.address}:{recursor.port} answers SERVFAIL; waited 1 s. ")


def test_await_resolver_persistent_record_may_grant_more(pair, time, internet):
    name, plain = "_validation-persist.www.example.com", "ca.example; accounturi=https://ca/1"
    until = int(time.clock.now().timestamp()) + 60
    internet["example.com"].add(name, "TXT", f'"{plain}; persistUntil={until}"')
    assert waited(pair, time, TxtRecord(name, plain), mode=RESOLVER).problems == ""
    problems = waited(pair, time, TxtRecord(name, f"{plain}; policy=wildcard"), mode=RESOLVER, timeout=1).problems
    assert "If it was never published, publish it, or set acme_dns_persist_write. " in problems


def test_await_authoritative_delay_begins_when_all_have_it(pair, time):
    time.at(2, lambda: pair.add(NAME, "v"))
    assert waited(pair, time, RECORD, delay=45).problems == ""
    assert time.pauses == [0.5, 1, 45]


def test_await_authoritative_no_delay_for_record_that_is_missed(pair, time):
    assert waited(pair, time, RECORD, delay=45, timeout=1).problems
    assert time.pauses == [0.5, 0.5]


def test_await_all_modes_at_once_have_one_delay(pair, time, recursor, internet):
    pair.add(NAME, "v")
    internet["example.net"].add("_acme-challenge.example.net", "TXT", '"v"')
    zones = {
        "example.com": {"provider": "exec", "delay": 10},
        "example.net": {"provider": "exec", "wait": "resolver", "delay": 5},
        "example.org": {"provider": "exec", "wait": "none", "delay": 30},
        "a.example.org": {"provider": "exec", "wait": "none", "delay": 20},
    }
    names = (NAME, "_acme-challenge.example.net", "_acme-challenge.example.org", "_acme-challenge.a.example.org")
    report = waited(pair, time, *(TxtRecord(name, "v") for name in names), zones=zones)
    assert [record.propagated for record in report.records] == [True] * 4
    assert time.pauses == [5, 25]


def test_await_name_whose_cname_leads_to_an_entry_without_questions(pair, time, internet, recursor):
    """The entry of the target decides, once the target is known."""
    internet["example.com"].add(NAME, "CNAME", "www.example.net.")
    for copy in pair.copies:
        copy.add(NAME, "CNAME", "www.example.net.")
    report = waited(pair, time, RECORD, zones={"example.net": {"provider": "exec", "wait": "none", "delay": 3}})
    assert report.records[0].target == "www.example.net"
    assert report.records[0].propagated
    assert time.pauses == [3]


def test_report_other_values_are_not_called_old():
    others = {"_acme-challenge.a.example": ["x", "y"], "_acme-challenge.b.example": ["z"]}
    assert PropagationReport([], others, ["ns1 is silent"]).warnings == [
        "ns1 is silent",
        "there are other TXT values than those of this run: _acme-challenge.a.example (2), _acme-challenge.b.example "
        "(1). Values of other runs go with these runs; one that stays while no run is going on is left over, and can "
        "be removed unless an acme-dns server has it.",
    ]
    assert PropagationReport([], {}, []).warnings == []
