# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `records` of the modules for TXT records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.contracts import TxtRecord
from .host_options import BATCH_SPEC

_RECORD_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "value": {"type": "str", "required": True},
    "target": {"type": "str"},
    "zone": {"type": "str"},
    "aliases": {"type": "list", "elements": "str"},
}

RECORDS_SPEC: dict[str, Any] = {
    **BATCH_SPEC,
    "records": {"type": "list", "elements": "dict", "required": True, "options": _RECORD_SPEC},
    "resolver": {"type": "list", "elements": "str", "default": []},
}


def records_of(params: Mapping[str, Any]) -> list[TxtRecord]:
    """Return the records that a module is given, with their locations where an earlier module run found these."""
    return [TxtRecord.from_option(option, f"records[{number}]") for number, option in enumerate(params["records"])]
