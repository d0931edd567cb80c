# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults: understood, without doubles, and as the documentation shows it."""

from __future__ import annotations

import pytest

from tests.docs import faults
from tests.fleet import dns_fault_cases
from tests.fleet.fault_cases import ALL, FOR_ONE
from tests.fleet.fault_table import NAME, Outcome
from tests.lab.bent_ca.language import parse
from tests.lab.bent_servers import SENTENCES, understood


def test_cases_sentences_are_understood() -> None:
    for case in ALL:
        for sentence in case.sentences("a.lab.test"):
            assert parse(sentence).sentence == sentence


def test_cases_are_at_least_120_and_differ() -> None:
    assert len({(case.faults, case.options.get("entry")) for case in ALL}) == len(ALL) >= 120


def test_cases_stopped_say_why() -> None:
    assert [case.title for case in ALL if case.outcome is Outcome.STOPPED and not case.words] == []


def test_cases_for_one_certificate_name_it() -> None:
    for case in ALL:
        assert all((NAME in fault) == (case in FOR_ONE) for fault in case.faults)


def test_dns_cases_are_at_least_60_and_differ() -> None:
    cases = dns_fault_cases.ALL
    assert len({case.title for case in cases}) == len(cases) >= 60


def test_dns_cases_stopped_say_why() -> None:
    assert [case.title for case in dns_fault_cases.ALL if case.outcome is Outcome.STOPPED and not case.words] == []


def test_dns_cases_sentences_about_servers_are_understood() -> None:
    for case in dns_fault_cases.ALL:
        for sentence in (*case.servers.values(), *filter(None, [case.stray])):
            assert understood(sentence)[0] in SENTENCES


@pytest.mark.parametrize("page", faults.PAGES, ids=lambda page: page.name)
def test_page_of_faults_is_up_to_date(page: faults.Page) -> None:
    text = page.path.read_text()
    assert page.updated(text) == text, f"docs/{page.name} is stale: make docs"
