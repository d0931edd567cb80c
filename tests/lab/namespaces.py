# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making namespaces and entering them."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from .errors import LabError
from .process import Process

CLONE_NEWNET = 0x40000000
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
UMASK = 0o022  # of all that runs in a lab, whatever the person's is
CLEAN_ENV = {"PATH": f"{SBIN}:/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


def nsenter(process: Process, *namespaces: str) -> list[str]:
    """Return the start of a command line that runs the rest in namespaces ("--net", ...) of a process."""
    return ["nsenter", f"--target={process.pid}", *namespaces, "--"]


def unshare(*namespaces: str) -> list[str]:
    """Return the start of a command line that runs the rest in the background as process 1 of new namespaces.

    Always of a mount and a PID namespace; of others as named ("--net", "--uts").
    """
    # A slave of the machine's mounts: what is unmounted there is not held here.
    return ["setsid", "--fork", "unshare", "--mount", "--propagation=slave", "--pid", "--fork", *namespaces, "--"]


def start(what: str, command: list[str]) -> None:
    """Run a command that prints "up" once its program is up, and continues in the background.

    Raises LabError with its output if it ends before.
    """
    process = subprocess.Popen(
        command,
        env=CLEAN_ENV,
        cwd="/",
        umask=UMASK,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    said = []
    with process.stdout:
        for line in process.stdout:
            if line == "up\n":
                break
            said.append(line.strip())
        else:
            raise LabError(f"{what} does not start: {' / '.join(said) or 'it says nothing'}")
    process.wait()


@contextmanager
def usual_umask() -> Iterator[None]:
    """Have all threads of this process make files that others can read, for as long as it lasts."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def in_network(pid: int, function: Callable[[], Any]) -> Any:
    """Run function() in the network namespace of a process. Return or raise what it does.

    Runs in a thread of its own, which ends afterwards: a namespace belongs to a thread, and no other is moved.
    """

    def work() -> Any:
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "cannot enter the lab's network")
        finally:
            os.close(fd)
        return function()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(work).result()
