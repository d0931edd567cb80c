# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Count the failed orders of a certificate, for hosts and for the plan. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The most failures that are kept of a certificate: one for each kind and CA.
MOST_FAILED = 20
MOST_COUNTED = 100_000

#: The failures of one kind at one CA, with the fields of contracts.CountedOrder.
Failure = Mapping[str, Any]


def with_another(failed: Sequence[Failure], another: Failure) -> list[Failure]:
    """Return *failed* with *another* one, which has neither `count` nor `since`.

    Failures with other settings are dropped: they say nothing of these.
    """
    alike = [item for item in failed if item["digest"] == another["digest"]]
    same = [item for item in alike if _is_same(item, another)]
    count, since = (same[0]["count"], same[0]["since"]) if same else (0, another["at"])
    counted = {**another, "count": min(count + 1, MOST_COUNTED), "since": since}
    return [*(item for item in alike if item not in same), counted][-MOST_FAILED:]


def _is_same(one: Failure, other: Failure) -> bool:
    return bool(one["kind"] == other["kind"] and one["directory"] == other["directory"])
