# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import plain
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import (
    answers,
    failures,
    flow,
    left_records,
    outcomes,
    shared,
)
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import HostAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.outcomes import BatchResults
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(HostAction):
    """Run the module on the host. In the role, its results are what became of the host's certificates."""

    contract = staticmethod(answers.certificate)
    may_be_noted = True

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, with the CA of each certificate that was issued now, and why that is not the first one."""
        answer = super().work(arguments, task_vars)
        if "certificates" in answer:
            issuers = outcomes.issuers(arguments.get("results"))
            answer["certificates"] = [{**item, **issuers.get(item["name"], {})} for item in answer["certificates"]]
        return answer

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the results for each certificate, or the versions of the task whose handlers have run."""
        plan = run.plan
        common = {
            **run.place(),
            "certificates": run.certificates(),
            "directories": plan["directories"],
            "keep_versions": run.option_of(run.host, "acme_keep_versions"),
        }
        if "after_handlers" in arguments:
            return {**common, "after_handlers": arguments["after_handlers"]}
        ordered = run.result("_acme_ordered")
        results = BatchResults(
            plan=plan,
            ordered=ordered,
            finalized=run.result("_acme_finalized"),
            hostvars=run.results,
            problems=run.result("_acme_dns_awaited").get("problems") or {},
            mirrored=run.result("_acme_mirrored"),
            is_check=run.check_mode,
            now=outcomes.time_of(plan),
        )
        return {
            **common,
            "results": plain([*outcomes.of_orders(results, run.host), *shared.outcomes(results, run.host)]),
            "controller_time": utc(results.now),
            "txt_records": left_records.outcomes(
                ordered,
                left_records.of_plan(plan).get(run.host, ()),
                [run.result("_acme_dns_written"), run.result("_acme_dns_unwritten")],
                run.host,
            ),
            "challenges": plain(flow.challenges(ordered, run.results, run.host, stale=True)),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer; a host that failed does so now, or is noted to fail in the end (acme_fail)."""
        warnings = outcomes.too_seldom(run.plan, run.host, answer) if answer.get("certificates") else []
        if warnings:
            answer["warnings"] = [*answer.get("warnings", ()), *warnings]
        return failures.conclude(run, answer, run.first(run.host).get("options", {}))
