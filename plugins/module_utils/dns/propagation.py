# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until every authoritative server holds what was set, for many records side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from ..acme.polling import Deadline
from .servers import Authorities
from .zones import Location


@dataclass(frozen=True)
class Outcome:
    """How a wait ended for one location: *problem* is one line, empty if all is held; *lacking* names servers."""

    held: bool
    problem: str
    lacking: tuple[str, ...]
    others: frozenset[str]


def held(authorities: Authorities, locations: Iterable[Location]) -> dict[Location, frozenset[str]]:
    """The values that any authoritative server has now; none where there is trouble."""
    raise NotImplementedError


def wait(authorities: Authorities, wanted: Mapping[Location, Set[str]], deadline: Deadline) -> dict[Location, Outcome]:
    """Ask until every authoritative server holds all values, or the deadline has passed."""
    raise NotImplementedError
