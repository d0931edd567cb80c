# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts, which a host chooses itself, in the place of variables, which the inventory should choose.

Facts win over the inventory's variables: Ansible makes each a variable of the host, unless inject_facts_as_vars is off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

from . import batch, role_variables

_CHOICES = ("acme_shadowing_facts", "acme_shadowing_facts_allowed")
_REMEDY = (
    "Remove them from the host's facts (set_fact with 'cacheable: true' makes facts, too), or set "
    "inject_facts_as_vars = false in ansible.cfg"
)


def refuse(task_vars: Mapping[str, Any], template: Callable[[Any], Any]) -> list[str]:
    """Refuse a host whose facts would configure the role; return a warning of facts that replace other variables.

    *task_vars*: of a task of the role, for that host. Raises AnsibleActionFail.
    """
    if not constants.INJECT_FACTS_AS_VARS:
        return []  # no fact is a variable
    host = task_vars["inventory_hostname"]
    found = shadowing(task_vars.get("ansible_facts", {}), role_variables.ALL)
    if found:
        raise AnsibleActionFail(
            f"host {host} is left out: its facts have the names of variables of the role certfleet.tls.acme, "
            f"{', '.join(found)}, and facts win over the inventory. {_REMEDY}"
        )
    chosen = batch.values(task_vars, template, _CHOICES)
    others = shadowed_inventory(task_vars, host, chosen["acme_shadowing_facts_allowed"] or ())
    if not others:
        return []
    line = f"facts of host {host} have taken the place of variables of the inventory: {', '.join(others)}"
    if chosen["acme_shadowing_facts"] == "fail":
        raise AnsibleActionFail(f"{line}, and acme_shadowing_facts is 'fail'. {_REMEDY}")
    return [f"{line}. {_REMEDY}"]


def shadowing(facts: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """Return those of *names* that a host's facts have taken the place of; *facts* are its ansible_facts."""
    return sorted(name for name in facts if name in names)


def shadowed_inventory(variables: Mapping[str, Any], host: str, allowed: Collection[str] = ()) -> list[str]:
    """Return the variables that the inventory has for *host* and that its facts took the place of.

    *variables*: those of the task. *allowed*: names that may be both. Facts of setup have names with ansible_.
    """
    facts = variables.get("ansible_facts", {})
    candidates = {name for name in facts if name not in allowed and _is_variable(name, facts, variables)}
    return sorted(candidates & _inventory_names(variables["hostvars"], host)) if candidates else []


def _is_variable(name: str, facts: Mapping[str, Any], variables: Mapping[str, Any]) -> bool:
    # ansible_facts has names without ansible_: domain is ansible_domain's value, and may be a variable of that name.
    return name in variables and not name.startswith("discovered_interpreter_") and variables[name] == facts[name]


def _inventory_names(hostvars: Any, host: str) -> set[str]:
    """The names of the variables that inventory, group_vars and host_vars have for a host."""
    # ansible-core has no public way to tell where a variable comes from.
    inventory, loader = hostvars._inventory, hostvars._loader
    entity = inventory.get_host(host)
    entities = [inventory.groups["all"], *entity.get_groups(), entity]
    names = set(entity.get_vars())
    for each in entities[:-1]:
        names.update(each.get_vars())
    for found in _of_files(loader, inventory._sources, entities):
        names.update(found)
    return names


def _of_files(loader: Any, sources: Iterable[Any], entities: list[Any]) -> Iterable[Mapping[str, Any]]:
    yield get_vars_from_inventory_sources(loader, sources, entities, "task")
    yield get_vars_from_path(loader, loader.get_basedir(), entities, "task")
