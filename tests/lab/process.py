# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of the machine, distinguished from later ones with the same number; and waiting for conditions."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .errors import LabError


class Process(NamedTuple):
    """A process by number and start time (clock ticks since boot): a number alone may be another's by now."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """Return the process that has this number now; None without one, also when it is a zombie.

        While other threads of it are left, a zombie still has its files and ports.
        """
        try:
            # The command, in parentheses, may hold spaces and parentheses itself.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            is_over = fields[0] in "ZX" and len(os.listdir(f"/proc/{pid}/task")) <= 1
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if is_over else cls(pid, int(fields[19]))

    @classmethod
    def recorded(cls, path: Path) -> Process | None:
        """Return the process that a file of "PID START" names, if it still runs."""
        try:
            pid, start = path.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        process = cls(int(pid), int(start))
        return process if process.alive else None

    @property
    def alive(self) -> bool:
        return Process.of(self.pid) == self

    def kill(self, timeout: float = 120) -> None:
        """End it, and wait until it is gone: process 1 of a lab, once the kernel has removed all namespaces in it.

        Raises LabError when it is still there after timeout seconds.
        """
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
            wait(lambda: not self.alive, timeout, f"process {self.pid} does not end")

    def network(self) -> int | None:
        """Return the inode of its network namespace; None when it is gone, or closed even to root."""
        try:
            return os.stat(f"/proc/{self.pid}/ns/net").st_ino
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return None


def processes() -> list[Process]:
    """Return all processes of the machine."""
    found = [Process.of(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()]
    return [process for process in found if process]


def descendants(pid: int) -> list[Process]:
    """Return a process and all below it."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        try:
            parent = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(process)
    found = [process for process in [Process.of(pid)] if process]
    for process in found:
        found.extend(children.get(process.pid, []))
    return found


def wait(condition: Callable[[], Any], timeout: float, what: str, pause: float = 0.01) -> Any:
    """Return the condition's first true value.

    Raises LabError(what) if there is none within timeout seconds.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise LabError(what)
        time.sleep(pause)
    return value
