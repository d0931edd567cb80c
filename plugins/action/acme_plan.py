# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.module_utils.acme import plan
from ansible_collections.certfleet.tls.plugins.module_utils.acme.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils.acme.decision import KEEP
from ansible_collections.certfleet.tls.plugins.module_utils.acme.directory import Directory, resolve
from ansible_collections.certfleet.tls.plugins.module_utils.acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils.acme.http import Http
from ansible_collections.certfleet.tls.plugins.module_utils.acme.renewal_info import ask_all
from ansible_collections.certfleet.tls.plugins.module_utils.ansible.libraries import missing

_CONNECTIONS = 8
_LOCKSTEP = ("linear", "ansible.builtin.linear", "ansible.legacy.linear", "debug", "ansible.builtin.debug")


class ActionModule(ActionBase):
    """One plan for all hosts of the batch, made in the controller's own process: that spares a module run."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        self._refuse_strategies_without_run_once()
        _arguments, options = self.validate_argument_spec(
            argument_spec={
                "acme_directory": {"type": "str", "required": True},
                "ca_path": {"type": "path"},
                "request_timeout": {"type": "int", "default": 30},
                "certificates": {"type": "list", "elements": "dict", "required": True},
                "force": {"type": "bool", "default": False},
                "renewal_information": {"type": "bool", "default": True},
            }
        )
        try:
            result.update(changed=False, **self._plan(options))
        except AcmeError as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _refuse_strategies_without_run_once(self) -> None:
        play = self._task.get_play()
        if self._task.run_once and play.strategy not in _LOCKSTEP:
            raise AnsibleActionFail(
                f"the play's strategy is '{play.strategy}', under which run_once does not hold and every host would "
                "order for all: set 'strategy: linear' on the play that has the role certfleet.tls.acme"
            )

    def _plan(self, options: dict[str, Any]) -> dict[str, Any]:
        url = resolve(options["acme_directory"])
        absent = missing(("requests",))
        if absent:
            raise AcmeError(absent)
        clock = Clock()
        http = Http(clock, options["ca_path"], options["request_timeout"], _CONNECTIONS)
        warnings: list[str] = []
        try:
            directory = Directory.fetch(http, url) if options["certificates"] else None
            unavailable = ""
        except AcmeError as error:
            directory, unavailable = None, str(error)

        def ask_renewal(ari_ids: list[str]) -> dict[str, Any]:
            if directory is None or not directory.renewal_info or not options["renewal_information"]:
                return {}
            suggested, trouble = ask_all(http, directory.renewal_info, ari_ids, _CONNECTIONS)
            warnings.extend(trouble)
            return suggested

        planned = plan.make(options["certificates"], url, clock.now(), options["force"], ask_renewal)
        if directory:
            planned = [plan.check_profile(item, directory) for item in planned]
        elif unavailable:
            warnings.append(f"{unavailable}; nothing is issued in this run")
            planned = [plan.without_ca(item, unavailable) for item in planned]
        http.close()
        hosts: dict[str, list[dict[str, Any]]] = {}
        for item in planned:
            hosts.setdefault(item.host, []).append(item.result())
        return {
            "directory": url,
            "due": sorted({item.host for item in planned if item.decision.action != KEEP}),
            "lines": [item.line() for item in planned if item.decision.action != KEEP],
            "hosts": hosts,
            **({"warnings": warnings} if warnings else {}),
        }
