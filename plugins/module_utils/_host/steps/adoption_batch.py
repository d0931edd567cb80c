# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of other clients that are taken over, for all certificates that a host wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..._common.errors import CollectionError
from ..wanted.wanted import WantedCertificate
from . import other_clients
from .adoption import Adopted, Candidate, adopt
from .other_clients import Lineage


class AdoptionBatch:
    """Take over *candidates* for the wanted certificates. One that fails stops no other.

    now: aware UTC. check: change nothing. adopted: by certificate. failures: reasons by certificate.
    """

    def __init__(self, home: str, candidates: Sequence[Candidate], now: datetime, check: bool) -> None:
        self.home = home
        self.candidates = candidates
        self.now = now
        self.check = check
        self.adopted: dict[str, Adopted] = {}
        self.failures: dict[str, str] = {}

    def adopt(self, wanted: WantedCertificate) -> None:
        """Make the best candidate for a certificate its first version."""
        try:
            self.adopted[wanted.name] = adopt(self.home, wanted, self.candidates, self.now, self.check)
        except CollectionError as error:
            self.failures[wanted.name] = str(error)

    def warnings(self) -> list[str]:
        """Return lines about certificates that the next run replaces, and about named files that cannot be used."""
        of_certificates = [
            f"certificate {name}: {adopted.warning}" for name, adopted in self.adopted.items() if adopted.warning
        ]
        of_files = [
            f"{item.lineage.certificate}, which files names, cannot be taken over: {item.problem}"
            for item in self.candidates
            if item.problem and item.lineage.client == other_clients.FILES and item.lineage not in self._names
        ]
        return [*of_certificates, *of_files]

    def result(self) -> dict[str, Any]:
        """Return the result of the module."""
        changed = {name: adopted for name, adopted in self.adopted.items() if adopted.changed}
        names = self._names
        return {
            "changed": bool(changed),
            "diff": [
                {"before_header": name, "after_header": name, "before": "", "after": adopted.line()}
                for name, adopted in changed.items()
            ],
            "certificates": [{"name": name, **adopted.facts()} for name, adopted in self.adopted.items()],
            "found": [{**item.facts(), "adopted": names.get(item.lineage)} for item in self.candidates],
            "failures": self.failures,
        }

    @property
    def _names(self) -> Mapping[Lineage, str]:
        """The certificates that were made of lineages, in this run or before."""
        return {adopted.source: name for name, adopted in self.adopted.items() if adopted.source}
