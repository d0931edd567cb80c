# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The libraries that the controller needs, and the message where one is missing. Standard library only."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

CONTROLLER = ("requests", "cryptography", "josepy", "tldextract")
# Loaded where two hosts are compared, which few runs do: loading it takes longer than looking for it.
_LOADED_LATE = ("tldextract",)
# The names of packages that differ from the names of their modules.
_PACKAGES = {"dns": "dnspython"}


def missing(names: tuple[str, ...] = CONTROLLER) -> str:
    """Return a sentence that names those of *names* that are not installed here; empty if all are."""
    absent = [_PACKAGES.get(name, name) for name in names if not _is_installed(name)]
    if not absent:
        return ""
    return (
        f"the Python that does this work ({sys.executable}) lacks {', '.join(absent)}: "
        f"install with '{sys.executable} -m pip install {' '.join(absent)}', or add to the execution environment"
    )


def _is_installed(name: str) -> bool:
    if name in _LOADED_LATE:
        return find_spec(name) is not None
    try:
        import_module(name)
    except ImportError:
        return False
    return True
