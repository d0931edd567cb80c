# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether this host has the cryptography library, found out without importing it."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec

OLDEST = (3, 3)


def problem() -> str:
    """A sentence that says what is missing and how to get it; empty if nothing is."""
    spec = find_spec("cryptography")
    if spec is None or not spec.origin:
        return f"the Python library cryptography is missing for {sys.executable}: install python3-cryptography"
    version = _version(os.path.dirname(spec.origin))
    if version and _numbers(version) < OLDEST:
        return (
            f"the Python library cryptography {version} of {sys.executable} is too old: "
            "install python3-cryptography 3.3 or later"
        )
    return ""


def broken() -> str:
    """The same, by importing it: what is there may be damaged."""
    text = problem()
    if text:
        return text
    try:
        import cryptography.x509  # noqa: F401
    except ImportError as error:
        return (
            f"the Python library cryptography of {sys.executable} is broken ({error}): reinstall python3-cryptography"
        )
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:2]))


def _version(folder: str) -> str:
    # The library's own statement: importlib.metadata takes 20 ms to import, a sixth of the whole daily look.
    try:
        with open(os.path.join(folder, "__about__.py"), encoding="utf-8") as file:
            found = re.search(r'^__version__ = "([0-9]+\.[0-9]+)', file.read(), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""
