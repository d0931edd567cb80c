# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ranges of numbers in options of modules and of the role. Standard library only: hosts check them, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# No step takes as long, and greater numbers overflow in the functions that get them.
LONGEST = 7 * 86400  # seconds

#: The least and the greatest value of each option, by its name.
RANGES = {
    "busy_timeout": (1, LONGEST),
    "cache_max_age": (0, 366 * 86400),
    "concurrency": (1, 256),
    "delay": (0, LONGEST),
    "keep_versions": (1, 9999),
    "listen_timeout": (1, LONGEST),
    "max_size": (1, 1 << 31),
    "request_timeout": (1, LONGEST),
    "timeout": (1, LONGEST),
}


def problem(value: int, least: int, most: int) -> str:
    """Return why a number is refused; empty if it is not."""
    return "" if least <= value <= most else f"{value} is out of range. Give a number from {least} to {most}"


def problems(params: Mapping[str, Any]) -> list[str]:
    """Return a line for each option of a module that is out of its range."""
    found = {name: problem(params[name], *RANGES[name]) for name in RANGES if params.get(name) is not None}
    return [f"{name}: {text}" for name, text in found.items() if text]
