# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that runs on hosts: its options, the function that does its work, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible.module_utils.basic import AnsibleModule

from .._common.errors import CollectionError
from .._host.errors import summary
from .._host.wanted.wanted import verify_home
from .._x509 import availability
from . import ranges


class HostTask(Protocol):
    """A task on a host; AnsibleModule is one."""

    params: dict[str, Any]
    check_mode: bool

    def warn(self, warning: str) -> None:
        """Add a warning to the result."""

    def get_bin_path(self, arg: str, required: bool = False, opt_dirs: list[str] | None = None) -> str | None:
        """Return the path of a program, which is looked for in *opt_dirs*, too; None if there is none."""


@dataclass(frozen=True)
class HostModule:
    """A module by its options and what it does with them.

    run(task) returns the result. It has `failed` and `msg` if it failed, or `failures`, of which `msg` is the summary
    unless there is one. run may raise any CollectionError; the result has the fields of *refused* then.
    """

    argument_spec: Mapping[str, Any]
    run: Callable[[HostTask], dict[str, Any]]
    refused: Mapping[str, Any] = field(default_factory=dict)

    def main(self) -> None:
        """Run as a module."""
        module = AnsibleModule(argument_spec=dict(self.argument_spec), supports_check_mode=True)
        result = self.result(module)
        if result.pop("failed", False):
            module.fail_json(**result)
        module.exit_json(**result)

    def result(self, task: HostTask) -> dict[str, Any]:
        """Return the result for the options of *task*."""
        problems = ranges.problems(task.params)
        if problems:
            return {"failed": True, "msg": "; ".join(problems), **self.refused}
        try:
            result = {"changed": False, **self.run(task)}
        except CollectionError as error:
            return {"failed": True, "msg": str(error), **self.refused}
        failures = result.get("failures")
        return {"failed": True, "msg": summary(failures), **result} if failures else result


def verify_host(home: str) -> None:
    """Raise CollectionError where the host lacks the library, or *home* cannot be used."""
    problem = availability.import_problem()
    if problem:
        raise CollectionError(problem)
    verify_home(home)
