# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The failures of a certificate since its last success, in a small file beside its versions.

The plan decides by them when the next attempt is due. Standard library only, since every host reads them in every run.
A file that is damaged is none: the next attempt then comes at once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..._common import failed_orders, paths
from ..._common.failed_orders import MOST_COUNTED, MOST_FAILED, Failure
from ..._common.names import name_problem
from ..._common.statuses import FailureKind
from ..._common.times import as_time

FILE = "failures.json"
#: Raised if older code would read such a file wrongly; a file of another schema is none.
_SCHEMA = 1
_MAX_SIZE = 1 << 20  # bytes
_LONGEST = 3000  # characters of a problem: the URL to unpause an account must not be cut
_DIGEST = re.compile(r"[0-9a-f]{0,64}")
_KINDS = frozenset(kind.value for kind in FailureKind)


class Failures(NamedTuple):
    """The failures of a certificate, the latest last, and the list that it is in."""

    list: str
    failed: Sequence[Failure]


def read(folder: str) -> Failures | None:
    """Return the failures that are recorded in *folder*, that of a certificate's versions; None without any."""
    try:
        found = json.loads(paths.read_whole(os.path.join(folder, FILE), _MAX_SIZE))
        if found["schema"] != _SCHEMA or name_problem(found["list"]):
            return None
        return Failures(found["list"], [item for item in found["failed"] if _is_valid(item)][-MOST_FAILED:])
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None


def with_another(failed: Sequence[Failure], another: Failure) -> list[Failure]:
    """Return *failed* with *another* one, as failed_orders has it, whose problem is cut to what a file keeps."""
    return failed_orders.with_another(failed, {**another, "problem": another["problem"][:_LONGEST]})


def content(failures: Failures) -> bytes:
    """Return the bytes of the file."""
    whole = {"schema": _SCHEMA, "list": failures.list, "failed": list(failures.failed)}
    return (json.dumps(whole, indent=2, sort_keys=True) + "\n").encode()


def _is_valid(item: Any) -> bool:
    count, retry_at = item["count"], item["retry_at"]
    return (
        item["kind"] in _KINDS
        and isinstance(item["directory"], str)
        and isinstance(item["problem"], str)
        and isinstance(count, int)
        and not isinstance(count, bool)
        and 0 < count <= MOST_COUNTED
        and bool(as_time(item["since"]) and as_time(item["at"]))
        and (retry_at is None or bool(as_time(retry_at)))
        and bool(_DIGEST.fullmatch(item["digest"]))
    )
