# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import answers
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.host_action import HostAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(HostAction):
    """Run the module on the host. In the role, for what acme_revoke has left to it."""

    contract = staticmethod(answers.certificate_revoke)

    def is_noted(self, run: Run) -> bool:
        """Return True: where a host cannot be reached any more, the account is asked, and the host fails in the end."""
        return True

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what the host has to sign and to mark."""
        work = run.result("_acme_revocations")["on_hosts"].get(run.host)
        return {"home": run.place()["home"], **work} if work else None
