# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the first step of an entry point does for a host, before anything is done: its options are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import batch, facts, role_variables
from .run import Run


@dataclass(frozen=True)
class Seen:
    """The options as the host sees them: digests of the batch's, and its own."""

    digests: Mapping[str, str]
    options: Mapping[str, Any]
    check_revocation: Any = False
    warnings: list[str] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """Return what the steps to come know of it."""
        of_the_host = {name: value for name, value in self.options.items() if name != "acme_certificates"}
        return {"batch": dict(self.digests), "options": of_the_host}


def look(run: Run, templar: Any, task: Any) -> Seen:
    """Look at a host's options. Raises AnsibleError where it is to be left out."""
    warnings = facts.refuse(run.variables, templar, task)
    digests = batch.digests(run.variables, run.template, run.entry_point)
    options = batch.values(run.variables, run.template, role_variables.OF_THE_HOST)
    (check_revocation,) = batch.values(run.variables, run.template, ("acme_check_revocation",)).values()
    return Seen(digests, options, check_revocation, warnings)
