# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `records` of the modules for TXT records."""

from __future__ import annotations

from typing import Any

RECORDS_SPEC: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {"name": {"type": "str", "required": True}, "value": {"type": "str", "required": True}},
}
