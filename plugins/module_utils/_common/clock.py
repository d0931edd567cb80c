# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of the protocol code, which is passed in, so that tests never wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Clock:
    """The sources of time and of random numbers.

    now: returns the time of day as aware UTC datetime. monotonic: returns seconds that never jump, for deadlines.
    sleep: waits a number of seconds. chance: returns a float in [0, 1), for jitter.
    """

    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def pause(self, attempt: int, floor: float = 0.0, longest: float = 30.0) -> float:
        """Return the seconds to wait before attempt number *attempt* + 1.

        They double from half a second, up to *longest*, are jittered by half, and are never below *floor* (seconds).
        """
        grown = min(longest, 0.5 * 2.0**attempt)
        return max(floor, grown * (0.5 + self.chance() / 2))
