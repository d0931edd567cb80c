# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command in a lab, and what it took."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.lab import Lab
from tests.lab.namespaces import CLEAN_ENV
from tests.lab.process import processes

MARK = "BENCH_RUN"


class BenchError(Exception):
    """A measurement that came to nothing; the text is one line that says which and why."""


class RunError(BenchError):
    """A run that came to nothing; log: what it printed."""

    def __init__(self, why: str, log: Path) -> None:
        super().__init__(f"{why}: see {log}")
        self.why = why


@dataclass(frozen=True)
class Run:
    """Cost of a command: seconds by the clock, CPU seconds of its process tree, HTTP requests that the CA got."""

    seconds: float
    cpu: float
    requests: int
    issued: int


class Runner:
    """Runs commands on a lab's controller; what they print goes to a file each in folder."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._runs = 0

    def run(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        certificates: int,
        env: Mapping[str, str],
        timeout: float,
    ) -> Run:
        """Run a command that gets so many certificates. Raises RunError when it fails or takes too long."""
        self._runs += 1
        output = self._folder / f"{self._runs:03}-{name}.log"
        # Nobody's own settings: of the person's environment nothing, and another home. The mark tells what is left of a
        # run, also what Ansible detaches.
        env = {**CLEAN_ENV, "HOME": str(self._folder), MARK: str(output), **env}
        mark = self._lab.pebble.mark()
        with output.open("wb") as file:
            begun = time.monotonic()
            process = self._lab.popen(command, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            # By hand: so the kernel tells what this process has used, and those that it waited for.
            _unused, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
            timer.cancel()
        issued = len(self._lab.pebble.issued(mark))
        if process.returncode != 0:
            _end(f"{MARK}={output}")
            reason = f"is not done within {timeout:.0f} s" if seconds >= timeout else "fails"
        elif issued != certificates:
            reason = f"got {issued} certificates instead of {certificates}"
        else:
            requests = len(self._lab.pebble.requests(mark))
            return Run(seconds, usage.ru_utime + usage.ru_stime, requests, issued)
        raise RunError(f"{name} {reason}", output)


def _end(mark: str) -> None:
    """End what is left of a run, so that the next is alone."""
    for process in processes():
        with suppress(OSError):
            if mark.encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                process.kill()
