# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pool of anti-replay nonces (RFC 8555 section 6.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._common.deadline import Deadline
from .errors import AcmeError, DeadlineError

# A caller that waits for a nonce reads the clock this often, in seconds.
_LOOK = 0.5
# After this many failed fetches in a row, each with its own retries, no other is tried.
_FRUITLESS = 2


class NoncePool:
    """A pool of nonces, each used once.

    Each request uses a nonce and each answer has a new one, so there can be as many concurrent requests as nonces were
    fetched. The pool fetches one only if it is empty and fewer than *limit* are in circulation; otherwise the caller
    waits for an answer. This limits both the concurrent requests and the number of fetches.
    """

    def __init__(self, fetch: Callable[[Deadline | None], str], limit: int) -> None:
        """*fetch*: gets a nonce from newNonce; *limit*: the largest number in circulation."""
        self._fetch = fetch
        self._limit = limit
        self._on_hand: list[str] = []
        self._circulating = 0
        self._troubles: list[AcmeError] = []
        self._changed = threading.Condition()

    def take(self, deadline: Deadline | None = None) -> str:
        """Return an unused nonce. Each call needs exactly one call of give() after it.

        Raises DeadlineError, and the error of a failed fetch, also in threads that wait for it.
        """
        with self._changed:
            while not self._on_hand:
                if len(self._troubles) >= _FRUITLESS:
                    raise self._troubles[-1]
                if deadline is not None and deadline.left() <= 0:
                    raise DeadlineError(f"the CA returned no nonce for another request within {deadline.seconds:g} s")
                if self._circulating < self._limit:
                    self._circulating += 1
                    break
                self._changed.wait(_LOOK)
            else:
                # The newest first: servers forget the oldest ones.
                return self._on_hand.pop()
        try:
            nonce = self._fetch(deadline)
        except BaseException as error:
            if isinstance(error, AcmeError):
                self._troubles.append(error)
            self.give(None)
            raise
        self._troubles.clear()
        return nonce

    def give(self, nonce: str | None) -> None:
        """Add the answer's nonce; None if the answer had none or there was no answer."""
        with self._changed:
            if nonce:
                self._on_hand.append(nonce)
                self._troubles.clear()
            else:
                self._circulating -= 1
            self._changed.notify()
