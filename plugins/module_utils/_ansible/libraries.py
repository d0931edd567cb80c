# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The libraries that the controller needs, and the message if one is missing."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

CONTROLLER = ("requests", "cryptography", "josepy")
# Packages whose name is not the name of their import.
_PACKAGES = {"dns": "dnspython"}


def missing(names: tuple[str, ...] = CONTROLLER) -> str:
    """Return one line that says which of *names* cannot be imported and how to install them; empty if all can."""
    absent = []
    for name in names:
        try:
            import_module(name)
        except ImportError:
            absent.append(_PACKAGES.get(name, name))
    if not absent:
        return ""
    return (
        f"the Python that does this work ({sys.executable}) lacks {', '.join(absent)}: "
        f"install with '{sys.executable} -m pip install {' '.join(absent)}', or add to the execution environment"
    )
