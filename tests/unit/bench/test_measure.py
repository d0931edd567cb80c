# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command, and what it took; peaks of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import bench
from tests.bench.measure import BenchError, Run, Runner
from tests.lab.process import processes

BURN = "import time\nwhile time.process_time() < 0.3: pass"
PEAK = Path(bench.__file__).with_name("peak.py")


class FakeLab:
    """Runs commands on this machine; its CA has seen three requests, and issued one certificate, since any mark."""

    def __init__(self) -> None:
        self.pebble = self

    def popen(self, command: Any, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, **options)

    def mark(self) -> int:
        return 7

    def requests(self, since: int) -> list[str]:
        return ["new", "poll", "done"] if since == 7 else []

    def issued(self, since: int) -> list[str]:
        return ["a serial"] if since == 7 else []


@pytest.fixture
def run(tmp_path: Path) -> Any:
    runner = Runner(FakeLab(), tmp_path)  # type: ignore[arg-type]

    def function(script: str, certificates: int = 1, timeout: float = 60) -> Run:
        return runner.run("it", [sys.executable, "-c", script], certificates, {"EXTRA": "1"}, timeout)

    return function


def test_run_counts_requests_and_certificates_from_its_start(run: Any) -> None:
    assert (run("").requests, run("").issued) == (3, 1)


def test_run_cpu_seconds_include_children(run: Any) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); exec({BURN!r})"
    assert run(BURN).cpu >= 0.3
    assert run(child).cpu >= 0.6


def test_run_waiting_takes_no_cpu_seconds(run: Any) -> None:
    result = run("import time; time.sleep(1)")
    assert result.seconds >= 1 > result.cpu


def test_run_output_is_kept_in_own_file(run: Any, tmp_path: Path) -> None:
    run("import sys; print('out'); print('err', file=sys.stderr)")
    run("print('second')")
    assert sorted((tmp_path / "001-it.log").read_text().split()) == ["err", "out"]
    assert (tmp_path / "002-it.log").read_text() == "second\n"


def test_run_environment_has_no_ansible_settings(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_FORKS", "1")
    run("import os; print(os.environ.get('ANSIBLE_FORKS'), os.environ['EXTRA'], os.environ['HOME'])")
    assert (tmp_path / "001-it.log").read_text() == f"None 1 {tmp_path}\n"


def test_run_failed_command_raises(run: Any, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=f"^it fails: see {tmp_path}/001-it.log$"):
        run("raise SystemExit(2)")


def test_run_too_few_certificates_raises(run: Any) -> None:
    with pytest.raises(BenchError, match=r"^it got 1 certificates instead of 20: see "):
        run("", certificates=20)


def test_run_timeout_kills_detached_processes(run: Any, tmp_path: Path) -> None:
    sleep = "import time; print(__import__('os').getpid(), flush=True); time.sleep(600)"
    detach = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}], start_new_session=True)"
    with pytest.raises(BenchError, match=r"^it is not done within 2 s: see "):
        run(f"{detach}; {sleep}", timeout=2)
    pids = {int(line) for line in (tmp_path / "001-it.log").read_text().split()}
    assert len(pids) == 2
    assert not pids & {process.pid for process in processes()}


def test_peak_is_largest_memory_of_command(tmp_path: Path) -> None:
    peaks = tmp_path / "peaks"
    for script, code in (("x = bytearray(100 << 20); x = None", 0), ("raise SystemExit(3)", 3)):
        assert subprocess.call([sys.executable, "-IS", PEAK, peaks, sys.executable, "-IS", "-c", script]) == code
    big, small = (int(line) / 1024 for line in peaks.read_text().split())
    assert 100 <= big <= 130
    assert small <= 30
    assert bench._peak(peaks) == big


def test_each_requests_for_one_certificate() -> None:
    runs = {"ours": [Run(2.0, 1.0, 145, 20), Run(2.0, 1.0, 150, 20)]}
    assert bench._each(runs, bench._requests) == {"ours": [7.25, 7.5]}
