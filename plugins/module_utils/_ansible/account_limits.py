# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The limit of an account that new orders have reached: the rest of them would only be refused as well."""

from __future__ import annotations

from collections.abc import Collection

from .._acme.errors import ProblemError

#: Orders for so many sets of names have to reach it: a CA's limits for a name or a set of names have the same problem.
_MANY = 3
_TOO_MANY_REQUESTS = 429


class AccountLimit:
    """The answers of one CA to the new orders of an account, in a run. Several threads may use it."""

    def __init__(self) -> None:
        self._refused: dict[frozenset[str], ProblemError] = {}

    def verify(self) -> None:
        """Raise the last ProblemError again if the account has reached a limit."""
        refused = list(self._refused.values())
        if len(refused) >= _MANY:
            raise refused[-1]

    def note(self, names: Collection[str], error: ProblemError) -> None:
        """Note that an order for *names* was refused, if that may be for the account's sake."""
        if error.problem.status == _TOO_MANY_REQUESTS and not _is_of_names(names, error):
            self._refused[frozenset(names)] = error


def _is_of_names(names: Collection[str], error: ProblemError) -> bool:
    """Return True if the problem names what was ordered, or a domain of it, as CAs do in limits for these."""
    problem = error.problem
    domains = {name.removeprefix("*.").split(".", depth)[-1] for name in names for depth in range(name.count("."))}
    named = any(domain in problem.detail for domain in domains)
    return bool(problem.identifier or problem.subproblems or named)
