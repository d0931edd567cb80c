# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Report the certificates of a host that are not revoked. Standard library only: it runs for every host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_DONE = ("revoked", "already revoked")


def names_of(option: Any) -> list[str]:
    """Return the names in acme_revoke, each once: with -e, names are one text."""
    given = option if isinstance(option, (list, tuple)) else [option]
    names = (name.strip() for item in given for name in str(item).split(","))
    return list(dict.fromkeys(filter(None, names)))


def not_revoked(
    chosen: Mapping[str, Any],
    looked: Mapping[str, Any],
    revoked: Mapping[str, Any],
    host: str,
    names: Iterable[str],
) -> list[str]:
    """Return a line for each certificate of *host* that is to be revoked and is not.

    *chosen*: of to_revoke(). *looked*: what certificate_info returned on the host. *revoked*: what acme_revoke
    returned.
    """
    lines = {
        f"certificate {item['name']} is not revoked: {item['problem']}" if item["name"] else item["problem"]
        for item in chosen["problems"]
        if item["host"] == host
    }
    if not isinstance(looked.get("history"), (list, tuple)):
        reason = looked.get("msg") or "the host gave no answer"
        lines |= {f"certificate {name} is not revoked: {reason}" for name in names}
    answers = revoked.get("certificates") or []
    complete = len(answers) == len(chosen["certificates"])
    for number, item in enumerate(chosen["certificates"]):
        answer = answers[number] if complete else {"problem": revoked.get("msg") or "acme_revoke gave no answer"}
        if item["host"] == host and answer.get("status") not in _DONE:
            about = f"certificate {item['name']} ({chosen['ordered'][number]})"
            lines.add(f"{about} is not revoked: {answer.get('problem') or 'acme_revoke gave no reason'}")
    return sorted(lines)
