# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import first_step, replaced, shared
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Results, Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.step import environment_of


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """Do steps that need no host, in Ansible's own process."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the role's options as the host sees them. Raises AnsibleActionFail if they cannot be used."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        run = Run(self._task, self._templar, task_vars)
        result.update(changed=False, inclusion=run.inclusion)
        if self._task.args.get("holders"):
            hosts, batch = task_vars["ansible_play_hosts"], task_vars["ansible_play_batch"]
            return {**result, "holders": shared.holders(hosts, batch, Results(task_vars["hostvars"]))}
        if self._task.args.get("replaced"):
            return {**result, **self._replaced(run)}
        variables = first_step.validate(run, self._templar, self._task)
        result.update(variables.result(environment_of(self)))
        if variables.warnings:
            result["warnings"] = variables.warnings
        return result

    def _replaced(self, run: Run) -> dict[str, Any]:
        """Return what became of the certificates that were to be replaced, and show it on stderr."""
        plan = run.result("_acme_plan")
        if not plan.get("replacing") or run.check_mode:
            return {}
        number, left, line = replaced.report(plan, run.results, replaced.unanswered(run))
        self._display.display(f"certfleet.tls: {line}", stderr=True)
        return {"replaced": number, "left": left}
