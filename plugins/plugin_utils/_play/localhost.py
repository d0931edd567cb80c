# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse extra variables with which the tasks of a DNS provider would not run on the controller.

These tasks are modules of other collections, which roles/acme/tasks/dns_write_by_tasks.yml delegates to localhost. A
variable such as ansible_become outranks the keyword of a task, wherever it comes from: a host variable of localhost,
the group all, the play, parameters of the role. The include of these tasks has variables of the same names, which
outrank all of these, but not extra variables (-e). So only extra variables can break the tasks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE

_LOCAL = ("local", "mitogen_local")
NAMES = ("ansible_become", "ansible_connection", "ansible_python_interpreter", "ansible_remote_tmp")


def extra_variables(play: Any, template: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the extra variables of the run that change the connection to localhost, templated."""
    given = play.get_variable_manager().extra_vars
    return {name: template(given[name]) for name in NAMES if name in given}


def problems(variables: Mapping[str, Any], controller_python: str) -> list[str]:
    """Return a message for each of the extra *variables* that would break the tasks of a DNS provider.

    *controller_python*: the path in ansible_playbook_python.
    """
    reasons: dict[str, tuple[Callable[[str], bool], str]] = {
        "ansible_become": (
            lambda value: value.strip().lower() in BOOLEANS_FALSE,
            "would become another user on the controller. Set 'become: true' on the play, or ansible_become in "
            "group_vars, instead.",
        ),
        "ansible_connection": (
            lambda value: value.rpartition(".")[2] in _LOCAL,
            "would not run on the controller. Set ansible_connection in the inventory or group_vars instead.",
        ),
        "ansible_python_interpreter": (
            lambda value: _is_same_program(value, controller_python),
            f"need the Python of the controller, {controller_python}, which has their libraries. Set "
            "ansible_python_interpreter in the inventory or group_vars instead.",
        ),
        "ansible_remote_tmp": (
            _can_write_in,
            "cannot make their temporary folders there on the controller. Set ansible_remote_tmp in the inventory or "
            "group_vars instead.",
        ),
    }
    return [
        f"{name} is {str(variables[name])!r} in the extra variables (-e), which apply to localhost as well: the tasks "
        f"of the DNS provider {reason}"
        for name, (is_right, reason) in reasons.items()
        if variables.get(name) is not None and not is_right(str(variables[name]))
    ]


def _is_same_program(one: str, other: str) -> bool:
    """Return True for two paths of one program in one folder. A Python finds its libraries by its folder."""
    folders = {os.path.dirname(os.path.abspath(path)) for path in (one, other)}
    return len(folders) == 1 and os.path.realpath(one) == os.path.realpath(other)


def _can_write_in(folder: str) -> bool:
    """Return True if this user can create *folder*, or folders in it if it exists."""
    path = os.path.abspath(os.path.expandvars(os.path.expanduser(folder)))
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)
