# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exceptions that nobody expected: they fail one order, and not all others with it."""

from __future__ import annotations

from .._common.errors import CollectionError


def message(error: Exception) -> str:
    """Return the line about an exception. Its text is left out unless it is written for people: it may have secrets."""
    if isinstance(error, CollectionError):
        return str(error)
    return f"certfleet.tls failed: unexpected {type(error).__name__}. Report this to its developers"
