# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import CertificateOrder, plain
from ansible_collections.certfleet.tls.plugins.module_utils._common.identifiers import BY_DNS
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import dns_tasks, elsewhere, flow, left_records, txt
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(ControllerAction):
    """Do the module's work on the controller."""

    # Seconds, of the entries of acme_dns; they are not read where no order is by DNS.
    _dns_delay = 0

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the orders of the plan. Raises AnsibleActionFail if their TXT records could not be set."""
        orders = flow.orders(run.plan, run.results, run.option("acme_force_renewal"))
        if any(map(_is_by_dns, orders)):
            self._verify_dns(run)
        return {
            **run.account(),
            "orders": plain(orders),
            "dns_persist_draft": run.option("acme_dns_persist_draft") or None,
            "timeout": run.option("acme_order_timeout"),
            "concurrency": run.option("acme_concurrency"),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the orders, and the other hosts that have to answer their challenges."""
        result = super().conclude(run, answer)
        result["dns"] = txt.any_by_dns(result) and not run.check_mode
        left = left_records.of_plan(run.result("_acme_plan"))
        result["dns_removal"] = result["dns"] or (bool(left) and not run.check_mode)
        result["dns_delay"] = self._dns_delay
        result["elsewhere"] = elsewhere.challenges(run, result)
        return result

    def _verify_dns(self, run: Run) -> None:
        """Raise AnsibleActionFail if TXT records cannot be written, which only the order would show otherwise."""
        zones, tasks_file = run.secret("acme_dns"), run.option("acme_dns_tasks")
        if tasks_file:
            self.find_tasks(tasks_file)
        # Without dnspython the orders by DNS fail when their records are written, and no others.
        if zones and find_spec("dns"):
            # The providers' libraries check their options. Without records nothing is sent.
            given = {"records": [], "zones": zones, "resolver": run.option("acme_dns_resolver")}
            answer = self.run_here("dns_txt_record", {**given, "tasks_file": tasks_file or None})
            if answer.get("failed"):
                raise AnsibleActionFail(answer["msg"])
        dns_tasks.verify(run, self._task, zones, tasks_file)
        self._dns_delay = txt.longest_delay(zones)


def _is_by_dns(order: CertificateOrder) -> bool:
    own = (name.get("challenge") for name in order.identifiers or () if isinstance(name, Mapping))
    return any(challenge in BY_DNS for challenge in (order.challenge, *own))
