# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run

_OF_THE_TASK = ("state", "rollover")


class ActionModule(ControllerAction):
    """Do the module's work on the controller."""

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the account's options, with those of the task: state or rollover."""
        # No other arguments: a play may have module_defaults for its own tasks.
        return {**run.account(), **{name: arguments[name] for name in _OF_THE_TASK if name in arguments}}

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer unchanged."""
        return answer
