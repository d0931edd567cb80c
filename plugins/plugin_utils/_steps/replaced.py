# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a replacement: which of the selected certificates are replaced, by the results of their hosts.

The plan knows what a run tries. Hosts may fail or go away after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import HostCertificate, PlannedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import listed, one_line
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.selection import unanswered_text

from .flow import Item, decisions, read, registered
from .run import Run

_SHOWN = 10  # certificates that are left
_LONGEST = 120  # characters of a reason, which the host's failure has as a whole


def report(plan: Item, results: Mapping[str, Item], hosts: Sequence[str]) -> tuple[int, list[str], str]:
    """Return how many selected certificates are replaced, a line for each that is left, and one line about them all.

    *plan*: of acme_plan. *results*: by host, what it registered. *hosts*: those that gave the plan no answer.
    """
    replaced, left = 0, []
    for host in plan.get("hosts", {}):
        selected = [decided for decided in decisions(plan, host) if decided.selected]
        before = _live_serials(results, host) if selected else {}
        for decided in selected:
            problem = _problem(decided, results[host], before.get(decided.name))
            if problem:
                left.append(f"certificate {decided.name} of {host} ({one_line(problem, _LONGEST)})")
            else:
                replaced += 1
    line = f"{replaced} of {replaced + len(left)} replaced"
    if left:
        line += f", {len(left)} left: {listed(left, _SHOWN)}. Run again with the same values"
    return replaced, left, line + unanswered_text(hosts)


def unanswered(run: Run) -> list[str]:
    """Return the hosts of the play that gave the plan no answer."""
    # Of any inclusion: the result for a host that cannot be reached is Ansible's own, and names none.
    first = {host: run.results.of_all(host).get("_acme_found") for host in run.variables["ansible_play_hosts_all"]}
    return sorted(host for host, found in first.items() if isinstance(found, Mapping) and _has_failed(found))


def _has_failed(found: Mapping[str, Any]) -> bool:
    failed = found.get("unreachable") or found.get("failed") or found.get("unserved")
    return bool(failed) and "certificates" not in found


def _live_serials(results: Mapping[str, Item], host: str) -> dict[str, str | None]:
    found = read(HostCertificate, registered(results, host, "_acme_found", "certificates"))
    return {item.name: item.live.serial if item.live else None for item in found}


def _problem(decided: PlannedCertificate, results: Item, before: str | None) -> str:
    """Return why a certificate is not replaced; empty if it is. *before*: the serial number of the one before."""
    if decided.action == Action.KEEP:
        return decided.message
    deployed, confirmed = (results.get(step) or {} for step in ("_acme_deployed", "_acme_confirmed"))
    for step in (deployed, confirmed):
        failed = (step.get("failures") or {}).get(decided.name)
        if failed:
            return str(failed)
    there = [item["serial"] for item in deployed.get("certificates") or () if item["name"] == decided.name]
    if any(serial and serial != before for serial in there):
        return ""
    deferred = (deployed.get("deferred") or {}).get(decided.name)
    why = deferred or deployed.get("msg")
    return str(why or ("it is deferred to a later run" if deployed else "the host gave no answer"))
