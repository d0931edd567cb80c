# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of challenge_response: options become objects, and what came of them a result."""

from __future__ import annotations

from typing import Any

from .._common.names import verify_name
from .._host.challenges import challenge_responses
from .._host.steps.challenge_batch import journal_all, put_all, remove_all
from .._host.steps.preparation import JournaledOrder
from .._host.wanted.wanted import verify_home
from .host_module import HostModule, HostTask
from .host_options import CHALLENGE_SPEC, HOME_SPEC, JOURNAL_SPEC, LISTEN_SPEC
from .option_specs import list_of

SPEC: dict[str, Any] = {
    **HOME_SPEC,
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
    "orders": list_of(JOURNAL_SPEC),
    "challenges": list_of(CHALLENGE_SPEC),
    **LISTEN_SPEC,
}


def run(task: HostTask) -> dict[str, Any]:
    """Journal the orders and serve the challenges, or remove them. Raises CollectionError."""
    params, check = task.params, task.check_mode
    home, present = params["home"], params["state"] == "present"
    verify_home(home)
    responses = challenge_responses.parse_challenges(params["challenges"], present, home, params["listen_timeout"])
    journaled = False
    if present:
        for item in params["orders"]:
            verify_name(item["name"])
        orders = {item["name"]: JournaledOrder(item["order_uri"], item["account_uri"]) for item in params["orders"]}
        journaled = journal_all(home, orders, check)
    paths, failures = (put_all if present else remove_all)(responses, check)
    listed = "".join(f"{path}\n" for path in paths)
    return {
        "changed": bool(paths) or journaled,
        "paths": sorted(response.path for response in responses),
        "diff": {"before": "" if present else listed, "after": listed if present else ""},
        "failures": failures,
        **({"msg": "; ".join(dict.fromkeys(failures.values()))} if failures else {}),
    }


MODULE = HostModule(SPEC, run, {"failures": {}})
