# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.controller_action import ControllerAction
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation import RevocationState
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run


class ActionModule(ControllerAction):
    """Do the module's work on the controller. In the role it first chooses what is revoked, and may run again."""

    _state: RevocationState | None = None

    def arguments_of(self, run: Run, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the certificates that are selected and may be revoked, later those that their hosts have signed."""
        before = RevocationState.from_result(run.result("_acme_revocations"))
        self._state = before.with_hosts(run.results) if before else RevocationState.of(_choose(run))
        certificates = self._state.options()
        if not certificates:
            return None
        return {
            **run.account(make=False),
            "certificates": certificates,
            "revoke_reason": run.option("acme_revoke_reason"),
            "history": run.option("acme_history") or None,
        }

    def conclude(self, run: Run, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the state, what hosts have to do, and by host what is not revoked, which fails it in the end."""
        result = super().conclude(run, answer)
        hosts = run.variables["ansible_play_batch"]
        if self._state is None:
            failures = dict.fromkeys(hosts, result["problem"])
            return {**result, "notes": [], "on_hosts": {}, "not_revoked": failures}
        state = self._state.answered(result)
        work = state.on_hosts(hosts, _reason_code(run), run.option("acme_revoke_live"))
        shown = {host: run.results[host].get("_acme_past_versions", {}) for host in hosts}
        line = state.summary()
        if line and not work and not run.check_mode:
            self._display.display(f"certfleet.tls: {line}", stderr=True)
        not_revoked = state.failures(shown, run.option("acme_revoke"))
        return {**result, **state.to_result(), "on_hosts": work, "not_revoked": not_revoked}


def _reason_code(run: Run) -> int:
    # Imported here, as its libraries take long to load.
    from ansible_collections.certfleet.tls.plugins.module_utils._acme.certificate import REASONS

    return REASONS[run.option("acme_revoke_reason")]


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
