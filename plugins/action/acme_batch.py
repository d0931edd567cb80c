# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import first_step, shared
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Results, Run
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.step import environment_of


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """Do the first step of entry points that need no host, in Ansible's own process."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the role's options as the host sees them. Raises AnsibleActionFail if they cannot be used."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        run = Run(self._task, self._templar, task_vars)
        result.update(changed=False, inclusion=run.inclusion)
        if self._task.args.get("holders"):
            hosts, batch = task_vars["ansible_play_hosts"], task_vars["ansible_play_batch"]
            return {**result, "holders": shared.holders(hosts, batch, Results(task_vars["hostvars"]))}
        variables = first_step.validate(run, self._templar, self._task)
        result.update(variables.result(environment_of(self)))
        if variables.warnings:
            result["warnings"] = variables.warnings
        return result
