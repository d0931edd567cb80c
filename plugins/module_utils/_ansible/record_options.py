# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `records` of the modules for TXT records."""

from __future__ import annotations

from typing import Any

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
}
