# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of the action plugins of all modules whose work is the controller's.

They need no interpreter, no privileges, no ssh and no temporary folder of a localhost: no keyword of a play and no
connection variable of an inventory changes them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess  # nosec B404 # it runs the controller's own Python with a file of this collection
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError

import ansible_collections
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import one_line

from .._variables.plain import plain
from . import system_resolvers
from .step import StepAction, environment_of

_ROOT = Path(__file__).parents[3]
_CHILD = Path(__file__).with_name("child.py")
_HERE = ("localhost", "127.0.0.1", "::1")
# Ansible acts on these in any result. The last one has the arguments, and with them secrets (zones of dns_txt_record).
_LEFT_OUT = ("add_group", "add_host", "ansible_facts", "ansible_stats", "invocation")
_PATIENCE = 1.0  # seconds that a process's output is still read for after its end
_RESOLV_CONF = Path("/etc/resolv.conf")


class ControllerAction(StepAction):
    """Do the work of the module of the same name here; where the task is delegated to another host, there."""

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of the module with these *arguments*, which may have results of other modules."""
        arguments = self.narrowed(arguments)
        if self._task.delegate_to and self._task.delegate_to not in _HERE:
            answer = self._execute_module(module_args=arguments, task_vars=task_vars)
            return {name: value for name, value in answer.items() if name not in _LEFT_OUT}
        return self.run_here(self._task.action.rpartition(".")[2], arguments)

    def run_here(self, module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of *module* on the controller, in a process of its own."""
        request = {
            "path": sys.path,
            "parent": os.getpid(),
            "collections": list(ansible_collections.__path__),
            "root": str(_ROOT),
            "module": module,
            "arguments": plain(arguments),
            "check_mode": self._task.check_mode,
        }
        environment = {**os.environ, **self._environment()}
        return in_child(module, request, {**environment, **system_resolvers.environment(_resolv_conf(), environment)})

    def find_tasks(self, path: str) -> str:
        """Return the absolute path of acme_dns_tasks, searched for in the same places as by include_tasks.

        Raises AnsibleActionFail where it is not there.
        """
        try:
            found: str = self._find_needle("tasks", path)
        except AnsibleError:
            raise AnsibleActionFail(
                f"tasks_file (acme_dns_tasks): {path} does not exist on the controller. Give a tasks file"
            ) from None
        return found

    def _update_module_args(self, module_name: str, module_args: dict[str, Any], *more: Any, **options: Any) -> None:
        super()._update_module_args(module_name, module_args, *more, **options)
        # A module writes its arguments to its host's log, with secrets that no spec can mark (zones of dns_txt_record).
        module_args["_ansible_no_log"] = True

    def agreed_environment(self) -> Collection[str] | None:
        """Return the names in the environment in which all hosts of the batch agree; None outside of a batch."""
        names: Collection[str] | None = self._run.result("_acme_plan").get("environment") if self._run else None
        return names

    def _environment(self) -> dict[str, str]:
        names = self.agreed_environment()
        return {name: value for name, value in environment_of(self).items() if names is None or name in names}


def _resolv_conf() -> str:
    try:
        return _RESOLV_CONF.read_text(errors="replace")
    except OSError:
        return ""


def in_child(module: str, request: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer of a child process to *request*, or a failure without one."""
    # Paths are UTF-8, as they are to Ansible, whatever locale the environment has.
    command = [sys.executable, "-X", "utf8", str(_CHILD)]
    try:
        # Its own program with its own file; the request comes by standard input.
        child = subprocess.Popen(  # nosec B603 # see the line above
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(environment)
        )
    except (OSError, ValueError) as error:
        # Such as no memory, too many processes, an environment with NUL bytes.
        reason = getattr(error, "strerror", None) or error
        return {"failed": True, "msg": one_line(f"{module}: {sys.executable} cannot be started: {reason}")}
    try:
        answer, printed = _communicate(child, json.dumps(request).encode())
    finally:
        if child.poll() is None:  # a task's timeout, or an interrupt
            child.kill()
            child.wait()
    try:
        found: dict[str, Any] = json.loads(answer)
        return found
    except ValueError:
        return {"failed": True, "msg": f"{module} gave no answer: {_why(child.returncode, printed)}"}


def _communicate(child: subprocess.Popen[bytes], request: bytes) -> tuple[bytes, bytes]:
    """Send *request* and return what *child* wrote to standard output and to standard error until its end.

    A program that it started may still run and keep these open: it is not waited for.
    """
    given: bytes | None = request
    ended = False
    while True:
        try:
            return child.communicate(given, timeout=_PATIENCE)
        except subprocess.TimeoutExpired as so_far:
            if ended:
                return so_far.output or b"", so_far.stderr or b""
            given, ended = None, child.poll() is not None


def _why(code: int, printed: bytes) -> str:
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    if code < 0:
        return f"its process on the controller was ended by signal {-code} ({signal.strsignal(-code)})"
    return one_line(lines[-1]) if lines else f"its process on the controller ended with {code}"
