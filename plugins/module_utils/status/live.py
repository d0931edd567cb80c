# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In the plan, which live certificates are revoked. What cannot be told is a warning and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .result import REVOKED, UNKNOWN, Status

#: A certificate of a host: host and name.
Key = tuple[str, str]


def revoked(
    found: Sequence[Mapping[str, Any]], ask: Callable[[Sequence[str]], Sequence[Status]]
) -> tuple[dict[Key, str], list[str]]:
    """Of entries of certificate_info those that are revoked, with why in a line, and warnings.

    *ask* gives the status of PEM texts. A host's word counts for its own certificate only, so it is kept by host.
    """
    # What is missing or damaged is due anyway, and a file that is not the manifest's says nothing of it.
    live = [item for item in found if item.get("live") and not item["live"]["missing"] and not item["live"]["damaged"]]
    asked = [item for item in live if item["live"].get("content")]
    statuses = ask([item["live"]["content"] for item in asked]) if asked else []
    told = list(zip(asked, statuses))
    reasons = {(item["host"], item["name"]): status.revocation() for item, status in told if status.status == REVOKED}
    problems = [
        f"{item['host']}: certificate {item['name']}: {status.problem}"
        for item, status in told
        if status.status == UNKNOWN
    ]
    problems += ["certificate_info was not asked for their content"] * (len(live) - len(asked))
    if not problems:
        return reasons, []
    return reasons, [
        f"it is not known of {len(problems)} of {len(live)} certificates whether they are revoked ({problems[0]})"
    ]
