# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.plugin_utils import batch, facts, role_variables


class ActionModule(ActionBase):
    """Return what a host sees of the batch's options, in the controller's own process: no host is contacted."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _arguments, options = self.validate_argument_spec(
            argument_spec={
                "entry_point": {"type": "str", "choices": list(role_variables.OF_ENTRY_POINT), "default": "main"}
            }
        )
        warnings = facts.refuse(task_vars, self._templar, self._task)
        result.update(changed=False, batch=batch.digests(task_vars, self._templar.template, options["entry_point"]))
        if warnings:
            result["warnings"] = warnings
        return result
