# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.certfleet.tls.plugins.module_utils.acme.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils.acme.polling import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils.ansible.libraries import missing
from ansible_collections.certfleet.tls.plugins.module_utils.dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils.dns.propagation import wait
from ansible_collections.certfleet.tls.plugins.module_utils.dns.resolver import Resolver
from ansible_collections.certfleet.tls.plugins.module_utils.dns.servers import Authorities
from ansible_collections.certfleet.tls.plugins.module_utils.dns.zones import Location, locate_all


class ActionModule(ActionBase):
    """One wait for all records of the batch, from the controller's own process."""

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
                "resolver": {"type": "list", "elements": "str", "default": []},
                "timeout": {"type": "int", "default": 120},
            }
        )
        absent = missing(("dns",))
        if absent:
            raise AnsibleActionFail(absent)
        try:
            resolver = Resolver(options["resolver"])
        except DnsError as error:
            raise AnsibleActionFail(str(error)) from None
        result.update(changed=False, **_look(resolver, options["records"], options["timeout"]))
        return result


def _look(resolver: Resolver, records: list[dict[str, Any]], timeout: int) -> dict[str, Any]:
    deadline = Deadline(Clock(), timeout)
    places = locate_all(resolver, (record["name"] for record in records))
    wanted: dict[Location, set[str]] = {}
    for record in records:
        place = places[record["name"]]
        if isinstance(place, Location):
            wanted.setdefault(place, set()).add(record["value"])
    outcomes = wait(Authorities(resolver), wanted, deadline)
    results, problems, others = [], {}, {}
    for record in records:
        place = places[record["name"]]
        entry = {**record, "target": "", "zone": "", "held": False, "problem": "", "lacking": []}
        if isinstance(place, Location):
            outcome = outcomes[place]
            entry.update(target=place.target, zone=place.zone, held=outcome.held, problem=outcome.problem)
            entry["lacking"] = list(outcome.lacking)
            if outcome.others:
                others[record["name"]] = sorted(outcome.others)
        else:
            entry["problem"] = str(place)
        if entry["problem"]:
            problems[_shown(entry)] = entry["problem"]
        results.append(entry)
    said: dict[str, Any] = {"records": results, "others": others}
    if others:
        listed = ", ".join(f"{name} ({len(values)})" for name, values in others.items())
        said["warnings"] = [f"there are other TXT values than this run's, of which old ones can be removed: {listed}"]
    if problems:
        listed = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        said.update(failed=True, msg=f"not all records were seen on all authoritative servers in {timeout} s: {listed}")
    return said


def _shown(entry: dict[str, Any]) -> str:
    name: str = entry["name"]
    return name if entry["target"] in ("", name) else f"{name} (kept as {entry['target']})"
