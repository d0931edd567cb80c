# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock for tests that nobody waits for."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone.utc)


class FakeTime:
    """The parts of a Clock: sleeping takes no time, but advances the clock, is recorded and does what is planned."""

    def __init__(self, chance=0.5):
        self.pauses = []
        self.plans = {}
        self.chance = chance
        self._passed = 0.0
        self._lock = threading.Lock()
        self.clock = Clock(now=self.now, monotonic=self.monotonic, sleep=self.sleep, chance=lambda: self.chance)

    def at(self, pause, action):
        """Do *action* in the pause of this number, counted from one."""
        self.plans[pause] = action

    def now(self):
        return NOW + timedelta(seconds=self._passed)

    def monotonic(self):
        return 1000.0 + self._passed

    def sleep(self, seconds):
        assert seconds >= 0
        with self._lock:
            self.pauses.append(seconds)
            self._passed += seconds
            action = self.plans.get(len(self.pauses))
        if action:
            action()
