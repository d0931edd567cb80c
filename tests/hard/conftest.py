# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The labs of tests/fleet, for tests that take too long for each change."""

from __future__ import annotations

from tests.fleet.conftest import (
    eight,
    eight_hosts,
    fleet,
    four,
    four_hosts_with_zones,
    small,
    three_hosts,
    twenty_hosts,
)

__all__ = [
    "eight",
    "eight_hosts",
    "fleet",
    "four",
    "four_hosts_with_zones",
    "small",
    "three_hosts",
    "twenty_hosts",
]
