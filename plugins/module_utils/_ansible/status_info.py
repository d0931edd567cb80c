# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of certificate_status_info: the revocation status of certificates that are given as PEM."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .._common.clock import Clock
from .._common.errors import CollectionError
from .._common.libraries import missing
from .._status.look_up import LARGEST, MAX_AGE, LookUpOptions, look_up
from .host_module import HostModule, HostTask

CERTIFICATE_SPEC: dict[str, Any] = {
    "host": {"type": "str", "default": "localhost"},
    "name": {"type": "str", "required": True},
    "content": {"type": "str", "required": True},
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
    statuses, problem = look_up([item["content"] for item in given], Clock(), options)
    if problem:  # answers could not be kept
        task.warn(problem)
    certificates = [
        {"host": item["host"], "name": item["name"], **status.result()} for item, status in zip(given, statuses)
    ]
    failed = refusal(certificates, params["fail_on"])
    return {"certificates": certificates, **({"failed": True, "msg": failed} if failed else {})}


def refusal(certificates: Iterable[Mapping[str, Any]], fail_on: Collection[str]) -> str:
    """Return one line with the certificates whose status is one of *fail_on*; empty if none is."""
    return "; ".join(
        f"{item['host']}: certificate {item['name']}: {item['status']} ({item['problem'] or item['reason']})"
        for item in certificates
        if item["status"] in fail_on
    )


MODULE = HostModule(SPEC, run, {"certificates": []})
