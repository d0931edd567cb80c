# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import plain
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import elsewhere, flow, shared
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(ControllerAction):
    """Do the module's work on the controller."""

    unused: ClassVar[Mapping[str, Collection[str]]] = {"orders": ("problem", "resumable")}

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the orders that are in their hosts' journals and whose challenges are in place."""
        problems = run.result("_acme_dns_awaited").get("problems")
        return {
            **run.account(make=False),
            "orders": plain(flow.finalizable(run.result("_acme_ordered"), run.results, problems)),
            "preferred_chain": run.option("acme_preferred_chain"),
            "preferred_chain_missing": run.option("acme_preferred_chain_missing"),
            "preflight": run.option("acme_preflight"),
            "resolver": run.resolver(),
            "history": run.option("acme_history") or None,
            "concurrency": run.option("acme_concurrency"),
            "timeout": run.option("acme_order_timeout"),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the certificates, and the keys that hosts have to seal for others."""
        result = super().conclude(run, answer)
        result["elsewhere"] = elsewhere.challenges(run, run.result("_acme_ordered"), stale=True)
        asked = (
            []
            if run.check_mode or not run.result("_acme_plan").get("shares")
            else shared.shares(run.plan, result, run.results)
        )
        result["sealed_by"] = [{**share, **elsewhere.place(run, share["giver"])} for share in asked]
        return result
