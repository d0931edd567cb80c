# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the modules for TXT records have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.statuses import WaitMode
from .._dns.errors import DnsError
from .option_specs import BATCH_SPEC, texts

_RECORD_SPEC: dict[str, Any] = {
    **texts("name", "value", required=True),
    **texts("target", "zone"),
    "aliases": {"type": "list", "elements": "str"},
}

RECORDS_SPEC: dict[str, Any] = {
    **BATCH_SPEC,
    "records": {"type": "list", "elements": "dict", "required": True, "options": _RECORD_SPEC},
    "resolver": {"type": "list", "elements": "str", "default": []},
    # A mapping, but the error of Ansible's validation for other types would show the value.
    "zones": {"type": "raw"},
    "wait": {"type": "str", "choices": [mode.value for mode in WaitMode], "default": WaitMode.AUTHORITATIVE.value},
}


def zones_of(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the option zones. Raises DnsError if it is no mapping."""
    zones = {} if params["zones"] is None else params["zones"]
    if not isinstance(zones, Mapping):
        raise DnsError("zones (acme_dns) has to be a mapping of zone names to providers")
    return zones
