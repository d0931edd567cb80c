# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of certificate_status_info: the revocation status of certificates that are given as PEM."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .._common.clock import Clock
from .._common.errors import CollectionError, OptionError
from .._common.libraries import missing
from .._common.times import as_time, parse_utc
from .._status.look_up import LARGEST, MAX_AGE, LookUpOptions, look_up
from .._status.revocation_status import MARK, REVOKED, RevocationStatus
from .host_module import HostModule, HostTask

CERTIFICATE_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "required": True},
    "revoked": {"type": "str"},
}

SPEC: dict[str, Any] = {
    "certificates": {"type": "list", "elements": "dict", "required": True, "options": CERTIFICATE_SPEC},
    "cache": {"type": "path"},
    "cache_max_age": {"type": "int", "default": MAX_AGE},
    "ca_path": {"type": "path"},
    "timeout": {"type": "int", "default": 30},
    "max_size": {"type": "int", "default": LARGEST},
    "fail_on": {"type": "list", "elements": "str", "choices": ["revoked", "unknown"], "default": []},
}


def run(task: HostTask) -> dict[str, Any]:
    """Return the status of each certificate. Raises CollectionError for what concerns them all."""
    absent = missing(("requests", "cryptography"))
    if absent:
        raise CollectionError(absent)
    params, given = task.params, task.params["certificates"]
    options = LookUpOptions(
        params["cache"], params["ca_path"], params["timeout"], params["max_size"], params["cache_max_age"]
    )
    marked = [_marked(item) for item in given]
    asked = [item["content"] for item, status in zip(given, marked) if status is None]
    statuses, problem = look_up(asked, Clock(), options)
    if problem:  # answers could not be kept
        task.warn(problem)
    answered = iter(statuses)
    certificates = [
        {"host": item["host"], "name": item["name"], **(status or next(answered)).result()}
        for item, status in zip(given, marked)
    ]
    failed = refusal(certificates, params["fail_on"])
    return {"certificates": certificates, **({"failed": True, "msg": failed} if failed else {})}


def _marked(item: Mapping[str, Any]) -> RevocationStatus | None:
    """Return the status of a certificate that is marked as revoked; None if its CA has to be asked.

    Raises OptionError.
    """
    if not item["revoked"]:
        return None
    if not as_time(item["revoked"]):
        raise OptionError(
            f"certificate {item['name']} of {item['host']}: revoked: '{item['revoked']}' is not an instant such as "
            "2026-11-01T00:00:00Z. Give the one that certificate_info returned"
        )
    return RevocationStatus(REVOKED, MARK, revoked_at=parse_utc(item["revoked"]))


def refusal(certificates: Iterable[Mapping[str, Any]], fail_on: Collection[str]) -> str:
    """Return one line with the certificates whose status is one of *fail_on*; empty if none is."""
    return "; ".join(
        f"{item['host']}: certificate {item['name']}: {item['status']} "
        f"({item['problem'] or item['reason'] or 'marked'})"
        for item in certificates
        if item["status"] in fail_on
    )


MODULE = HostModule(SPEC, run, {"certificates": []})
