# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of certificate_adopt: the places of other clients' certificates. Standard library only."""

from __future__ import annotations

from typing import Any

from .._host.steps import other_clients

FOLDER_SPEC: dict[str, Any] = {
    "client": {"type": "str", "required": True, "choices": list(other_clients.USUAL)},
    "path": {"type": "path", "required": True},
}

FILE_SPEC: dict[str, Any] = {
    "certificate": {"type": "path", "required": True},
    "key": {"type": "path", "required": True, "no_log": False},
    "chain": {"type": "path"},
}
