# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that outlives the one which starts it, also where that is run by SSH, sudo or Ansible."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterable

from ..errors import ListenError
from ..store import files

_PATIENCE = 10.0  # seconds until it is there; a fork takes a few milliseconds


def detached(work: Callable[[], None], keep: Iterable[int], name: str) -> None:
    """Have *work* done in a process of its own, and come back once that is under way. Raises ListenError.

    keep: the handles that it goes on with; all others are closed. name: the process's, as ps and top show it.
    Whatever *work* needs has to be imported by now: Ansible removes its modules when they end.
    """
    answer, ready = socket.socketpair()
    with answer, ready:
        answer.settimeout(_PATIENCE)
        try:
            child = os.fork()
            if child == 0:
                _first(work, set(keep), ready, name)
            ready.close()
            _reap(child)
            started = answer.recv(1)
        except OSError as error:
            raise ListenError(files.explain(error, "no process that answers challenges can be started")) from None
    if not started:
        raise ListenError("the process that answers challenges did not start")


def _reap(child: int) -> None:
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass  # whoever started this one has the kernel do it


def _first(work: Callable[[], None], keep: set[int], ready: socket.socket, name: str) -> None:
    """The child ends at once, so that the grandchild is the init system's. Nothing of either comes back from here."""
    try:
        os.setsid()  # no terminal, whose end would be ours
        if os.fork() == 0:
            gc.freeze()  # an object of the parent's must not close a handle whose number is used anew
            _let_go({*keep, ready.fileno()})
            _rename(name)
            ready.send(b"1")
            ready.close()
            work()
    finally:
        os._exit(0)


def _let_go(keep: set[int]) -> None:
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
                pass  # that of the listing itself


def _rename(name: str) -> None:
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(name)
    except OSError:
        pass
