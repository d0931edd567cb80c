# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of certificate_share: private keys sealed for other hosts."""

from __future__ import annotations

from typing import Any

from .._host.steps.key_transfer import give_all
from .host_module import HostModule, HostTask, verify_host
from .host_options import HOME_SPEC

SHARE_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "serial": {"type": "str"},
    "receivers": {"type": "dict", "required": True},
}

SPEC: dict[str, Any] = {
    **HOME_SPEC,
    "shares": {"type": "list", "elements": "dict", "required": True, "options": SHARE_SPEC},
}


def run(task: HostTask) -> dict[str, Any]:
    """Seal the private key of each share. Raises CollectionError before any is read."""
    verify_host(task.params["home"])
    given, failures = give_all(task.params["home"], task.params["shares"])
    return {"shares": [{"name": name, **vars(item)} for name, item in given], "failures": failures}


MODULE = HostModule(SPEC, run, {"shares": [], "failures": {}})
