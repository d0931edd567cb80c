# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `records` of the modules for TXT records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.contracts import TxtRecord

RECORDS_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {
        "name": {"type": "str", "required": True},
        "value": {"type": "str", "required": True},
        "target": {"type": "str"},
        "zone": {"type": "str"},
        "aliases": {"type": "list", "elements": "str"},
    },
}


def records_of(params: Mapping[str, Any]) -> list[TxtRecord]:
    """Return the records that a module is given, with their locations where an earlier module run found these."""
    return [TxtRecord.from_option(option, f"records[{number}]") for number, option in enumerate(params["records"])]
