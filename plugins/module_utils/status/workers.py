# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many questions at once, and an end to all of them: what hangs is left behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..acme.polling import Deadline

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result], items: Sequence[Item], connections: int, deadline: Deadline
) -> dict[Item, Result]:
    """What *work* gives for each item by the deadline; what is not done by then is missing. It must not raise.

    Threads that do not come back, as in a look-up of a name or behind headers that trickle in, end with the process.
    """
    if not deadline.left():
        return {}
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Item, Result]] = queue.SimpleQueue()
    over = threading.Event()
    for item in items:
        waiting.put(item)

    def worker() -> None:
        while not over.is_set():
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            done.put((item, work(item)))

    for _number in range(min(connections, len(items))):
        threading.Thread(target=worker, daemon=True).start()
    found: dict[Item, Result] = {}
    try:
        while len(found) < len(items):
            item, result = done.get(timeout=deadline.left())
            found[item] = result
    except queue.Empty:
        pass
    finally:
        over.set()
    return found
