# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse facts that would configure the role: a host chooses its facts, and the inventory should choose variables.

Ansible makes each fact a variable of the host, and these take precedence over the inventory's variables, unless
inject_facts_as_vars is off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.validation import check_type_list
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

from .._variables import batch, role_variables

#: Ansible's own variables and Jinja's globals that a fact of their name replaces. The first say which host this is.
#: With the others a host could change the values of "default(omit)" or of a lookup in a task for all hosts.
SPECIAL = frozenset(
    (
        *("ansible_limit", "group_names", "inventory_dir", "inventory_file"),
        *("inventory_hostname", "inventory_hostname_short"),
        *("cycler", "dict", "joiner", "lipsum", "lookup", "namespace", "now", "omit", "q", "query", "range", "undef"),
    )
)
# Names without "ansible_" of facts that the module setup and controllers set.
_USUAL = frozenset(("_ansible_facts_gathered", "discovered_interpreter_python", "gather_subset", "module_setup"))
_ALWAYS_KEPT = ("ansible_facts", "ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "play_hosts")
_CHOICES = ("acme_shadowing_facts", "acme_shadowing_facts_allowed")
_CONFIGURING = (*role_variables.BATCH, *role_variables.OF_THE_HOST)
_REMEDY = (
    "Remove them from the host's facts (set_fact with 'cacheable: true' makes facts, too), or set "
    "inject_facts_as_vars = false in ansible.cfg"
)


def refuse(task_vars: Mapping[str, Any], templar: Any, task: Any) -> list[str]:
    """Refuse a host whose facts would configure the role. Return a warning if facts replace other variables.

    *task_vars*, *templar* and *task* are those of the first step for that host. Raises AnsibleActionFail.
    """
    if not constants.INJECT_FACTS_AS_VARS:
        return []  # no fact is a variable
    if "inventory_hostname" in task_vars.get("ansible_facts", {}):
        raise AnsibleActionFail(_left_out("this host", ["inventory_hostname"]))  # its true name is unknown
    host, hostvars = task_vars["inventory_hostname"], task_vars["hostvars"]
    own = raw(hostvars, host)
    names = shadowing(own, role_variables.ALL | SPECIAL)
    if names:
        raise AnsibleActionFail(_left_out(f"host {host}", names))
    chosen = batch.values(task_vars, templar.template, _CHOICES)
    allowed = _listed(chosen["acme_shadowing_facts_allowed"] or [])
    # Facts that the module setup does not set: templates may use them as variables.
    unusual = sorted(name for name in own if not name.startswith("ansible_") and name not in (*_USUAL, *allowed))
    others = shadowed_inventory(task_vars, host, unusual)
    line = f"host {host}: its facts replace variables of the inventory: {', '.join(others)}"
    if others and chosen["acme_shadowing_facts"] == "fail":
        raise AnsibleActionFail(f"{line}, and acme_shadowing_facts is 'fail'. {_REMEDY}")
    if unusual:
        _refuse_where_used(unusual, host, task_vars, templar, task)
    return [f"{line}. {_REMEDY}"] if others else []


def _listed(value: Any) -> list[str]:
    try:
        names: list[str] = check_type_list(value)  # -e gives one string with commas
        return names
    except TypeError:
        return []  # the validation that follows refuses it


def _left_out(host: str, names: list[str]) -> str:
    return (
        f"{host} is left out: its facts have the names of variables of the role certfleet.tls.acme or of Ansible, "
        f"{', '.join(names)}, and facts take precedence over the inventory. {_REMEDY}"
    )


def shadowing(facts: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """Return the variables among *names* that a host's *facts* replace."""
    return sorted(name for name in facts if name in names)


def raw(hostvars: Any, host: str) -> Mapping[str, Any]:
    """Return a host's facts by the names that it gave them, which are the names of their variables.

    In ansible_facts, ansible_site and site are one fact, and one can hide the other.
    """
    # ansible-core has no public function for this.
    try:
        facts = hostvars._variable_manager._fact_cache.get(host)
    except KeyError:  # from ansible-core 2.19 on
        facts = None
    return facts or {}


@contextmanager
def without(hostvars: Any, host: str, names: Collection[str]) -> Iterator[None]:
    """Hide the facts *names* of *host* from Ansible, in this process and within this context."""
    manager = hostvars._variable_manager
    kept = manager._fact_cache
    manager._fact_cache = _Reduced(
        kept, host, {name: v for name, v in raw(hostvars, host).items() if name not in names}
    )
    try:
        yield
    finally:
        manager._fact_cache = kept


class _Reduced:
    """The facts of all hosts, those of one host replaced."""

    def __init__(self, cache: Any, host: str, facts: dict[str, Any]) -> None:
        self._cache = cache
        self._host = host
        self._facts = facts

    def get(self, host: str, *default: Any) -> Any:
        """Return a host's facts."""
        return self._facts if host == self._host else self._cache.get(host, *default)


def variables_of(host: str, hostvars: Any, task: Any) -> dict[str, Any]:
    """Return all variables of a host for a task. hostvars alone lacks those of the play and of the role."""
    entity = hostvars._inventory.get_host(host)
    variables: dict[str, Any] = hostvars._variable_manager.get_vars(play=task.get_play(), host=entity, task=task)
    return variables


def _refuse_where_used(
    names: Collection[str], host: str, task_vars: Mapping[str, Any], templar: Any, task: Any
) -> None:
    """Refuse a host for which these facts change an option of the role. Raises AnsibleActionFail."""
    hostvars = task_vars["hostvars"]
    with without(hostvars, host, names):
        variables = variables_of(host, hostvars, task)
        # A template with ansible_facts uses facts on purpose. Only the strategy knows the remaining hosts.
        variables.update({name: task_vars[name] for name in _ALWAYS_KEPT if name in task_vars})
        template = templar.copy_with_new_env(available_variables=variables).template
        with_facts, without_facts = ({**given, **_keywords(task)} for given in (task_vars, variables))
        for name in (*_CONFIGURING, *_keywords(task)):
            if _digest(with_facts, templar.template, name) != _digest(without_facts, template, name):
                raise AnsibleActionFail(
                    f"host {host} is left out: its facts change {name}, and facts take precedence over the inventory. "
                    f"{name} uses one of {', '.join(names)}. {_REMEDY}, or write ansible_facts.NAME where a fact is "
                    "meant"
                )


def _keywords(task: Any) -> dict[str, Any]:
    """Return the `environment` of the play and of blocks, not templated; the controller uses that of one host.

    The task's own `environment` is templated when its action runs.
    """
    environment = task._parent._get_parent_attribute("environment") if task._parent else None
    return {"environment": environment if isinstance(environment, list) else []}


def _digest(variables: Mapping[str, Any], template: Any, name: str) -> str:
    try:
        return batch.digest(batch.values(variables, template, (name,)))
    except AnsibleError:
        return ""  # it cannot be templated; if that is so without facts as well, a later step fails


def shadowed_inventory(variables: Mapping[str, Any], host: str, names: Collection[str]) -> list[str]:
    """Return the facts among *names* that replace a variable of the inventory for *host*.

    *variables*: all variables of the task.
    """
    facts = raw(variables["hostvars"], host)
    candidates = {name for name in names if name in variables and variables[name] == facts[name]}
    return sorted(candidates & _inventory_names(variables["hostvars"], host)) if candidates else []


def _inventory_names(hostvars: Any, host: str) -> set[str]:
    """Return the names of the variables that inventory, group_vars and host_vars have for a host."""
    # ansible-core has no public function for where a variable comes from.
    inventory, loader = hostvars._inventory, hostvars._loader
    entity = inventory.get_host(host)
    entities = [inventory.groups["all"], *entity.get_groups(), entity]
    return set().union(
        *(each.get_vars() for each in entities),
        get_vars_from_inventory_sources(loader, inventory._sources, entities, "task"),
        get_vars_from_path(loader, loader.get_basedir(), entities, "task"),
    )
