# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.module_utils.ansible.libraries import missing
from ansible_collections.certfleet.tls.plugins.module_utils.dns import changes
from ansible_collections.certfleet.tls.plugins.module_utils.dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils.dns.ownership import Ownership
from ansible_collections.certfleet.tls.plugins.module_utils.dns.records import Txt
from ansible_collections.certfleet.tls.plugins.module_utils.dns.resolver import Resolver
from ansible_collections.certfleet.tls.plugins.module_utils.dns.servers import Authorities
from ansible_collections.certfleet.tls.plugins.module_utils.dns.zones import locate_all


class ActionModule(ActionBase):
    """All records of the batch in one go, from the controller's own process: credentials go nowhere else."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        _arguments, options = self.validate_argument_spec(
            argument_spec={
                "records": {
                    "type": "list",
                    "elements": "dict",
                    "required": True,
                    "options": {
                        "name": {"type": "str", "required": True},
                        "value": {"type": "str", "required": True},
                    },
                },
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                # A mapping, but the validation would tell what it holds where it is something else.
                "zones": {"type": "raw"},
                "tasks_file": {"type": "path"},
                "resolver": {"type": "list", "elements": "str", "default": []},
                "timeout": {"type": "int", "default": 30},
            }
        )
        absent = missing(("dns",))
        if absent:
            raise AnsibleActionFail(absent)
        try:
            result.update(self._change(options))
        except DnsError as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _change(self, options: dict[str, Any]) -> dict[str, Any]:
        zones = {} if options["zones"] is None else options["zones"]
        if not isinstance(zones, dict):
            raise AnsibleActionFail("zones (acme_dns) has to be a mapping of zone names to providers")
        present = options["state"] == "present"
        records = [Txt(record["name"], record["value"]) for record in options["records"]]
        entries = changes.Entries(zones, self._tasks_file(options["tasks_file"]))
        resolver = Resolver(options["resolver"])
        places = locate_all(resolver, (record.name for record in records))
        authorities = Authorities(resolver)
        items, jobs = changes.assign(records, places, entries, options["timeout"], Ownership(authorities).is_own)
        found = changes.look(authorities, jobs)
        changes.carry_out(jobs, found, present, self._task.check_mode)
        tasks = changes.for_tasks(jobs, found, present)
        said = {
            "changed": any(item.status == changes.CHANGED for item in items),
            "records": [item.result() for item in items],
            "task_files": tasks,
        }
        problems = changes.problems(items)
        if problems:
            done = "set" if present else "removed"
            said.update(failed=True, msg=f"not all TXT records could be {done}: {problems}")
        return said

    def _tasks_file(self, path: str | None) -> str:
        """The absolute path of tasks_file, looked for where include_tasks would; empty if there is none."""
        if not path:
            return ""
        try:
            found: str = self._find_needle("tasks", path)
        except AnsibleError:
            raise AnsibleActionFail(f"tasks_file (acme_dns_tasks) {path} does not exist") from None
        return found
