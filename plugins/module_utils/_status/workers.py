# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads that work on items until a deadline. Those that hang are abandoned."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from .._common.deadline import Deadline

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Generic[Item, Result]):
    """Threads that do *work*, which must not raise, on items as they are added, until the deadline.

    Those that hang, as in a name look-up, end with the process.
    """

    def __init__(self, work: Callable[[Item], Result], connections: int, deadline: Deadline) -> None:
        self._work = work
        self._connections = connections
        self._deadline = deadline
        self._waiting: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Item, Result]] = queue.SimpleQueue()
        self._under_way = 0
        self._threads = 0
        self._over = threading.Event()

    def add(self, item: Item) -> None:
        """Add an item."""
        self._under_way += 1
        self._waiting.put(item)
        if self._threads < min(self._connections, self._under_way):
            self._threads += 1
            threading.Thread(target=self._run, daemon=True).start()

    def next(self) -> tuple[Item, Result] | None:
        """Return the next finished item with its result; None at the deadline."""
        try:
            done = self._done.get(timeout=self._deadline.left())
        except queue.Empty:
            return None
        self._under_way -= 1
        return done

    def end(self) -> None:
        """Begin no other item."""
        self._over.set()
        for _number in range(self._threads):
            self._waiting.put(None)

    def _run(self) -> None:
        while True:
            item = self._waiting.get()
            if item is None or self._over.is_set():
                return
            self._done.put((item, self._work(item)))
