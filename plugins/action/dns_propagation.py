# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import txt
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(ControllerAction):
    """Run the module's work on the controller."""

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the records to wait for: those that could be set."""
        records = txt.txt_records(run.result("_acme_ordered"), run.results, "await", given_up=_written(run))
        return {
            "records": txt.with_locations(records, run.result("_acme_dns_written")),
            "zones": txt.without_providers(run.secret("acme_dns")),
            "wait": run.option("acme_dns_wait"),
            "delay": run.option("acme_dns_delay"),
            "resolver": run.resolver(),
            "timeout": run.option("acme_dns_timeout"),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the result, with the reasons why orders cannot go on by host and certificate."""
        result = super().conclude(run, answer)
        result["problems"] = txt.txt_problems(run.result("_acme_ordered"), *_written(run), result)
        return result


def _written(run: Run) -> list[Mapping[str, Any]]:
    return [run.result("_acme_dns_written"), run.result("_acme_dns_unwritten")]
