# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lists of certificates of a host, of which there may be several, and the one that owns a certificate.

The newest manifest of a certificate names the owner. A certificate of another list moves to the list that has it, so
that a list can get another name. It does not move back by itself, or it would move in every run of two lists that both
have it. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ..._common.errors import OptionError
from ..._common.names import DEFAULT_LIST, name_problem
from ..errors import StateError


class Owned(Protocol):
    """The versions of a certificate, as far as they say which list it belongs to. See manifest.StoredVersions."""

    @property
    def newer(self) -> str:
        """A line about a manifest that a later release wrote, or empty."""

    @property
    def numbers(self) -> list[str]:
        """The versions' numbers."""

    @property
    def newest(self) -> dict[str, Any] | None:
        """The newest manifest that can be read."""

    @property
    def owner(self) -> str | None:
        """The list that the certificate belongs to; None if that is unknown."""


@dataclass(frozen=True)
class Claim:
    """The list that certificates are wanted by. reassign: certificates of other lists move in any case."""

    list_name: str = DEFAULT_LIST
    reassign: bool = False

    @classmethod
    def of(cls, params: dict[str, Any]) -> Claim:
        """Return the claim of a module's options. Raises OptionError for a name that is not usable."""
        if problem := name_problem(params["list"]):
            raise OptionError(f"list {params['list']!r}: {problem}")
        return cls(params["list"], params["reassign"])

    def owns(self, found: Owned) -> bool:
        """Return True if the list may remove a certificate, and reports it as unlisted if it does not list it.

        A removal that was killed leaves no version, so any list may complete it. A certificate whose manifests are all
        damaged may belong to another list.
        """
        if found.newer:
            return False
        return found.owner == self.list_name if found.owner else not found.numbers

    def verify(self, found: Owned, identifiers: Iterable[str]) -> None:
        """Raise StateError if the certificate is not in the list and must not move to it, for *identifiers*."""
        newest = found.newest
        if self.reassign or not newest or newest["list"] == self.list_name:
            return
        owner = newest["list"]
        if self.list_name in newest["former_lists"]:
            raise StateError(
                f"two lists of this host have it: it moved from list {self.list_name!r} to list {owner!r}; remove it "
                f"from this list, or set reassign: true for one run and remove it from list {owner!r} after that"
            )
        if set(newest["identifiers"]) != set(identifiers):
            raise StateError(
                f"list {owner!r} of this host has a certificate of this name for {', '.join(newest['identifiers'])}; "
                "choose another name, or set reassign: true for one run to replace that one"
            )

    def drift(self, found: Owned) -> list[str]:
        """Return how the manifest differs: that it names another list."""
        if not found.newest or found.newest["list"] == self.list_name:
            return []
        return [f"it belongs to list {found.newest['list']!r} instead of {self.list_name!r}"]

    def fields(self, found: Owned) -> dict[str, Any]:
        """Return the fields of a manifest that name the list as the owner from now on."""
        newest = found.newest
        known = [*newest["former_lists"], newest["list"]] if newest else []
        return {"list": self.list_name, "former_lists": [name for name in known if name != self.list_name]}


#: For certificates of hosts with one list.
DEFAULT_CLAIM = Claim()
