# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements compared with the bars, and the table of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench import table
from tests.bench.table import CERTBOT, COMMUNITY_CRYPTO, LEGO, OURS, PING


def report(**results: Any) -> dict[str, Any]:
    return {
        "date": "2026-11-23T18:55:17+00:00",
        "versions": {OURS: "0.1.0", "certbot": "5.8.0"},
        "hosts": 20,
        "forks": 10,
        "cpus": 2,
        **results,
        "notes": ["Something was odd."],
    }


def entry(key: str, **runs: Any) -> dict[str, Any]:
    return table.result(key, {name.replace("_", "."): values for name, values in runs.items()})


def test_measurements_have_all_bars() -> None:
    assert {key: measurement.asked for key, measurement in table.MEASUREMENTS.items()} == {
        "requests_1_name": table.AtMost(7.4),
        "requests_10_names": table.AtMost(25.8),
        "noop_vs_ping": table.PartOf(PING, 1.25),
        "noop_vs_community_crypto": table.PartOf(COMMUNITY_CRYPTO, 0.2),
        "first_issue_vs_community_crypto": table.PartOf(COMMUNITY_CRYPTO, 0.45),
        "first_issue_controller_cpu_vs_community_crypto": table.PartOf(COMMUNITY_CRYPTO, 0.25),
        "batch_certificates_per_second": table.Times({CERTBOT: 25, LEGO: 50}),
        "batch_peak_memory_mib": table.AtMost(150),
    }


@pytest.mark.parametrize(("ours", "met"), [(7.0, True), (7.4, True), (7.45, False)])
def test_entry_at_most_limit(ours: float, met: bool) -> None:
    result = entry("requests_1_name", certfleet_tls=[ours], certbot=[9.0])
    assert (result[OURS], result["certbot"], result["met"]) == (ours, 9.0, met)
    assert result["bar"] == "at most 7.4"


@pytest.mark.parametrize(("ours", "met"), [(2.0, True), (2.5, True), (2.6, False)])
def test_entry_part_of_figure_of_peer(ours: float, met: bool) -> None:
    result = entry("noop_vs_ping", certfleet_tls=[ours], ping=[2.0])
    assert (result[OURS], result[PING], result["met"]) == (ours / 2, 1.0, met)
    assert result["medians"] == {OURS: ours, PING: 2.0}
    assert result["bar"] == "at most 1.25 times ping"


@pytest.mark.parametrize(
    ("certbot", "lego", "met"),
    [(4.0, 2.0, True), (3.0, 1.0, True), (4.1, 2.0, False), (4.0, 2.1, False)],
)
def test_entry_times_figure_of_each_peer(certbot: float, lego: float, met: bool) -> None:
    result = entry("batch_certificates_per_second", certfleet_tls=[100.0], certbot=[certbot], lego=[lego])
    assert result["times"] == {CERTBOT: 100 / certbot, LEGO: 100 / lego}
    assert (result[OURS], result[CERTBOT], result[LEGO], result["met"]) == (100.0, certbot, lego, met)
    assert result["bar"] == "at least 25 times certbot, 50 times lego"


def test_entry_has_medians_and_every_run() -> None:
    result = entry("noop_vs_ping", certfleet_tls=[1.0, 60.0, 1.1], ping=[1.0, 0.5, 1.0, 1.0])
    assert result["medians"] == {OURS: 1.1, PING: 1.0}
    assert result["runs"] == {OURS: [1.0, 60.0, 1.1], PING: [1.0, 0.5, 1.0, 1.0]}


def test_missed_names_the_bars_in_their_order() -> None:
    slow, good, many = (
        entry("noop_vs_ping", certfleet_tls=[2.0], ping=[1.0]),
        entry("batch_peak_memory_mib", certfleet_tls=[54.0]),
        entry("requests_1_name", certfleet_tls=[9.0]),
    )
    results = report(noop_vs_ping=slow, batch_peak_memory_mib=good, requests_1_name=many)
    assert table.missed(results) == ["requests_1_name", "noop_vs_ping"]
    assert table.missed(report(batch_peak_memory_mib=good)) == []


def test_markdown_of_report() -> None:
    results = report(
        batch_certificates_per_second=entry(
            "batch_certificates_per_second", certfleet_tls=[100.0], certbot=[2.0], lego=[4.0]
        ),
        noop_vs_ping=entry("noop_vs_ping", certfleet_tls=[1.31], ping=[1.2]),
        requests_1_name=entry("requests_1_name", certfleet_tls=[7.25], community_crypto=[24.1]),
    )
    lines = table.markdown(results).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:5]]
    assert len({len(line) for line in lines[:5]}) == 1  # columns are in line
    assert cells[0] == ["", OURS, COMMUNITY_CRYPTO, CERTBOT, LEGO, PING, "bar", "reached"]
    assert all(set(cell) == {"-"} for cell in cells[1])
    assert [row[1:] for row in cells[2:]] == [
        ["7.25", "24.1", "", "", "", "at most 7.4", "7.25"],
        ["1.31 s", "", "", "", "1.20 s", "at most 1.25 times ping", "1.09"],
        [
            "100 /s",
            "",
            "2.00 /s",
            "4.00 /s",
            "",
            "at least 25 times certbot, 50 times lego",
            "**50.0 times certbot, 25.0 times lego: missed**",
        ],
    ]
    assert "2026-11-23" in lines[6]
    assert f"{OURS} 0.1.0, certbot 5.8.0" in lines[6]
    assert "20 hosts, 10 forks" in lines[7]
    assert "Something was odd." in lines


def test_markdown_of_report_read_from_json() -> None:
    results = report(noop_vs_ping=entry("noop_vs_ping", certfleet_tls=[1.31], ping=[1.2]))
    assert table.markdown(json.loads(json.dumps(results))) == table.markdown(results)
