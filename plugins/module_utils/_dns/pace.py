# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repeat requests that a DNS provider refuses because it gets too many, within one time limit for all providers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from .._common.clock import Clock
from .._common.deadline import Deadline
from .errors import BusyError, Unusable

Result = TypeVar("Result")


def _usual_deadline() -> Deadline:
    return Deadline(Clock(), 120.0)


@dataclass(frozen=True)
class Limits:
    """The time limits of all providers of a step.

    timeout: seconds for each exchange. deadline: no pause between two requests ends after it.
    """

    timeout: float = 30.0
    deadline: Deadline = field(default_factory=_usual_deadline)


class Pace:
    """The requests to one provider: those that it refuses for now are sent again after a pause."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._refused = 0

    def call(self, exchange: Callable[[], Result]) -> Result:
        """Return the result of *exchange*, called until it does not raise BusyError.

        Raises Unusable if the next pause would end after the deadline, and whatever else *exchange* raises.
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
        clock = self._deadline.clock
        pause = clock.pause(self._refused, error.retry_after or 0.0)
        if pause >= self._deadline.left():
            asked = "" if error.retry_after is None else f"asks to wait {error.retry_after:.0f} s, and "
            raise Unusable(
                f"{error}; it {asked}still refuses after {self._deadline.passed():g} s of busy_timeout "
                f"(acme_dns_timeout, {self._deadline.seconds:g} s): run again later, or set a longer time"
            )
        self._refused += 1
        clock.sleep(pause)
