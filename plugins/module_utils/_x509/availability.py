# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out if this host has the cryptography library, without importing it."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec

OLDEST = (3, 3)


def problem() -> str:
    """Return what is missing and how to install it, as one line; an empty text if nothing is missing."""
    spec = find_spec("cryptography")
    if spec is None or not spec.origin:
        return f"the Python library cryptography is missing for {sys.executable}. Install python3-cryptography"
    version = _version(os.path.dirname(spec.origin))
    if version and tuple(map(int, version.split("."))) < OLDEST:
        return (
            f"the Python library cryptography {version} of {sys.executable} is too old. "
            "Install python3-cryptography 3.3 or later"
        )
    return ""


def import_problem() -> str:
    """Return the same as problem(), or that the library is broken, which only importing it shows."""
    if missing := problem():
        return missing
    try:
        import cryptography.x509  # noqa: F401
    except ImportError as error:
        return (
            f"the Python library cryptography of {sys.executable} is broken ({error}). Reinstall python3-cryptography"
        )
    return ""


def _version(folder: str) -> str:
    """Return the first two numbers of the version; an empty text if it is unknown."""
    # Read from the library's own file: importing importlib.metadata takes 20 ms, a sixth of a run with nothing due.
    try:
        with open(os.path.join(folder, "__about__.py"), encoding="utf-8") as file:
            match = re.search(r'^__version__ = "([0-9]+\.[0-9]+)', file.read(), re.MULTILINE)
    except OSError:
        return ""
    return match[1] if match else ""
