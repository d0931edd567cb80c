# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbers of requests and of orders that are under way at the same time. One that stalls takes no other's place."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

# A request that takes longer, in seconds, is late.
_PATIENCE = 2.0
# Where all that are allowed are under way, one has stalled only if it takes this many times longer than usual.
_TIMES = 4
# So many stalled ones make room for others; with more, others wait for the end of one of them.
_MOST_STALLED = 64
_ORDERS_PER_CONNECTION = 25
#: Seconds after which a thread that waits for room looks again.
LOOK = 0.25
#: Seconds that a request usually takes, as long as nobody knows.
USUAL = _PATIENCE

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Connections:
    """The number of concurrent requests, each with a connection and a nonce of its own.

    few: while all are answered soon; most: at a CA that is slow. Stalled ones are not counted.
    """

    few: int = 1
    most: int = 1

    @property
    def bound(self) -> int:
        """The number of connections that there may be, with those of requests that stall."""
        return self.most + _MOST_STALLED


# A waiting order occupies a thread and nothing else; further orders wait for a thread.
_ORDERS = Connections(64, 64)


def connections_for(orders: int, most: int) -> Connections:
    """Return the connections for so many orders: each costs a request for a nonce, so each needs enough orders."""
    return Connections(max(1, min(most, math.ceil(orders / _ORDERS_PER_CONNECTION))), max(1, most))


def has_room(ages: Sequence[float], connections: Connections, usual: float) -> bool:
    """Return True if another request may be sent. Pure.

    *ages*: seconds since each of those under way was sent. *usual*: seconds that a request usually takes at this CA.
    A late one makes room for one more. If lateness is usual, there is room for the most.
    """
    few = connections.most if usual > _PATIENCE else connections.few
    patience = _PATIENCE if len(ages) < connections.most else max(_PATIENCE, _TIMES * usual)
    late = sum(age > patience for age in ages)
    return len(ages) - late < few and len(ages) < connections.bound


def run_each(
    items: Iterable[Item], work: Callable[[Item], Result], monotonic: Callable[[], float] = time.monotonic
) -> list[Result]:
    """Do *work* for all items side by side, and return the results in order. Raises what *work* raises.

    Work that takes long makes room for another item, so those that wait for a silent server do not delay the others.
    """
    begun: dict[Future[Result], float] = {}
    futures: list[Future[Result]] = []
    with ThreadPoolExecutor(max_workers=_ORDERS.bound) as pool:
        for item in items:
            while not has_room([monotonic() - since for since in begun.values()], _ORDERS, USUAL):
                wait(begun, LOOK, FIRST_COMPLETED)
                begun = {future: since for future, since in begun.items() if not future.done()}
            futures.append(pool.submit(work, item))
            begun[futures[-1]] = monotonic()
    return [future.result() for future in futures]
