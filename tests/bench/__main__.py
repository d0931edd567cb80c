# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures this project against its peers in one lab: prints a table, writes build/bench.json. python -m tests.bench"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tests.lab import Lab, LabError

from . import clients, table
from .bench import Bench
from .measure import BenchError

BUILD = Path(__file__).parents[2] / "build"
REPORT = BUILD / "bench.json"
# One for all: of several Pebble chooses by chance, and one of six days is always due where 30 are to remain.
PROFILES = {"default": {"description": "90 days", "validityPeriod": 90 * 86400}}


def main() -> int:
    arguments = _parser().parse_args()
    try:
        if arguments.markdown:
            print(table.markdown(json.loads(REPORT.read_text())))
            return 0
        report = measure(arguments.only, arguments.hosts, arguments.rounds)
    except (BenchError, LabError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(table.markdown(report))
    missed = table.missed(report)
    if missed:
        print(f"bench: bars not met: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def measure(keys: list[str], hosts: int, rounds: int) -> dict[str, Any]:
    """Return the report on these measurements."""
    clients.install()
    versions = clients.versions()
    folder = BUILD / "bench" / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = {"collections_path": str(clients.COLLECTIONS), "pebble_config": {"profiles": PROFILES}}
    with Lab(BUILD / "bench" / "lab", hosts=hosts, **options) as lab:
        lab.dns.add("*.bench", "A", lab.controller)
        bench = Bench(lab, folder, rounds)
        results = {}
        for key in keys:
            print(f"bench: {key} ...", file=sys.stderr, flush=True)
            results[key] = table.result(key, getattr(bench, key)())
        return {
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "versions": versions,
            "hosts": hosts,
            "forks": min(20, hosts),
            "cpus": os.cpu_count(),
            **results,
            "notes": bench.notes,
        }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", type=_keys, default=list(table.MEASUREMENTS), metavar="KEY,..", help="(all)")
    parser.add_argument("--hosts", type=int, default=20, metavar="N", help="of the lab (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of the fleet and the batch (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="measure nothing: the table of the last report")
    return parser


def _keys(text: str) -> list[str]:
    keys = text.split(",")
    for key in keys:
        if key not in table.MEASUREMENTS:
            raise argparse.ArgumentTypeError(f"there is no {key}: one of {', '.join(table.MEASUREMENTS)}")
    return keys


if __name__ == "__main__":
    sys.exit(main())
