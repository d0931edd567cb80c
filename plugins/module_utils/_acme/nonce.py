# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pool of anti-replay nonces (RFC 8555 section 6.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._common.deadline import Deadline
from .errors import AcmeError, DeadlineError

# One who waits for an answer to bring a nonce looks at the clock this often, in seconds.
_LOOK = 0.5
# After this many fetches in a row that came to nothing, each with a patience of its own, no further one is tried.
_FRUITLESS = 2


class NoncePool:
    """Nonces on hand, each handed out once.

    Every request spends a nonce and every answer brings one, so as many requests can be under way as nonces were ever
    fetched. The pool fetches one only where none is on hand and fewer than *limit* circulate; else the caller waits for
    an answer to bring one. It bounds the requests in flight and the price of the run at once.
    """

    def __init__(self, fetch: Callable[[Deadline | None], str], limit: int) -> None:
        """*fetch* asks newNonce for one nonce; *limit* is the greatest number in circulation."""
        self._fetch = fetch
        self._limit = limit
        self._on_hand: list[str] = []
        self._circulating = 0
        self._troubles: list[AcmeError] = []
        self._changed = threading.Condition()

    def take(self, deadline: Deadline | None = None) -> str:
        """A nonce that nobody had before. What is taken is given back by exactly one call of give().

        Raises DeadlineError, and what keeps nonces from being fetched, where many wait at once for all of them.
        """
        with self._changed:
            while not self._on_hand:
                if len(self._troubles) >= _FRUITLESS:
                    raise self._troubles[-1]
                if deadline is not None and deadline.left() <= 0:
                    raise DeadlineError(f"the CA gave no nonce for a further request within {deadline.seconds:g} s")
                if self._circulating < self._limit:
                    self._circulating += 1
                    break
                self._changed.wait(_LOOK)
            else:
                # The newest first: servers forget the oldest.
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
        """The answer's nonce; None if the answer had none or there was no answer."""
        with self._changed:
            if nonce:
                self._on_hand.append(nonce)
                self._troubles.clear()
            else:
                self._circulating -= 1
            self._changed.notify()
