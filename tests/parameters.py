# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters of tests in labs, of which `make test` has a few and the longer tests all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest


def hard_but(fast: Collection[str], names: Iterable[str]) -> list[Any]:
    """Return *names* for pytest.mark.parametrize, all but those in *fast* for the longer tests. Raises ValueError."""
    listed = list(names)
    unknown = {*fast} - {*listed}
    if unknown:
        raise ValueError(f"there is no {', '.join(sorted(unknown))}")
    return [name if name in fast else pytest.param(name, marks=pytest.mark.hard) for name in listed]


def hard_after(number: int, rows: Sequence[Any]) -> list[Any]:
    """Return *rows* for pytest.mark.parametrize, all but the first *number* for the longer tests."""
    rest = (row if isinstance(row, tuple) else (row,) for row in rows[number:])
    return [*rows[:number], *(pytest.param(*row, marks=pytest.mark.hard) for row in rest)]
