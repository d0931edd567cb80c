# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repeating a request to a CA: after which answers, how often, and with which pauses."""

from __future__ import annotations

from .._common.clock import Clock
from .._common.deadline import Deadline

# A longer pause is not waited for: the caller gets the answer, with its instant, and decides.
_LONGEST_PAUSE = 60.0  # seconds
#: A CA that hangs would cost a run the time limit of a request with each attempt.
MOST_SILENT = 2


def is_retryable(status: int) -> bool:
    """Return True if the same request may get another answer than this HTTP status a moment later."""
    return status == 429 or status >= 500


def is_busy(status: int, retry_after: float | None) -> bool:
    """Return True if an answer says that there are too many requests. *retry_after*: seconds, None without it."""
    return status == 429 or (status == 503 and retry_after is not None)


def is_too_late(pause: float, deadline: Deadline | None) -> bool:
    """Return True if a pause of so many seconds would end after *deadline*."""
    return deadline is not None and pause >= deadline.left()


class Retry:
    """The attempts at one request, with growing pauses between them."""

    def __init__(
        self, clock: Clock, attempts: int, deadline: Deadline | None = None, most_silent: int = MOST_SILENT
    ) -> None:
        """*attempts*: how many there may be; none begins after *deadline*, or after *most_silent* without an answer."""
        self._clock = clock
        self._attempts = attempts
        self._failed = 0
        self._silent = 0
        self._most_silent = most_silent
        self._deadline = deadline

    @property
    def has_failed(self) -> bool:
        """Return True if an attempt has failed."""
        return self._failed > 0

    def wait(self, retry_after: float | None = None, is_silent: bool = False) -> bool:
        """Wait for the next attempt, and return False at once if there is none after the one that has failed.

        *retry_after*: the least number of seconds to wait, as the CA asks for it. *is_silent*: there was no answer in
        the whole time limit of a request.
        """
        self._failed += 1
        self._silent += is_silent
        if self._silent >= self._most_silent:
            return False
        least = retry_after or 0.0
        pause = self._clock.pause(self._failed, least)
        if self._failed >= self._attempts or least > _LONGEST_PAUSE or is_too_late(pause, self._deadline):
            return False
        self._clock.sleep(pause)
        return True
