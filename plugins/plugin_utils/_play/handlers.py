# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which handlers a play knows, by the rules by which Ansible finds one that is notified.

Ansible looks when a task has notified, which for the role is after the deployment, and a handler that is missing ends
the run for all hosts. These functions answer the question before anything is ordered.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar
from jinja2.exceptions import UndefinedError


def known(play: Any) -> set[str]:
    """Return all names and topics that can be notified in *play*, the play that runs (see plays.running)."""
    return {name for handler in _handlers(play) for name in _names(handler, _templated(handler, play))}


def unknown(names: Iterable[str], play: Any) -> list[str]:
    """Return those of *names* that no handler of *play* answers to, in their order, each once."""
    wanted = list(dict.fromkeys(names))
    answered = known(play) if wanted else set()  # reading the handlers takes a few milliseconds
    return [name for name in wanted if name not in answered]


def problem(name: str, names: Iterable[str]) -> str:
    """Return the line about a handler *name* that is not among the play's *names* (see known)."""
    similar = _similar(name, names)
    hint = f" Did you mean '{similar}'?" if similar else ""
    return (
        f"reload notifies the handler '{name}', which this play does not have: no handler or listen topic has this "
        f"name.{hint} Correct notify, or add the handler to the handlers of the play; the playbooks of certfleet.tls "
        "load them with -e acme_handlers=/path/handlers.yml."
    )


def _handlers(play: Any) -> Iterator[Any]:
    """Yield the handlers of the play and of its roles. A play that runs has those of its roles among its own."""
    for block in [*play.compile_roles_handlers(), *play.handlers]:
        yield from block.block  # Ansible finds no handler in rescue or always


def _names(handler: Any, name: str | None) -> Iterator[str]:
    if name:
        yield name
    role = handler._role
    # From ansible-core 2.17 on, topics of a role are known with its name before them as well; `listen` has these.
    yield from handler.listen if isinstance(handler.listen, list) else [handler.listen]
    if name and role:
        for qualified in (True, False):
            yield f"{role.get_name(include_role_fqcn=qualified)} : {name}"


def _templated(handler: Any, play: Any) -> str | None:
    """Return the name of *handler*; None where it has none. A template in it sees no variables of a host."""
    templar = Templar(play.get_loader())
    if not handler.name or not templar.is_template(handler.name):
        return handler.name or None
    templar.available_variables = play.get_variable_manager().get_vars(play=play, task=handler)
    try:
        return str(templar.template(handler.name))
    except (AnsibleError, UndefinedError):
        return None  # Ansible warns of it and skips the handler


def _similar(name: str, names: Iterable[str]) -> str | None:
    """Return the one of *names* that is most like *name*, whatever its case."""
    by_form = {other.casefold(): other for other in sorted(names)}
    found = difflib.get_close_matches(name.casefold(), by_form, n=1)
    return by_form[found[0]] if found else None
