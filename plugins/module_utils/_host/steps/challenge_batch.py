# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Challenges of a host that are served or removed, all of them in one run of the module challenge_response."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..._common.errors import CollectionError
from ..challenges import challenge_responses
from ..challenges.challenge_responses import ChallengeResponse
from ..errors import summary
from .preparation import JournaledOrder, journal

#: Paths that changed, and by token the reason why a response could not be served or removed.
Served = tuple[list[str], dict[str, str]]


def journal_all(home: str, orders: Mapping[str, JournaledOrder], check: bool) -> bool:
    """Write the *orders*, by certificate, into the journals. Return True if any changed. Raises CollectionError."""
    changed = False
    for name, order in orders.items():
        try:
            changed |= journal(home, name, order, check)
        except CollectionError as error:
            raise CollectionError(summary({name: str(error)})) from None
    return changed


def put_all(wanted: Sequence[ChallengeResponse], check: bool) -> Served:
    """Serve *wanted*; return the paths that were not there before. One that fails stops no other.

    Raises CollectionError if two of them exclude each other.
    """
    if rivals := challenge_responses.find_conflicts(wanted):
        raise CollectionError("; ".join(rivals.values()))
    new = [response for response in wanted if not response.in_place()]
    failures = {} if check else _each(wanted, lambda response: response.put())
    return [response.path for response in new if response.token not in failures], failures


def remove_all(unwanted: Sequence[ChallengeResponse], check: bool) -> Served:
    """Remove *unwanted*; return the paths that were there before."""
    there = [response for response in unwanted if response.exists()]
    failures = {} if check else _each(unwanted, lambda response: response.remove())
    return [response.path for response in there if response.token not in failures], failures


def _each(items: Iterable[ChallengeResponse], work: Callable[[ChallengeResponse], object]) -> dict[str, str]:
    failures = {}
    for response in items:
        try:
            work(response)
        except CollectionError as error:
            failures[response.token] = str(error)
    return failures
