# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract that every kind of provider keeps. A new kind is a row in CASES."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import dns.name
import dns.tsig
import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import by_name
from tests.unit.dns.scripted_providers import ZONE, AcmeDnsApi, PowerDnsApi, Program, UpdateServer

NAME, OTHER = f"_acme-challenge.www.{ZONE}", f"_acme-challenge.shop.{ZONE}"
A, B = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0", "-y3aJ7-_tBNgGoPdy0PPjGqKZT0PM4AaOJeoLzQNQDk"
RIGHT, WRONG = "cmlnaHQtc2VjcmV0LXJpZ2h0", "d3Jvbmctc2VjcmV0LXdyb25n"


@dataclass
class Case:
    """A kind, what it is scripted against, its options, and the same with wrong credentials, WRONG among them."""

    kind: str
    server: object
    options: dict
    wrong: dict
    name: str = NAME
    others: list = field(default_factory=lambda: [OTHER])

    def make(self, timeout=5.0, **more):
        return by_name.create(self.kind, {**self.options, **more}, timeout)

    @property
    def removes(self):
        return by_name.CLASSES[self.kind].keeps_any_number


def rfc2136(_tmp_path):
    server = UpdateServer(dns.tsig.Key("acme.", RIGHT, "hmac-sha256"))
    key = {"tsig_name": "acme", "tsig_secret": RIGHT}
    return Case("rfc2136", server, {"server": "127.0.0.1", "port": server.port, **key}, {"tsig_secret": WRONG})


def lexicon(_tmp_path):
    server = PowerDnsApi(RIGHT)
    options = {"pdns_server": server.url, "auth_token": RIGHT}
    return Case(
        "lexicon", server, {"name": "powerdns", "options": options}, {"options": {**options, "auth_token": WRONG}}
    )


def acme_dns(_tmp_path):
    server = AcmeDnsApi("a-user-name", RIGHT, "d420c923-bbd7")
    login = {"username": "a-user-name", "password": RIGHT, "subdomain": "d420c923-bbd7"}
    # A registration is one name's.
    return Case("acme_dns", server, {"url": server.url, **login}, {"password": WRONG}, f"d420c923-bbd7.{ZONE}", [])


def exec_(tmp_path):
    server = Program(tmp_path, RIGHT)
    environment = {"FOLDER": str(tmp_path), "TOKEN": RIGHT}
    return Case(
        "exec",
        server,
        {"program": str(server.path), "environment": environment},
        {"environment": {**environment, "TOKEN": WRONG}},
    )


CASES = [rfc2136, lexicon, acme_dns, exec_]


@pytest.fixture(params=CASES, ids=lambda case: case.__name__.rstrip("_"))
def case(request, tmp_path):
    made = request.param(tmp_path)
    yield made
    made.server.close()


def test_every_kind_has_a_row():
    assert {case.__name__.rstrip("_") for case in CASES} == set(by_name.CLASSES)


def test_two_values_of_one_name_and_another_name_in_one_call(case):
    records = [TxtRecord(case.name, A), TxtRecord(case.name, B), *(TxtRecord(name, A) for name in case.others)]
    assert case.make().change(ZONE, records, True) == {}
    assert case.server.held(case.name) == {A, B}
    assert all(case.server.held(name) == {A} for name in case.others)


def test_adding_again_is_harmless(case):
    records = [TxtRecord(case.name, A), TxtRecord(case.name, B)]
    for _time in range(2):
        assert case.make().change(ZONE, records, True) == {}
        assert case.server.held(case.name) == {A, B}


def test_removing_one_value_leaves_the_other(case):
    provider = case.make()
    assert provider.change(ZONE, [TxtRecord(case.name, A), TxtRecord(case.name, B)], True) == {}
    assert provider.change(ZONE, [TxtRecord(case.name, A)], False) == {}
    assert case.server.held(case.name) == ({B} if case.removes else {A, B})
    assert provider.change(ZONE, [TxtRecord(case.name, B)], False) == {}
    assert case.server.held(case.name) == (set() if case.removes else {A, B})


def test_removing_what_is_not_there_is_harmless(case):
    provider = case.make()
    assert provider.change(ZONE, [TxtRecord(case.name, A)], False) == {}
    assert provider.change(ZONE, [TxtRecord(case.name, B)], True) == {}
    assert provider.change(ZONE, [TxtRecord(case.name, A)], False) == {}
    assert case.server.held(case.name) == {B}


def failed(provider, *records):
    """What the provider says of each record, all of which have to fail."""
    try:
        failures = provider.change(ZONE, list(records), True)
    except DnsError as error:
        return [str(error)]
    assert set(failures) == set(records)
    return list(failures.values())


def test_wrong_credentials_are_one_line_without_the_secret(case):
    said = failed(case.make(**case.wrong), TxtRecord(case.name, A), TxtRecord(case.name, B))
    for text in said:
        assert "\n" not in text
        assert 20 < len(text) < 400
        assert WRONG not in text
    assert case.server.held(case.name) == set()


def test_a_silent_server_hits_the_time_limit_once(case):
    case.server.silent = True
    start = time.monotonic()
    said = failed(case.make(timeout=0.5), *(TxtRecord(case.name, f"{A}{number}") for number in range(10)))
    assert 0.4 < time.monotonic() - start < 4
    assert all("0.5 s" in text for text in said)


def test_what_it_takes_is_declared(case):
    kind = by_name.CLASSES[case.kind]
    assert kind.title
    assert all(option.help.endswith(".") for option in kind.options)
    assert len({option.name for option in kind.options}) == len(kind.options)
    with pytest.raises(DnsError, match=rf"^{case.kind} has no option 'sever'; known options: {kind.options[0].name}"):
        case.make(sever="x")
    required = next(option.name for option in kind.options if option.required)
    with pytest.raises(DnsError, match=rf"^{case.kind} needs the option '{required}'$"):
        case.make(**{required: None})


def test_secrets_are_in_no_text_that_is_scrubbed(case):
    said = case.make().scrub(f"GET https://api/?key={RIGHT}&x=1\nno {RIGHT}!")
    assert RIGHT not in said
    assert "\n" not in said
