# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of the action plugins of all modules whose work is the controller's.

They need no interpreter, no privileges, no ssh and no temporary folder of a localhost: nothing that a play or an
inventory says of hosts has a say in them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess  # nosec B404 # it runs the controller's own Python with a file of this collection
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible_collections
from ansible_collections.certfleet.tls.plugins.module_utils.pki.text import one_line

from .step import StepAction

_ROOT = Path(__file__).parents[2]
_CHILD = Path(__file__).with_name("child.py")
_HERE = ("localhost", "127.0.0.1", "::1")
# What Ansible acts on in any result.
_ACTED_ON = ("add_group", "add_host", "ansible_facts", "ansible_stats")


class ControllerAction(StepAction):
    """Do the work of the module of the same name here; where the task is delegated to another host, there."""

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return what came of the module with these *arguments*."""
        if self._task.delegate_to and self._task.delegate_to not in _HERE:
            answer = self._execute_module(module_args=dict(arguments), task_vars=task_vars)
            return {name: value for name, value in answer.items() if name not in _ACTED_ON}
        module = self._task.action.rpartition(".")[2]
        request = {
            "path": sys.path,
            "collections": list(ansible_collections.__path__),
            "root": str(_ROOT),
            "module": module,
            "arguments": plain(arguments),
            "check_mode": self._task.check_mode,
        }
        return in_child(module, request, {**os.environ, **self._environment()})

    def _environment(self) -> dict[str, str]:
        """The `environment` of the task, its block and its play."""
        found: dict[str, Any] = {}
        self._compute_environment_string(found)
        return {str(name): str(value) for name, value in found.items()}


def in_child(module: str, request: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what a child process answers to *request*, or that it gave no answer."""
    # Its own program with its own file; what it works on comes by standard input.
    child = subprocess.Popen(  # nosec B603 # see the line above
        [sys.executable, str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
    )
    try:
        answer, printed = child.communicate(json.dumps(request).encode())
    finally:
        if child.poll() is None:  # a task's timeout, or an interrupt
            child.kill()
            child.wait()
    try:
        found: dict[str, Any] = json.loads(answer)
        return found
    except ValueError:
        return {"failed": True, "msg": f"{module} gave no answer: {_why(child.returncode, printed)}"}


def plain(value: Any) -> Any:
    """Return *value* as JSON has it: vaulted and marked texts become texts."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return value if isinstance(value, (bool, int, float, type(None))) else str(value)


def _why(code: int, printed: bytes) -> str:
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    if code < 0:
        return f"its process on the controller was ended by {signal.Signals(-code).name}"
    return one_line(lines[-1]) if lines else f"its process on the controller ended with {code}"
