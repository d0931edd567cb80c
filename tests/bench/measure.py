# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command in a lab, and what it took."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import Lab
from tests.lab.namespaces import CLEAN_ENV


class BenchError(Exception):
    """A measurement that came to nothing; the text is one line that says which and why."""


@dataclass(frozen=True)
class Run:
    """What a command took: seconds by the clock, CPU seconds of its process tree, HTTP requests that the CA got."""

    seconds: float
    cpu: float
    requests: int
    issued: int


class Runner:
    """Runs commands on a lab's controller; what they print goes to a file each in folder."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self._folder = folder
        self._runs = 0

    def environment(self) -> dict[str, str]:
        """Of every command alike: nobody's own settings, and Python's caches, which an installed program has, too."""
        return {**CLEAN_ENV, "HOME": str(self._folder), "PYTHONPYCACHEPREFIX": str(self._folder / "pycache")}

    def run(
        self,
        name: str,
        command: Sequence[str | os.PathLike[str]],
        certificates: int = 0,
        env: Mapping[str, str] | None = None,
        timeout: float = 240,
    ) -> Run:
        """Run a command that gets so many certificates. Raises BenchError when it fails or takes too long."""
        self._runs += 1
        output = self._folder / f"{self._runs:03}-{name}.log"
        mark = self.lab.pebble.mark()
        with output.open("wb") as file:
            begun = time.monotonic()
            process = self.lab.popen(
                command,
                env={**self.environment(), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            # Waited for by hand: only so the kernel tells what this process and those that it waited for have used.
            timer = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begun
            timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            reason = f"does not end within {timeout:.0f} s" if seconds >= timeout else "fails"
            raise BenchError(f"{name} {reason}: see {output}")
        issued = len(self.lab.pebble.issued(mark))
        if issued != certificates:
            raise BenchError(f"{name} got {issued} certificates instead of {certificates}: see {output}")
        return Run(seconds, usage.ru_utime + usage.ru_stime, len(self.lab.pebble.requests(mark)), issued)
