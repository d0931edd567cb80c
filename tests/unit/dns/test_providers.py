# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract that every kind of provider keeps. A new kind is a row in CASES."""

from __future__ import annotations

import time

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import by_name
from tests.unit.dns.provider_cases import RIGHT, WRONG, A, B, acme_dns, exec_, failed, lexicon, rfc2136
from tests.unit.dns.scripted_providers import ZONE

CASES = [rfc2136, lexicon, acme_dns, exec_]


@pytest.fixture(params=CASES, ids=lambda case: case.__name__.rstrip("_"))
def case(request, tmp_path):
    made = request.param(tmp_path)
    yield made
    made.server.close()


def test_cases_one_for_every_provider():
    assert {case.__name__.rstrip("_") for case in CASES} == set(by_name.CLASSES)


def test_change_several_values_and_names_in_one_call(case):
    records = [TxtRecord(case.name, A), TxtRecord(case.name, B), *(TxtRecord(name, A) for name in case.others)]
    assert case.make().change(ZONE, records, True) == {}
    assert case.server.held(case.name) == {A, B}
    assert all(case.server.held(name) == {A} for name in case.others)


def test_change_adding_again_changes_nothing(case):
    records = [TxtRecord(case.name, A), TxtRecord(case.name, B)]
    for _time in range(2):
        assert case.make().change(ZONE, records, True) == {}
        assert case.server.held(case.name) == {A, B}


def test_change_removing_one_value_keeps_the_other(case):
    provider = case.make()
    assert provider.change(ZONE, [TxtRecord(case.name, A), TxtRecord(case.name, B)], True) == {}
    assert provider.change(ZONE, [TxtRecord(case.name, A)], False) == {}
    assert case.server.held(case.name) == ({B} if case.removes else {A, B})
    assert provider.change(ZONE, [TxtRecord(case.name, B)], False) == {}
    assert case.server.held(case.name) == (set() if case.removes else {A, B})


def test_change_removing_missing_value_changes_nothing(case):
    provider = case.make()
    assert provider.change(ZONE, [TxtRecord(case.name, A)], False) == {}
    assert provider.change(ZONE, [TxtRecord(case.name, B)], True) == {}
    assert provider.change(ZONE, [TxtRecord(case.name, A)], False) == {}
    assert case.server.held(case.name) == {B}


def test_change_wrong_credentials_message_has_no_secret(case):
    said = failed(case.make(**case.wrong), TxtRecord(case.name, A), TxtRecord(case.name, B))
    for text in said:
        assert "\n" not in text
        assert 20 < len(text) < 400
        assert WRONG not in text
    assert case.server.held(case.name) == set()


def test_change_silent_server_times_out_once(case):
    case.server.silent = True
    start = time.monotonic()
    said = failed(case.make(timeout=0.5), *(TxtRecord(case.name, f"{A}{number}") for number in range(10)))
    assert 0.4 < time.monotonic() - start < 4
    assert all("0.5 s" in text for text in said)


def test_options_of_provider_are_declared(case):
    kind = by_name.CLASSES[case.kind]
    assert kind.title
    assert all(option.help.endswith(".") for option in kind.options)
    assert len({option.name for option in kind.options}) == len(kind.options)
    with pytest.raises(DnsError, match=rf"^{case.kind} has no option 'sever'; known options: {kind.options[0].name}"):
        case.make(sever="x")
    required = next(option.name for option in kind.options if option.required)
    with pytest.raises(DnsError, match=rf"^{case.kind} needs the option '{required}'$"):
        case.make(**{required: None})


def test_scrub_removes_secrets(case):
    said = case.make().scrub(f"GET https://api/?key={RIGHT}&x=1\nno {RIGHT}!")
    assert RIGHT not in said
    assert "\n" not in said
