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
    """Run the module on the host."""

    contract = staticmethod(answers.certificate_adopt)

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the host's certificates, and the places of other clients' certificates."""
        return {
            **run.place(),
            "certificates": run.certificates(),
            "directories": run.plan["directories"],
            "folders": run.option_of(run.host, "acme_adopt_folders"),
            "files": run.option_of(run.host, "acme_adopt_files"),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer unchanged: it is the last step."""
        return answer
