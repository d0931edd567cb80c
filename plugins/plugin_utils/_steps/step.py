# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module as a step of the role: its options follow from the run, and its failures are passed on to later steps.

Nothing fails before the last step, which reports to each host the outcome of its certificates: a task that runs once
would fail every host of the play, and a host that failed earlier would keep its challenges.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import one_line

from .._play.support import refuse_old_controller
from .run import Run

Arguments = Mapping[str, Any]
_LONGEST = 10_000  # characters


class StepAction(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """An action plugin whose task has all of a module's options or, in the role, `batch` and nothing more."""

    TRANSFERS_FILES = False
    #: The fields of other modules' results that the module has no options for, by the option that takes the results.
    unused: ClassVar[Mapping[str, Collection[str]]] = {}
    #: The inclusion of the role that the task is a step of.
    _run: Run | None = None

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the module's result."""
        refuse_old_controller()
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        is_step = boolean(arguments.pop("batch", False), strict=False)
        result.update(self._step(arguments, task_vars) if is_step else self.work(arguments, task_vars))
        return result

    def work(self, arguments: Arguments, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of the module with these *arguments*."""
        raise NotImplementedError

    def arguments_of(self, run: Run, arguments: Arguments) -> Arguments | None:
        """Return the module's arguments in the role; None if there is nothing to do. *arguments*: those of the task."""
        return arguments

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the step's result for the module's *answer*; without a `failed`, it does not fail."""
        if answer.pop("failed", False):
            answer["problem"] = answer.get("msg", "")
        return answer

    def is_noted(self, run: Run) -> bool:
        """Return True if a host that cannot be reached is to fail in the end of the run only."""
        return False

    @classmethod
    def narrowed(cls, arguments: Arguments) -> dict[str, Any]:
        """Return a task's *arguments* without the fields of results that the module has no option for.

        All else stays, so that the module refuses what nobody returned.
        """
        result = dict(arguments)
        for name, fields in cls.unused.items():
            if isinstance(given := result.get(name), (list, tuple)):
                result[name] = [_without(item, fields) if isinstance(item, Mapping) else item for item in given]
        return result

    def _step(self, arguments: Arguments, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        self._run = run = Run(self._task, self._templar, task_vars)
        return {**self.conclude(run, self._answer_to(run, arguments)), "inclusion": run.inclusion}

    def _answer_to(self, run: Run, arguments: Arguments) -> dict[str, Any]:
        try:
            given = self.arguments_of(run, arguments)
            if given is None:
                return {"changed": False}
            return self.work({name: value for name, value in given.items() if value is not None}, run.variables)
        except AnsibleConnectionFailure as error:
            if not self.is_noted(run):
                raise
            return {"failed": True, "msg": one_line(f"the host cannot be reached: {error}", _LONGEST)}
        except (AnsibleError, CollectionError) as error:
            return {"failed": True, "msg": one_line(error, _LONGEST)}
        except Exception as error:  # a bug of this collection: the clean-up on the hosts has to run all the same
            reason = one_line(f"{type(error).__name__}: {error}", _LONGEST)
            return {"failed": True, "msg": reason, "exception": traceback.format_exc()}


def _without(item: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in fields}


def environment_of(action: Any) -> dict[str, str]:
    """Return the `environment` of an action's task, its block and its play, as far as the controller's work uses it.

    It is often meant for hosts: a PYTHONPATH or PYTHONHOME for theirs could keep the controller's from starting.
    """
    found: dict[str, Any] = {}
    action._compute_environment_string(found)
    return {str(name): str(value) for name, value in found.items() if not str(name).startswith("PYTHON")}
