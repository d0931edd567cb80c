# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time limits for work that has none: one function, or many side by side. Standard library only."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from .deadline import Deadline

Item = TypeVar("Item")
Result = TypeVar("Result")


def call_for(seconds: float, function: Callable[[], Result]) -> Future[Result]:
    """Call a function that has no time limit in a thread, and wait for it. The result is done() if it took less.

    A thread that takes longer is left alone, and ends with the process.
    """
    future: Future[Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        # Also SystemExit and the like: some functions use large libraries.
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    wait((future,), seconds)
    return future


class Workers(Generic[Item, Result]):
    """Threads that do *work*, which must not raise, for each item that is added, until the deadline.

    Threads that hang, as in a name look-up, end with the process.
    """

    def __init__(self, work: Callable[[Item], Result], most: int, deadline: Deadline) -> None:
        """*most*: how many threads there are at most."""
        self._work = work
        self._most = most
        self._deadline = deadline
        self._waiting: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Item, Result]] = queue.SimpleQueue()
        self._under_way: dict[Item, None] = {}
        self._threads = 0
        self._over = threading.Event()

    def add(self, item: Item) -> None:
        """Add an item, which is not None. One that is waiting or under way is not done twice."""
        if item in self._under_way:
            return
        self._under_way[item] = None
        self._waiting.put(item)
        if self._threads < min(self._most, len(self._under_way)):
            self._threads += 1
            threading.Thread(target=self._run, daemon=True).start()

    def next(self) -> tuple[Item, Result] | None:
        """Return the next item that is done, with its result; None if all are done, and at the deadline."""
        if not self._under_way:
            return None
        try:
            item, result = self._done.get(timeout=self._deadline.left())
        except queue.Empty:
            return None
        del self._under_way[item]
        return item, result

    def results(self, late: Result) -> Iterator[tuple[Item, Result]]:
        """Yield each item with its result, *late* for those that the deadline leaves, and end."""
        yield from iter(self.next, None)
        self.end()
        yield from ((item, late) for item in self._under_way)

    def end(self) -> None:
        """Begin with no other item."""
        self._over.set()
        for _number in range(self._threads):
            self._waiting.put(None)

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None and not self._over.is_set():
            self._done.put((item, self._work(item)))
