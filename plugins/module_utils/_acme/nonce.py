# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pool of anti-replay nonces (RFC 8555 section 6.5)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .._common.clock import Clock
from .._common.deadline import Deadline
from .concurrency import LOOK, USUAL, Connections, has_room
from .errors import AcmeError

# After this many failed fetches in a row, each with its own retries, no other is tried.
_FRUITLESS = 2
# A fetch that had fewer seconds failed for its order's deadline, and says nothing about the CA.
_ENOUGH = 30.0
# Of how many requests it is known how long they took.
_REMEMBERED = 9


@dataclass(eq=False)
class Nonce:
    """A nonce of a request that is under way since an instant of the monotonic clock."""

    text: str
    since: float


class NoncePool:
    """A pool of nonces, each used once.

    Each request uses a nonce and each answer has a new one, so there can be as many concurrent requests as nonces were
    fetched. The pool fetches one only if it is empty and has_room() says so; otherwise the caller waits for an answer.
    A request that stalls so costs one more nonce, and with it one more connection.
    """

    def __init__(self, fetch: Callable[[Deadline | None], str], clock: Clock, connections: Connections) -> None:
        """*fetch*: gets a nonce from newNonce."""
        self._fetch = fetch
        self._monotonic = clock.monotonic
        self._connections = connections
        self._on_hand: list[str] = []
        self._under_way: set[Nonce] = set()
        self._took = deque([USUAL], _REMEMBERED)
        self._troubles: list[AcmeError] = []
        self._changed = threading.Condition()

    def take(self, deadline: Deadline | None = None) -> Nonce:
        """Return an unused nonce. Each call needs exactly one call of give() after it.

        The wait for requests of others is added to *deadline*, which bounds fetching a nonce. Raises the error of a
        failed fetch, also in threads that wait for it.
        """
        begun = self._monotonic()
        with self._changed:
            while not self._on_hand:
                if len(self._troubles) >= _FRUITLESS:
                    raise self._troubles[-1]
                if has_room(self._ages(), self._connections, median(self._took)):
                    break
                self._changed.wait(LOOK)
            # The newest first: servers forget the oldest ones.
            nonce = Nonce(self._on_hand.pop() if self._on_hand else "", self._monotonic())
            self._under_way.add(nonce)
        if deadline is not None:
            deadline.extend(nonce.since - begun)
        if not nonce.text:
            self._fill(nonce, deadline)
        return nonce

    def give(self, used: Nonce, fresh: str | None) -> None:
        """Take back the place of a nonce, and the answer's nonce; None if it had none or there was no answer."""
        with self._changed:
            self._under_way.discard(used)
            if fresh:
                self._took.append(self._monotonic() - used.since)
                self._on_hand.append(fresh)
                self._troubles.clear()
            self._changed.notify()

    def _ages(self) -> list[float]:
        now = self._monotonic()
        return [now - nonce.since for nonce in self._under_way]

    def _fill(self, nonce: Nonce, deadline: Deadline | None) -> None:
        had_time = deadline is None or deadline.left() >= _ENOUGH
        try:
            nonce.text = self._fetch(deadline)
        except BaseException as error:
            if isinstance(error, AcmeError) and had_time:
                with self._changed:
                    self._troubles.append(error)
            self.give(nonce, None)
            raise
        with self._changed:
            self._troubles.clear()
        nonce.since = self._monotonic()
