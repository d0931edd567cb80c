# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation import not_revoked
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run

_OPTIONS = ("host", "name", "content", "directory")


class ActionModule(ControllerAction):
    """Do the module's work on the controller."""

    _chosen: Any = None

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the certificates that are selected and may be revoked."""
        self._chosen = _choose(run)
        if not self._chosen.certificates:
            return None
        return {
            **run.account(make=False),
            "certificates": [item.options(_OPTIONS) for item in self._chosen.certificates],
            "revoke_reason": run.option("acme_revoke_reason"),
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the revoked certificates, notes, and by host those that are not revoked, which fails the host."""
        result = super().conclude(run, answer)
        hosts = run.variables["ansible_play_batch"]
        if self._chosen is None:
            return {**result, "notes": [], "not_revoked": dict.fromkeys(hosts, result["problem"])}
        result["notes"] = self._chosen.notes
        shown = {host: run.results[host].get("_acme_past_versions", {}) for host in hosts}
        lines = not_revoked(self._chosen, result, shown, run.option("acme_revoke"))
        result["not_revoked"] = {host: "; ".join(of_host) for host, of_host in lines.items() if of_host}
        return result


def _choose(run: Run) -> Any:
    # Imported here, as its libraries take long to load.
    from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_choice import to_revoke
    from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_sources import RevocationRequest

    all_hosts = run.variables["ansible_play_hosts_all"]
    request = RevocationRequest(
        hosts=run.variables["ansible_play_batch"],
        hostvars=run.variables["hostvars"],
        names=run.option("acme_revoke"),
        before=run.option("acme_revoke_before"),
        all_hosts=all_hosts,
        lost=set(all_hosts).difference(run.variables["ansible_play_hosts"]),
        history=run.option("acme_history"),
        serials=run.option("acme_revoke_serials"),
        files=run.option("acme_revoke_files"),
        unverified=run.option("acme_revoke_unverified"),
        is_check=run.check_mode,
    )
    return to_revoke(request)
