# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report the certificates of hosts that are not revoked. Standard library only: it is loaded for every host."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import Revocation
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import RevocationResult

from .flow import read

if TYPE_CHECKING:
    from .revocation_choice import Chosen

_DONE = (RevocationResult.REVOKED, RevocationResult.ALREADY_REVOKED)


def not_revoked(
    chosen: Chosen, revoked: Mapping[str, Any], shown: Mapping[str, Mapping[str, Any]], names: Collection[str]
) -> dict[str, list[str]]:
    """Return by host a line for each of its certificates that is to be revoked and is not.

    *chosen*: of to_revoke(). *revoked*: the result of acme_revoke. *shown*: by host, that of certificate_info.
    """
    lines: dict[str, set[str]] = {host: set() for host in shown}
    for problem in chosen.problems:
        if problem.host in lines:
            about = f"certificate {problem.name} is not revoked: " if problem.name else ""
            lines[problem.host].add(f"{about}{problem.problem}")
    for host, looked in shown.items():
        if not isinstance(looked.get("history"), (list, tuple)):
            reason = looked.get("msg") or "the host gave no answer"
            lines[host].update(f"certificate {name} is not revoked: {reason}" for name in names)
    answers = read(Revocation, revoked.get("certificates") or ())
    complete = len(answers) == len(chosen.certificates)
    for number, item in enumerate(chosen.certificates):
        answer = answers[number] if complete else None
        if item.host in lines and (answer is None or answer.status not in _DONE):
            reason = answer.problem or "acme_revoke gave no reason" if answer else revoked.get("msg")
            about = f"certificate {item.name} ({item.ordered})"
            lines[item.host].add(f"{about} is not revoked: {reason or 'acme_revoke gave no answer'}")
    return {host: sorted(of_host) for host, of_host in lines.items()}
