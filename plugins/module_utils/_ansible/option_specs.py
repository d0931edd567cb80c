# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of the specifications of modules' options. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: For tasks of the role; action plugins remove it.
BATCH_SPEC: dict[str, Any] = {"batch": {"type": "bool", "default": False}}


def texts(*names: str, **more: Any) -> dict[str, Any]:
    """Return the specification of options that are texts. *more*: of each of them, such as required."""
    return {name: {"type": "str", **more} for name in names}


def list_of(spec: Mapping[str, Any], **rules: Any) -> dict[str, Any]:
    """Return the specification of a list of mappings with the options in *spec*. *rules*: such as required_one_of."""
    return {"type": "list", "elements": "dict", "options": dict(spec), "default": [], **rules}
