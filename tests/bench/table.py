# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bars, and what was measured held against them; as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

OURS = "certfleet.tls"
COMMUNITY_CRYPTO, CERTBOT, LEGO, PING = "community.crypto", "certbot", "lego", "ping"
COLUMNS = (OURS, COMMUNITY_CRYPTO, CERTBOT, LEGO, PING)

Figures = Mapping[str, float]  # by the name of the program


class Bar(Protocol):
    """Bar that our figure has to reach."""

    def judge(self, medians: Figures) -> dict[str, Any]:
        """Each program's figure, in the bar's own terms, and: bar (text), met (bool)."""


@dataclass(frozen=True)
class AtMost:
    """A limit that depends on no other figure."""

    limit: float

    def judge(self, medians: Figures) -> dict[str, Any]:
        return {**medians, "bar": f"at most {self.limit:g}", "met": medians[OURS] <= self.limit}


@dataclass(frozen=True)
class PartOf:
    """A limit relative to a peer's figure."""

    peer: str
    limit: float

    def judge(self, medians: Figures) -> dict[str, Any]:
        parts = {name: value / medians[self.peer] for name, value in medians.items()}
        met = parts[OURS] <= self.limit
        return {**parts, "medians": dict(medians), "bar": f"at most {self.limit:g} times {self.peer}", "met": met}


@dataclass(frozen=True)
class Times:
    """So many times what each peer does."""

    factors: Figures

    def judge(self, medians: Figures) -> dict[str, Any]:
        times = {peer: medians[OURS] / medians[peer] for peer in self.factors}
        text = "at least " + ", ".join(f"{factor:g} times {peer}" for peer, factor in self.factors.items())
        met = all(times[peer] >= factor for peer, factor in self.factors.items())
        return {**medians, "times": times, "bar": text, "met": met}


@dataclass(frozen=True)
class Measurement:
    """A line of the table."""

    what: str
    unit: str
    asked: Bar


MEASUREMENTS = {
    "requests_1_name": Measurement("HTTP requests a certificate, 1 name", "", AtMost(7.4)),
    "requests_10_names": Measurement("HTTP requests a certificate, 10 names", "", AtMost(25.8)),
    "noop_vs_ping": Measurement("nothing due, against ping", "s", PartOf(PING, 1.25)),
    "noop_vs_community_crypto": Measurement("nothing due", "s", PartOf(COMMUNITY_CRYPTO, 1 / 5)),
    "first_issue_vs_community_crypto": Measurement("first certificates", "s", PartOf(COMMUNITY_CRYPTO, 0.45)),
    "first_issue_controller_cpu_vs_community_crypto": Measurement(
        "first certificates, controller's CPU", "s", PartOf(COMMUNITY_CRYPTO, 1 / 4)
    ),
    "batch_certificates_per_second": Measurement("certificates per second", "/s", Times({CERTBOT: 25, LEGO: 50})),
    "batch_peak_memory_mib": Measurement("peak memory of a module or program", "MiB", AtMost(150)),
}


def result(key: str, runs: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return a measurement's entry in the JSON: the median of each program's runs, compared with the bar."""
    measurement = MEASUREMENTS[key]
    judged = measurement.asked.judge({name: median(values) for name, values in runs.items()})
    return {"unit": measurement.unit, **judged, "runs": {name: list(values) for name, values in runs.items()}}


def missed(results: Mapping[str, Any]) -> list[str]:
    """Return the keys whose bar is not met."""
    return [key for key in MEASUREMENTS if key in results and not results[key]["met"]]


def markdown(report: Mapping[str, Any]) -> str:
    """Return the report as a table with notes."""
    head = ["", *COLUMNS, "bar", "reached"]
    rows = [_row(key, report[key]) for key in MEASUREMENTS if key in report]
    widths = [max(3, *(len(row[column]) for row in [head, *rows])) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    table = "".join(f"| {' | '.join(map(str.ljust, line, widths))} |\n" for line in lines)
    return f"{table}\n{_legend(report)}"


def _row(key: str, entry: Mapping[str, Any]) -> list[str]:
    measurement = MEASUREMENTS[key]
    figures = entry.get("medians", entry)
    cells = [f"{_number(figures[name])} {entry['unit']}".strip() if name in figures else "" for name in COLUMNS]
    return [measurement.what, *cells, entry["bar"], _reached(entry)]


def _reached(entry: Mapping[str, Any]) -> str:
    """Our figure in the bar's terms."""
    if "times" in entry:
        text = ", ".join(f"{_number(times)} times {peer}" for peer, times in entry["times"].items())
    else:
        text = _number(entry[OURS])
    return text if entry["met"] else f"**{text}: missed**"


def _number(value: float) -> str:
    """Return three significant digits, without an exponent."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def _legend(report: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    lines = [
        f"{report['date'][:10]}: {versions}.",
        f"{report['hosts']} hosts, {report['forks']} forks, and the CA (Pebble) on a machine of {report['cpus']} CPUs.",
        *report["notes"],
    ]
    return "".join(f"{line}\n" for line in lines)
