# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repeat requests that a DNS provider refuses because it gets too many, within a limit for all pauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from .._common.clock import Clock
from .errors import BusyError, Unusable

Result = TypeVar("Result")


class Pauses:
    """The pauses of all providers of a step, which take no longer than *seconds* together.

    Time in which several pause counts once, and time in which none does not count: neither much work nor a slow API
    leaves a provider without pauses. Several threads may share one object.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self._lock = Lock()
        self._pausing = 0
        self._since = 0.0
        self._earlier = 0.0

    def passed(self) -> float:
        """Return the seconds that pauses took until now, those that go on included."""
        return self._earlier + (self.clock.monotonic() - self._since if self._pausing else 0.0)

    def take(self, seconds: float) -> bool:
        """Sleep for *seconds*, and return True; return False at once if that is longer than what is left."""
        with self._lock:
            if self.passed() + seconds >= self.seconds:
                return False
            if not self._pausing:
                self._since = self.clock.monotonic()
            self._pausing += 1
        try:
            self.clock.sleep(seconds)
        finally:
            with self._lock:
                passed = self.passed()
                self._pausing -= 1
                if not self._pausing:
                    self._earlier = passed
        return True


def _usual_pauses() -> Pauses:
    return Pauses(Clock(), 120.0)


@dataclass(frozen=True)
class Limits:
    """The time limits of all providers of a step.

    timeout: seconds for each exchange. pauses: those between requests that are refused for now.
    """

    timeout: float = 30.0
    pauses: Pauses = field(default_factory=_usual_pauses)


class Pace:
    """The requests to one provider: those that it refuses for now are sent again after a pause."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self._refused = 0

    def call(self, exchange: Callable[[], Result]) -> Result:
        """Return the result of *exchange*, called until it does not raise BusyError.

        Raises Unusable if the next pause is longer than what is left for pauses, and whatever else *exchange* raises.
        """
        while True:
            try:
                result = exchange()
            except BusyError as error:
                self._wait(error)
            else:
                self._refused = 0
                return result

    def _wait(self, error: BusyError) -> None:
        pause = self._pauses.clock.pause(self._refused, error.retry_after or 0.0)
        self._refused += 1
        if not self._pauses.take(pause):
            asked = "" if error.retry_after is None else f"asks to wait {error.retry_after:.0f} s, and "
            raise Unusable(
                f"{error}; it {asked}still refuses after pauses of {self._pauses.passed():.0f} s, and busy_timeout "
                f"(acme_dns_timeout) allows {self._pauses.seconds:g} s: run again later, or set a longer time"
            )
