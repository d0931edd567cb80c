# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import TxtRecord, plain
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import dns_tasks, left_records, outcomes, txt
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run

#: The role's own argument: an element of task_files whose tasks failed.
_UNWRITTEN = "_acme_unwritten"
_LONGEST_WAIT = 30  # seconds: a provider that does not answer for longer is down


class ActionModule(ControllerAction):
    """Run the module's work on the controller, so that credentials go nowhere else."""

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of the module; tasks_file is searched for where include_tasks would search."""
        path = arguments.get("tasks_file")
        return super().work({**arguments, "tasks_file": self.find_tasks(path)} if path else arguments, task_vars)

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the options for the records of the orders; None to note what a tasks file could not do."""
        if _UNWRITTEN in arguments:
            return None
        state = arguments["state"]
        purpose = "set" if state == "present" else "remove"
        persistent = run.option("acme_dns_persist_write")
        records = txt.txt_records(run.result("_acme_ordered"), run.results, purpose, persistent)
        zones, tasks_file = run.secret("acme_dns"), run.option("acme_dns_tasks")
        left = left_records.of_plan(run.plan) if state == "absent" else {}
        own = {record.name for record in records}
        if left:
            dns_tasks.verify(run, self._task, zones, tasks_file)
            records = left_records.with_left(records, left)
        return {
            # To set records, they are always located in this step.
            "records": txt.with_locations(records, run.result("_acme_dns_written") if state == "absent" else {}),
            "state": state,
            # A host may note any name.
            "keep_others": sorted({record.name for record in records} - own),
            "zones": zones,
            "tasks_file": tasks_file or None,
            "wait": run.option("acme_dns_wait"),
            "resolver": run.resolver(),
            "timeout": min(_LONGEST_WAIT, run.option("acme_dns_timeout")),
            "busy_timeout": run.option("acme_dns_timeout"),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the result, with a warning for each record that could not be removed.

        deadline: the time of day (seconds) until which tasks of other collections repeat what an API refuses for now.
        """
        result = super().conclude(run, answer)
        result["deadline"] = Clock().now().timestamp() + run.option("acme_dns_timeout")
        state = result["state"] = self._task.args["state"]
        if _UNWRITTEN in self._task.args:
            unwritten = plain(_unwritten(run, self._task.args[_UNWRITTEN]))
            before = run.result("_acme_dns_unwritten")
            result["records"] = [*(before["records"] if before.get("state") == state else ()), *unwritten]
        else:
            unwritten = result.get("records", ())
        if state == "absent":
            problems = {"records": unwritten} if unwritten else result
            plan = run.result("_acme_plan")
            lines = left_records.warnings(problems, left_records.of_plan(plan), outcomes.time_of(plan))
            result["warnings"] = [*result.get("warnings", ()), *lines]
        return result


def _unwritten(run: Run, task: Mapping[str, Any]) -> list[TxtRecord]:
    failed = run.variables["ansible_failed_result"]
    records = run.result("_acme_dns_written").get("records", ())
    return txt.txt_unwritten(failed, task, records, show_messages=not run.option("acme_dns_no_log"))
