# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the handlers of a play, by the rules of Ansible.

Ansible searches for a handler when a task has notified it, which for the role is after the deployment, and a missing
handler ends the run for all hosts. With these functions the role finds out before anything is ordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar
from jinja2.exceptions import UndefinedError

from ansible_collections.certfleet.tls.plugins.module_utils._common.text import suggestion


def known(play: Any) -> set[str]:
    """Return all names and topics that tasks can notify in *play*, the running play (see plays.running)."""
    return {name for handler in _handlers(play) for name in _names(handler, _templated(handler, play))}


def problem(name: str, names: Iterable[str]) -> str:
    """Return the message about a handler *name* that is not among the play's *names* (see known)."""
    return (
        f"reload notifies the handler '{name}', which this play does not have{suggestion(name, sorted(names))}: no "
        "handler or listen topic has this name. Correct notify, or add the handler to the handlers of the play; the "
        "playbooks of certfleet.tls load them with -e acme_handlers=/path/handlers.yml."
    )


def _handlers(play: Any) -> Iterator[Any]:
    """Yield the handlers of the play and of its roles. A running play has those of its roles among its own."""
    for block in [*play.compile_roles_handlers(), *play.handlers]:
        yield from block.block  # Ansible finds no handler in rescue or always


def _names(handler: Any, name: str | None) -> Iterator[str]:
    if name:
        yield name
    role = handler._role
    # From ansible-core 2.17 on, `listen` has each topic of a role also with the role's name before it.
    yield from handler.listen if isinstance(handler.listen, list) else [handler.listen]
    if name and role:
        for qualified in (True, False):
            yield f"{role.get_name(include_role_fqcn=qualified)} : {name}"


def _templated(handler: Any, play: Any) -> str | None:
    """Return the name of *handler*, None without one. A template in it cannot use variables of a host."""
    templar = Templar(play.get_loader())
    if not handler.name or not templar.is_template(handler.name):
        return handler.name or None
    templar.available_variables = play.get_variable_manager().get_vars(play=play, task=handler)
    try:
        return str(templar.template(handler.name))
    except (AnsibleError, UndefinedError):
        return None  # Ansible warns, and skips the handler
