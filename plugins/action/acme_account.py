# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import persistent
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(ControllerAction):
    """Do the module's work on the controller."""

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the account's options, and what the entry point does to it."""
        is_rollover = run.entry_point == "account_rollover"
        return {
            **run.account(),
            "state": "absent" if run.entry_point == "account_deactivate" else "present",
            "rollover": is_rollover,
            "dns_persist_names": persistent.names(run.variables["hostvars"]) if is_rollover else [],
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer unchanged."""
        return answer
