# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecordState, plain
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import txt
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run

_LONGEST_WAIT = 30  # seconds: a provider that is silent for longer is down


class ActionModule(ControllerAction):
    """The module's work, on the controller: credentials go nowhere else."""

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return what became of the records; tasks_file is looked for where include_tasks would."""
        path = arguments.get("tasks_file")
        return super().work({**arguments, "tasks_file": self.find_tasks(path)} if path else arguments, task_vars)

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the records that the orders need, or had; None to note what a tasks file could not do."""
        if "unwritten" in arguments:
            return None
        state = arguments["state"]
        ordered = run.result("_acme_ordered")
        persistent = run.option("acme_dns_persist_write")
        purpose = "set" if state == "present" else "remove"
        return {
            "records": [
                record.options(("name", "value"))
                for record in txt.txt_records(ordered, run.results, purpose, persistent)
            ],
            "state": state,
            "zones": run.secret("acme_dns"),
            "tasks_file": run.option("acme_dns_tasks") or None,
            "resolver": run.option("acme_dns_resolver"),
            "timeout": min(_LONGEST_WAIT, run.option("acme_dns_timeout")),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what became of the records, with a warning of each that could not be removed."""
        result = super().conclude(run, answer)
        state = result["state"] = self._task.args["state"]
        if "unwritten" in self._task.args:
            told = plain(_unwritten(run, self._task.args["unwritten"]))
            before = run.result("_acme_dns_unwritten")
            result["records"] = [*(before["records"] if before.get("state") == state else ()), *told]
        else:
            told = result.get("records", ())
        if state == "absent":
            result["warnings"] = [*result.get("warnings", ()), *txt.txt_left({"records": told} if told else result)]
        return result


def _unwritten(run: Run, task: Mapping[str, Any]) -> list[TxtRecordState]:
    failed = run.variables["ansible_failed_result"]
    records = run.result("_acme_dns_written").get("records", ())
    return txt.txt_unwritten(failed, task, records, not run.option("acme_dns_no_log"))
