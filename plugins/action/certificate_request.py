# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import plain
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import utc
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import answers, flow, left_records, outcomes, shared
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import HostAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(HostAction):
    """Run the module on the host."""

    contract = staticmethod(answers.certificate_request)
    may_be_noted = True

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the certificates that were ordered, their orders and challenges, and the keys to receive."""
        ordered = run.result("_acme_ordered")
        given = {
            "certificates": flow.ordered_entries(run.certificates(), ordered, run.host),
            "orders": flow.journal(ordered, run.host, run.plan),
            "challenges": plain(flow.challenges(ordered, run.results, run.host)),
            "txt_records": left_records.to_note(ordered, run.host),
            "receive": shared.receiving(run.plan, run.host),
        }
        if not any(given.values()):
            return None
        return {
            **run.place(),
            "directory": run.plan["directory"],
            "listen_timeout": run.listen_timeout(ordered),
            "controller_time": utc(outcomes.time_of(run.plan)),
            **given,
        }
