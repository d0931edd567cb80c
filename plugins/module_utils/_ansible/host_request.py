# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of certificate_request: options become objects, and what came of them a result."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from .._common.times import parse_time
from .._host.challenges import challenge_responses
from .._host.steps.preparation import Asked, JournaledOrder
from .._host.steps.request_batch import RequestBatch
from .._host.wanted.claim import Claim
from .host_module import HostModule, HostTask, verify_host
from .host_options import (
    CERTIFICATE_SPEC,
    CHALLENGE_SPEC,
    JOURNAL_SPEC,
    LIST_SPEC,
    LISTEN_SPEC,
    TXT_RECORD_SPEC,
    wanted_certificates,
)
from .option_specs import list_of, texts

SPEC: dict[str, Any] = {
    **LIST_SPEC,
    "directory": {"type": "str", "required": True},
    "certificates": list_of(CERTIFICATE_SPEC),
    "orders": list_of(JOURNAL_SPEC),
    "challenges": list_of(CHALLENGE_SPEC),
    "txt_records": list_of({**TXT_RECORD_SPEC, **texts("certificate", required=True)}),
    "controller_time": {"type": "str"},
    "receive": {"type": "list", "elements": "str", "default": []},
    **LISTEN_SPEC,
}


def run(task: HostTask) -> dict[str, Any]:
    """Prepare all certificates, and serve their challenges. Raises CollectionError before anything is changed."""
    params = task.params
    home = params["home"]
    verify_host(home)
    certificates = wanted_certificates(params["certificates"], Claim.of(params))
    responses = challenge_responses.parse_challenges(params["challenges"], True, home, params["listen_timeout"])
    orders = {item["name"]: item for item in params["orders"]}
    now = datetime.now(timezone.utc)
    batch = RequestBatch(home, now, task.check_mode)
    for name, wanted in certificates.items():
        item = orders.get(name) or {}
        order = JournaledOrder(item["order_uri"], item["account_uri"]) if item else None
        directory = item.get("directory") or params["directory"]
        batch.prepare(Asked(wanted, directory, order, item.get("new_key", False)))
    for name in params["receive"]:
        batch.await_key(name)
    noted = parse_time(params["controller_time"]) if params["controller_time"] else now
    batch.note_records(params["list"], params["txt_records"], noted, timedelta(seconds=params["listen_timeout"]))
    batch.serve(responses)
    return batch.result()


MODULE = HostModule(SPEC, run, {"requests": [], "ready": [], "receivers": {}, "failures": {}})
