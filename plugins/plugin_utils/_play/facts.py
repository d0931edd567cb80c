# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts, which a host chooses itself, in the place of variables, which the inventory should choose.

Facts win over the inventory's variables: Ansible makes each a variable of the host, unless inject_facts_as_vars is off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.validation import check_type_list
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

from .._variables import batch, role_variables

#: Ansible's own variables and Jinja's globals that a fact of their name replaces. The first say which host this is;
#: with the others a host could change what "default(omit)" or a look-up gives in a task for all hosts.
SPECIAL = frozenset(
    (
        *("ansible_limit", "group_names", "inventory_dir", "inventory_file"),
        *("inventory_hostname", "inventory_hostname_short"),
        *("cycler", "dict", "joiner", "lipsum", "lookup", "namespace", "now", "omit", "q", "query", "range", "undef"),
    )
)
# Facts of setup without "ansible_" in their names, and of controllers.
_USUAL = frozenset(("_ansible_facts_gathered", "discovered_interpreter_python", "gather_subset", "module_setup"))
_AS_THEY_ARE = ("ansible_facts", "ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "play_hosts")
_CHOICES = ("acme_shadowing_facts", "acme_shadowing_facts_allowed")
_CONFIGURING = (*role_variables.BATCH, *role_variables.OF_THE_HOST)
_REMEDY = (
    "Remove them from the host's facts (set_fact with 'cacheable: true' makes facts, too), or set "
    "inject_facts_as_vars = false in ansible.cfg"
)


def refuse(task_vars: Mapping[str, Any], templar: Any, task: Any) -> list[str]:
    """Refuse a host whose facts would configure the role; return a warning of facts that replace other variables.

    *task_vars*, *templar* and *task*: of a task of the role, for that host. Raises AnsibleActionFail.
    """
    if not constants.INJECT_FACTS_AS_VARS:
        return []  # no fact is a variable
    if "inventory_hostname" in task_vars.get("ansible_facts", {}):
        raise AnsibleActionFail(_left_out("this host", ["inventory_hostname"]))  # whose name is not known here
    host, hostvars = task_vars["inventory_hostname"], task_vars["hostvars"]
    found = shadowing(raw(hostvars, host), role_variables.ALL | SPECIAL)
    if found:
        raise AnsibleActionFail(_left_out(f"host {host}", found))
    chosen = batch.values(task_vars, templar.template, _CHOICES)
    allowed = _listed(chosen["acme_shadowing_facts_allowed"] or [])
    unusual = unexpected(hostvars, host, allowed)
    others = shadowed_inventory(task_vars, host, unusual)
    line = f"facts of host {host} have taken the place of variables of the inventory: {', '.join(others)}"
    if others and chosen["acme_shadowing_facts"] == "fail":
        raise AnsibleActionFail(f"{line}, and acme_shadowing_facts is 'fail'. {_REMEDY}")
    if unusual:
        _refuse_where_used(unusual, host, task_vars, templar, task)
    return [f"{line}. {_REMEDY}"] if others else []


def _listed(value: Any) -> list[str]:
    try:
        found: list[str] = check_type_list(value)  # -e gives one text with commas
        return found
    except TypeError:
        return []  # the validation that comes next refuses it


def _left_out(which: str, found: list[str]) -> str:
    return (
        f"{which} is left out: its facts have the names of variables of the role certfleet.tls.acme or of "
        f"Ansible itself, {', '.join(found)}, and facts win over the inventory. {_REMEDY}"
    )


def shadowing(facts: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """Return those of *names* that a host's *facts* have taken the place of."""
    return sorted(name for name in facts if name in names)


def unexpected(hostvars: Any, host: str, allowed: Collection[str] = ()) -> list[str]:
    """Return the names of a host's facts that are not of setup: any of them may be a variable that a template uses."""
    facts = raw(hostvars, host)
    return sorted(name for name in facts if not name.startswith("ansible_") and name not in (*_USUAL, *allowed))


def raw(hostvars: Any, host: str) -> Mapping[str, Any]:
    """Return a host's facts by the names that it gave them, which are those of the variables that they become.

    Not ansible_facts: there, ansible_site and site are the same, and one can hide the other.
    """
    # ansible-core has no public way to ask.
    try:
        found = hostvars._variable_manager._fact_cache.get(host)
    except KeyError:  # from ansible-core 2.19 on
        found = None
    return found or {}


@contextmanager
def without(hostvars: Any, host: str, names: Collection[str]) -> Iterator[None]:
    """Have Ansible know nothing of these facts of *host* for a while, in this process."""
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
    """Facts of all hosts, with those of one of them replaced."""

    def __init__(self, cache: Any, host: str, facts: dict[str, Any]) -> None:
        self._cache = cache
        self._host = host
        self._facts = facts

    def get(self, host: str, *default: Any) -> Any:
        """Return a host's facts."""
        return self._facts if host == self._host else self._cache.get(host, *default)


def variables_of(host: str, hostvars: Any, task: Any) -> dict[str, Any]:
    """Return a host's variables for a task, with the play's and the role's: hostvars has only the inventory's."""
    entity = hostvars._inventory.get_host(host)
    found: dict[str, Any] = hostvars._variable_manager.get_vars(play=task.get_play(), host=entity, task=task)
    return found


def _refuse_where_used(
    names: Collection[str], host: str, task_vars: Mapping[str, Any], templar: Any, task: Any
) -> None:
    """Refuse a host where an option of the role is another one without these facts. Raises AnsibleActionFail."""
    hostvars = task_vars["hostvars"]
    with without(hostvars, host, names):
        variables = variables_of(host, hostvars, task)
        # Who writes ansible_facts knows that the host chooses it; only the strategy knows which hosts are left.
        variables.update({name: task_vars[name] for name in _AS_THEY_ARE if name in task_vars})
        template = templar.copy_with_new_env(available_variables=variables).template
        seen, otherwise = ({**found, **_keywords(task)} for found in (task_vars, variables))
        for name in (*_CONFIGURING, *_keywords(task)):
            if _seen(seen, templar.template, name) != _seen(otherwise, template, name):
                raise AnsibleActionFail(
                    f"host {host} is left out: {name} is another with its facts than without them, and facts win over "
                    f"the inventory. Of these one is used in it: {', '.join(names)}. {_REMEDY}, or write "
                    "ansible_facts.NAME where a fact is meant"
                )


def _keywords(task: Any) -> dict[str, Any]:
    """Return the `environment` of the play and of blocks, as it is written: that of one host counts for the controller.

    The task's own is templated by the time that its action runs.
    """
    found = task._parent._get_parent_attribute("environment") if task._parent else None
    return {"environment": found if isinstance(found, list) else []}


def _seen(variables: Mapping[str, Any], template: Any, name: str) -> str:
    try:
        return batch.digest(batch.values(variables, template, (name,)))
    except AnsibleError:
        return ""  # it lacks something; where it always does, the role says so


def shadowed_inventory(variables: Mapping[str, Any], host: str, names: Collection[str]) -> list[str]:
    """Return those of *names*, of facts, that are variables of the inventory for *host* and replaced them.

    *variables*: those of the task.
    """
    found = raw(variables["hostvars"], host)
    candidates = {name for name in names if name in variables and variables[name] == found[name]}
    return sorted(candidates & _inventory_names(variables["hostvars"], host)) if candidates else []


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
