# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module dns_propagation: options in, one wait, results out."""

from __future__ import annotations

import functools

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import controller_module
from ansible_collections.certfleet.tls.plugins.modules import dns_propagation
from tests.unit.dns.conftest import FIRST, MORE_TIME, SECOND

NAME = "_acme-challenge.www.example.com"


@pytest.fixture
def run(monkeypatch, pair, recursor):
    """run(*(name, value), ...): the module's result, over the two scripted servers."""
    monkeypatch.setattr(
        dns_propagation,
        "Authorities",
        functools.partial(dns_propagation.Authorities, port=pair.first.port, timeout=10),
    )

    def call(*records, **options):
        options = {
            "records": [{"name": name, "value": value} for name, value in records],
            "resolver": [f"{recursor.address}:{recursor.port}"],
            "timeout": 1,
            **options,
        }
        return dns_propagation.MODULE.answer(options, check_mode=True)

    return call


def test_run_records_in_given_order_with_values_of_others(run, pair, internet):
    pair.add(NAME, "v", "w", "old")
    internet["example.net"].add("_acme-challenge.example.net", "CNAME", f"{NAME}.")
    result = run((NAME, "w"), ("_acme-challenge.example.net", "v"), (NAME.upper(), "w"))
    assert not result.get("failed")
    assert result["changed"] is False
    entry = {"target": NAME, "zone": "example.com", "aliases": [], "propagated": True, "problem": "", "lacking": []}
    other = "_acme-challenge.example.net"
    assert result["records"] == [
        {"name": NAME, "value": "w", **entry},
        {"name": other, "value": "v", **entry, "aliases": [other]},
        {"name": NAME.upper(), "value": "w", **entry},
    ]
    assert result["others"] == {NAME: ["old"], NAME.upper(): ["old"], "_acme-challenge.example.net": ["old"]}


def test_run_past_deadline_fails_with_all_results(run, pair, internet):
    pair.copies[0].add(NAME, "TXT", '"v"')
    internet["example.net"].add("_acme-challenge.example.net", "CNAME", f"{NAME}.")
    pair.add("good.example.com", "v")
    result = run((NAME, "v"), ("_acme-challenge.example.net", "v"), ("no name", "v"), ("good.example.com", "v"))
    lacks = f"ns2.example.com ({SECOND}) lacks 'v'; waited 1 s. {MORE_TIME}"
    assert result["failed"] is True
    assert result["msg"] == (
        "not all TXT records were seen: "
        f"{NAME}: {lacks}; _acme-challenge.example.net (stored as {NAME}): {lacks}; "
        "no name: 'no name' is not a valid record name: a label has 1 to 63 letters, digits, '_' or inner '-'"
    )
    assert [record["propagated"] for record in result["records"]] == [False, False, False, True]
    assert result["records"][0]["lacking"] == [f"ns2.example.com ({SECOND})"]
    assert result["records"][2]["zone"] == ""


def test_run_asks_each_server_once_for_each_name(run, pair):
    names = [f"w{n}.example.com" for n in range(30)]
    for name in names:
        pair.add(name, "v", "w")
    result = run(*((name, value) for name in names for value in ("v", "w")))
    assert all(record["propagated"] for record in result["records"])
    assert [server.count("TXT").total() for server in pair.servers] == [30, 30]


def test_run_without_records(run):
    assert run() == {"changed": False, "records": [], "others": {}}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"resolver": ["dns.example"]}, "invalid resolver"),
        ({"records": [{"name": NAME}]}, "value"),
        ({"timeout": "soon"}, "timeout"),
        ({"port": FIRST}, "port"),
    ],
)
def test_run_invalid_options_fail(run, options, says):
    result = run(**options)
    assert result["failed"]
    assert says in result["msg"]


def test_run_missing_library_fails(run, monkeypatch):
    monkeypatch.setattr(controller_module, "missing", lambda names: f"lacks {names}")
    assert run() == {"failed": True, "msg": "lacks ('dns',)"}
