# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils import elsewhere, flow, txt
from ansible_collections.certfleet.tls.plugins.plugin_utils.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils.run import Run


class ActionModule(ControllerAction):
    """The module's work, on the controller."""

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the orders that the plan says."""
        return {
            **run.account(),
            "orders": flow.orders(run.plan, run.results),
            "dns_persist_draft": run.option("acme_dns_persist_draft") or None,
            "timeout": run.option("acme_order_timeout"),
            "concurrency": run.option("acme_concurrency"),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the orders, and where else than on their own hosts their challenges are to be answered."""
        result = super().conclude(run, answer)
        result["dns"] = txt.any_by_dns(result) and not run.check_mode
        result["elsewhere"] = elsewhere.challenges(run, result)
        return result
