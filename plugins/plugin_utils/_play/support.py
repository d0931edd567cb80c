# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Supported versions of ansible-core, Python and cryptography, and one message for a version that is too old.

README.md has the same table ("Supported versions"); a test compares both. A version that is newer than the tested ones
is not refused and causes no warning: most work, and the warning would be in every run for years.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.release import __version__ as _ansible_core

CORE = (2, 16)
NEWEST_TESTED_CORE = (2, 22)
CONTROLLER_PYTHON = (3, 10)
CONTROLLER_CRYPTOGRAPHY = (37,)
HOST_PYTHON = (3, 9)
HOST_CRYPTOGRAPHY = (3, 3)

_EXAMPLE = "/usr/bin/python3.11"
# A host's Python runs this, also Python 2, and prints its version.
QUESTION = 'import sys; print("%d.%d" % sys.version_info[:2])'
_ANSWER = re.compile(r"([0-9]{1,2})\.([0-9]{1,3})")
_NOT_FOUND = 127
# ansible-core: "ansible-core requires a minimum of Python version 3.7", "Ansible requires Python 3.9 or newer".
_REFUSED_BY_CORE = re.compile(r"(?i)^ansible(-core)? requires .*python")


def _parse(version: str) -> tuple[int, ...]:
    """Return the numbers at the start of a version: (2, 22, 0) for "2.22.0rc1"."""
    numbers = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()


def _text(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)


def controller_problem(core: str, python: tuple[int, int], cryptography: str | None) -> str:
    """Return a message if a version on the controller is too old, else an empty string.

    *core* and *cryptography* are versions such as "2.22.0rc1". If cryptography is missing, the modules report that.
    """
    installed: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = [
        ("ansible-core", _parse(core), CORE),
        ("Python", python, CONTROLLER_PYTHON),
    ]
    if cryptography:
        installed.append(("the Python library cryptography", _parse(cryptography), CONTROLLER_CRYPTOGRAPHY))
    old = [f"{name} {_text(have)} is too old, {_text(need)} is needed" for name, have, need in installed if have < need]
    if not old:
        return ""
    return f"certfleet.tls does not support this controller: {'; '.join(old)}. Upgrade it, or use a newer environment"


def _installed(library: str) -> str | None:
    # From its metadata, since the import takes far longer.
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


# Once, not for each host: Ansible loads action plugins before it forks.
_PROBLEM = controller_problem(_ansible_core, sys.version_info[:2], _installed("cryptography"))


def refuse_old_controller() -> None:
    """Raise AnsibleActionFail if a version on this controller is too old."""
    if _PROBLEM:
        raise AnsibleActionFail(_PROBLEM)


def may_be_old_python(answer: Any) -> bool:
    """Return True if a module failed without a reason of its own, as with a Python that cannot read its code."""
    if not isinstance(answer, Mapping) or answer.get("failed") is not True or answer.get("unreachable"):
        return False
    reason = answer.get("msg")
    if not isinstance(reason, str) or not reason:
        return True
    return "module_stderr" in answer or bool(_REFUSED_BY_CORE.match(reason))


def host_problem(host: str, interpreter: str, code: int, printed: str) -> str:
    """Return a message if *host*'s Python cannot be run or is too old, else an empty string.

    *code* and *printed* are the exit status and the output of QUESTION on the host.
    """
    hint = f"Set ansible_python_interpreter to a newer one, such as {_EXAMPLE}"
    if code == _NOT_FOUND:
        return f"host {host}: there is no Python at {interpreter}. {hint.replace('a newer one', 'one that exists')}"
    # The host's shell may print other lines at each log-in.
    versions = [match for line in printed.splitlines() if (match := _ANSWER.fullmatch(line.strip()))]
    if code != 0 or not versions:
        return ""
    version = (int(versions[-1][1]), int(versions[-1][2]))
    if version >= HOST_PYTHON:
        return ""
    needed = f"the modules of certfleet.tls need {_text(HOST_PYTHON)} or later"
    return f"host {host}: its Python at {interpreter} is {_text(version)}, and {needed}. {hint}"
