# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a process that outlives the one that starts it, also if that one is run by SSH, sudo or Ansible."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterable

from ..errors import ListenError
from ..store import files

_START_TIMEOUT = 10.0  # seconds; a fork takes a few milliseconds


def run_detached(work: Callable[[], None], keep: Iterable[int], name: str) -> None:
    """Run *work* in another process, and return when that process has started. Raises ListenError.

    *keep*: the descriptors that it keeps; all others are closed. *name*: its name, as ps and top show it. Everything
    that *work* needs must be imported before: Ansible removes the files of its modules when they end.
    """
    answer, ready = socket.socketpair()
    with answer, ready:
        answer.settimeout(_START_TIMEOUT)
        try:
            child = os.fork()
            if child == 0:
                _run_child(work, set(keep), ready, name)
            ready.close()
            _reap(child)
            started = answer.recv(1)
        except OSError as error:
            raise ListenError(files.explain(error, "cannot start the challenge listener")) from None
    if not started:
        raise ListenError("cannot start the challenge listener: its process ended at once")


def _reap(child: int) -> None:
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass  # SIGCHLD is ignored, so the kernel reaps it


def _run_child(work: Callable[[], None], keep: set[int], ready: socket.socket, name: str) -> None:
    """Start the grandchild and end the child, so that the init system adopts the grandchild. Never returns."""
    try:
        os.setsid()  # without a terminal, whose end would end the process
        if os.fork() == 0:
            gc.freeze()  # an object of the parent must not close a descriptor whose number is in use again
            _detach({*keep, ready.fileno()})
            _rename(name)
            ready.send(b"1")
            ready.close()
            work()
    finally:
        os._exit(0)


def _detach(keep: set[int]) -> None:
    os.chdir("/")
    os.umask(0o077)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for entry in os.listdir("/dev/fd"):
        handle = int(entry)
        if handle > 2 and handle not in keep:
            try:
                os.close(handle)
            except OSError:
                pass  # the descriptor of the listing itself


def _rename(name: str) -> None:
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(name)
    except OSError:
        pass
