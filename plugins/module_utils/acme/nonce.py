# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pool of anti-replay nonces (RFC 8555 section 6.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable


class NoncePool:
    """Nonces on hand, each handed out once.

    Every request spends a nonce and every answer brings one, so as many requests can be under way as nonces were ever
    fetched. The pool fetches one only where none is on hand and fewer than *limit* circulate; else the caller waits for
    an answer to bring one. It bounds the requests in flight and the price of the run at once.
    """

    def __init__(self, fetch: Callable[[], str], limit: int) -> None:
        """*fetch* asks newNonce for one nonce; *limit* is the greatest number in circulation."""
        self._fetch = fetch
        self._limit = limit
        self._on_hand: list[str] = []
        self._circulating = 0
        self._changed = threading.Condition()

    def take(self) -> str:
        """A nonce that nobody had before. What is taken is given back by exactly one call of give()."""
        with self._changed:
            while not self._on_hand:
                if self._circulating < self._limit:
                    self._circulating += 1
                    break
                self._changed.wait()
            else:
                # The newest first: servers forget the oldest.
                return self._on_hand.pop()
        try:
            return self._fetch()
        except BaseException:
            self.give(None)
            raise

    def give(self, nonce: str | None) -> None:
        """The answer's nonce; None if the answer had none or there was no answer."""
        with self._changed:
            if nonce:
                self._on_hand.append(nonce)
            else:
                self._circulating -= 1
            self._changed.notify()
