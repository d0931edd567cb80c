# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report the certificates of a host that are not revoked. Standard library only: it runs for every host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import Revocation
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Status

from .flow import read

if TYPE_CHECKING:
    from .revocation_choice import Chosen

_DONE = (Status.REVOKED, Status.ALREADY_REVOKED)


def names_of(option: Any) -> list[str]:
    """Return the names in acme_revoke, each once: with -e, names are one text."""
    given = option if isinstance(option, (list, tuple)) else [option]
    names = (name.strip() for item in given for name in str(item).split(","))
    return list(dict.fromkeys(filter(None, names)))


def not_revoked(
    chosen: Chosen,
    shown: Mapping[str, Any],
    revoked: Mapping[str, Any],
    host: str,
    names: Iterable[str],
) -> list[str]:
    """Return a line for each certificate of *host* that is to be revoked and is not.

    *chosen*: of to_revoke(). *shown*: the result of certificate_info on the host. *revoked*: that of acme_revoke.
    """
    lines = {
        f"certificate {item.name} is not revoked: {item.problem}" if item.name else item.problem
        for item in chosen.problems
        if item.host == host
    }
    if not isinstance(shown.get("history"), (list, tuple)):
        reason = shown.get("msg") or "the host gave no answer"
        lines |= {f"certificate {name} is not revoked: {reason}" for name in names}
    answers = read(Revocation, revoked.get("certificates") or ())
    complete = len(answers) == len(chosen.certificates)
    for number, item in enumerate(chosen.certificates):
        answer = answers[number] if complete else None
        if item.host == host and (answer is None or answer.status not in _DONE):
            reason = answer.problem or "acme_revoke gave no reason" if answer else revoked.get("msg")
            about = f"certificate {item.name} ({item.ordered})"
            lines.add(f"{about} is not revoked: {reason or 'acme_revoke gave no answer'}")
    return sorted(lines)
