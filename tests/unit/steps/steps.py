# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins as steps of the role, without ansible-playbook: what Ansible would hand to them."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import batch, role_variables

ACTIONS = "ansible_collections.certfleet.tls.plugins.action"
INCLUSION = "this-one"
#: The role's variables as a host sees them by default, for who agrees to the CA's terms.
DEFAULTS = {
    name: variable.default for name, variable in role_variables.VARIABLES.items() if name != "acme_certificates"
}
DEFAULTS["acme_terms_agreed"] = True


class Play(SimpleNamespace):
    """A play as far as the first step looks at it."""

    def __init__(self, **given: Any) -> None:
        nothing: dict[str, Any] = {"role_cache": {}, "pre_tasks": [], "tasks": [], "post_tasks": [], "handlers": []}
        super().__init__(**{**nothing, **given})

    def compile_roles_handlers(self) -> list[Any]:
        """Return the handlers of the play's roles."""
        return []


def task_vars(host: str = "web3", registered: Any = None, facts: Any = None, **variables: Any) -> dict[str, Any]:
    """Return the variables of a task for *host*. *registered*: registered results by host; *facts*: those of *host*."""
    manager = SimpleNamespace(
        _fact_cache={host: dict(facts or {})},
        _nonpersistent_fact_cache={name: dict(found) for name, found in (registered or {}).items()},
    )
    hosts = list(manager._nonpersistent_fact_cache) or [host]
    return {
        "inventory_hostname": host,
        "hostvars": SimpleNamespace(_variable_manager=manager),
        "ansible_facts": dict(facts or {}),
        "ansible_play_batch": hosts,
        "ansible_play_hosts": hosts,
        "ansible_play_hosts_all": hosts,
        **DEFAULTS,
        "acme_certificates": [],
        **variables,
    }


def action_of(module: str, check_mode: bool = False, **arguments: Any) -> Any:
    """Return the action plugin for a task of the role with these arguments. Templates are texts without any in them."""
    task = MagicMock(
        args=arguments, async_val=0, action=f"certfleet.tls.{module}", delegate_to=None, check_mode=check_mode
    )
    task.configure_mock(run_once=False, _parent=None)
    task._role._uuid = INCLUSION
    task._role._from_files = {}
    task._parent = None
    task.get_play.return_value = Play()
    action = import_module(f"{ACTIONS}.{module}").ActionModule(task, MagicMock(), MagicMock(), None, MagicMock(), None)
    action._templar.template = lambda value: value
    return action


def of_this_run(**result: Any) -> dict[str, Any]:
    """Return a result that a step of the same inclusion has registered."""
    return {"changed": False, "inclusion": INCLUSION, **result}


def first_step(entry_point: str = "main", **variables: Any) -> dict[str, Any]:
    """Return the result of a host's first step. *variables*: options of the batch and of the host, as it sees them."""
    options = {**DEFAULTS, **variables}
    digests = {name: batch.digest(options.get(name)) for name in role_variables.of_batch(entry_point)}
    own = {name: value for name, value in options.items() if name in role_variables.OF_THE_HOST}
    return of_this_run(batch=digests, options=own, lists_certificates=True, certificates=[], unlisted=[])


def plan(**more: Any) -> dict[str, Any]:
    """Return the result of the plan, with all options of the batch as they are by default."""
    options = {name: DEFAULTS[name] for name in set(role_variables.of_batch("main")) - set(role_variables.SECRET)}
    digests = {name: batch.digest(DEFAULTS[name]) for name in role_variables.SECRET}
    return of_this_run(
        **{
            "options": options,
            "digests": {**digests, "acme_directory": batch.digest("https://ca/dir")},
            "directory": "https://ca/dir",
            "directories": ["https://ca/dir"],
            "due": [],
            "hosts": {},
            "shares": [],
            "lines": [],
            "replacing": None,
            **more,
        }
    )
