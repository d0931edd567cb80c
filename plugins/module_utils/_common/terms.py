# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The terms of a certificate: one object, and one comparison, for all that compare. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .statuses import Reason


@dataclass(frozen=True)
class Terms:
    """The terms that a certificate is wanted with, or that a version of it was made for.

    identifiers: names and addresses, normalized. key_types: a set, so that a certificate can get a second key.
    profile: None for the CA's default. directories: URLs; of what is wanted, those of the CAs that may issue it, empty
    if any may; of a version, that of its CA.
    """

    identifiers: frozenset[str]
    key_types: frozenset[str]
    profile: str | None
    directories: frozenset[str]

    @classmethod
    def wanted(
        cls, identifiers: Iterable[str], key_type: str, profile: str | None, directories: Iterable[str]
    ) -> Terms:
        """Return the terms of an entry of acme_certificates whose *identifiers* have been parsed."""
        return cls(frozenset(identifiers), frozenset((key_type,)), profile or None, frozenset(directories))

    @classmethod
    def of_version(cls, facts: Mapping[str, Any]) -> Terms:
        """Return the terms of a version: *facts* are its manifest, or what certificate_info returns of it."""
        return cls(
            frozenset(facts["identifiers"]),
            frozenset(filter(None, (facts["key_type"],))),
            facts["profile"] or None,
            frozenset(filter(None, (facts["directory"],))),
        )

    def difference(self, version: Terms) -> list[Reason]:
        """Return in what a *version* differs from these terms, the most serious first; empty if it matches."""
        allowed = not self.directories or (bool(version.directories) and version.directories <= self.directories)
        differs = {
            Reason.IDENTIFIERS: self.identifiers != version.identifiers,
            Reason.KEY_TYPE: self.key_types != version.key_types,
            Reason.PROFILE: self.profile != version.profile,
            Reason.ISSUER: not allowed,
        }
        return [reason for reason, is_different in differs.items() if is_different]
