# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A time limit that several waits share."""

from __future__ import annotations

from .clock import Clock


class Deadline:
    """An instant on the monotonic clock, *seconds* from now, that no wait exceeds."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self._begin = clock.monotonic()
        self._end = self._begin + seconds

    def left(self) -> float:
        """Return the seconds left, never negative."""
        return max(0.0, self._end - self.clock.monotonic())

    def passed(self) -> float:
        """Return the seconds since the beginning, for messages: whole ones, and tenths below one."""
        seconds = self.clock.monotonic() - self._begin
        return round(seconds, 0 if seconds >= 1 else 1)

    def extend(self, seconds: float) -> None:
        """Move the end: the time limit is not for the time that was waited for others."""
        self._end += seconds
