# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of certificate_info. Standard library only: hosts with nothing due run nothing else."""

from __future__ import annotations

from typing import Any

from .._common.names import verify_name
from .._host.steps.inspection import inspect, inventory, unlisted
from .._host.store import manifest, txt_notes
from .._host.wanted.claim import Claim
from .._host.wanted.wanted import verify_absolute
from .host_module import HostModule, HostTask
from .host_options import CERTIFICATE_SPEC, LIST_SPEC

SPEC: dict[str, Any] = {
    **LIST_SPEC,
    "certificates": {"type": "list", "elements": "dict", "options": CERTIFICATE_SPEC},
    "content": {"type": "bool", "default": False},
    "history": {"type": "list", "elements": "str", "default": []},
}


def run(task: HostTask) -> dict[str, Any]:
    """Return what there is of the wanted certificates, or of all without `certificates`. Raises OptionError."""
    params = task.params
    home, wanted = params["home"], params["certificates"]
    verify_absolute(home)
    for name in params["history"]:
        verify_name(name)
    claim = Claim.of(params)
    common = {
        "history": [version for name in params["history"] for version in manifest.history(home, name)],
        "txt_records": txt_notes.read(home, params["list"]),
    }
    if wanted is None:
        return {"certificates": inventory(home, params["content"]), "unlisted": [], **common}
    found = inspect(home, wanted, params["content"], claim)
    others = unlisted(home, [item["name"] for item in wanted], claim)
    return {"certificates": found, "unlisted": others, **common}


MODULE = HostModule(SPEC, run)
