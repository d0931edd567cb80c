# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts that did not get their certificates: they fail at once, or in the play at the end of the run (acme_fail)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .run import Run

#: The results of the steps that may fail a host, as registered; playbooks/failures.yml reads the same.
REGISTERED = ("_acme_found", "_acme_deployed", "_acme_confirmed")


def conclude(run: Run, answer: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a step that may fail its host, with the lines of all failures so far.

    *options*: the host's own. With acme_fail 'warn' it does not fail: a batch (serial) in which every host fails would
    end the play for the hosts of later ones.
    """
    if not answer.get("failed"):
        return {**answer, "unserved": earlier(run)}
    line = str(answer.get("msg") or "it failed without a reason")
    result = {**answer, "unserved": [*earlier(run), line]}
    if are_noted(options):
        del result["failed"]
        name = f"host {run.host}: "
        result["warnings"] = [*result.get("warnings", ()), name + line.removeprefix(name)]
    return result


def are_noted(options: Mapping[str, Any]) -> bool:
    """Return True if a host with these *options* of its own fails in the end of the run only."""
    return bool(options.get("acme_fail") == "warn")


def earlier(run: Run) -> list[str]:
    """Return the lines of the host's failures in all inclusions of the role before."""
    registered = run.results.of_all(run.host)
    lines = (line for name in REGISTERED for line in registered.get(name, {}).get("unserved", ()))
    return list(dict.fromkeys(lines))
