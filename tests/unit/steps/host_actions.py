# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugins of modules that run on hosts, with stand-ins for the task and the host."""

from __future__ import annotations

from importlib import import_module
from unittest.mock import MagicMock

from tests.unit.steps import answers

ACTIONS = "ansible_collections.certfleet.tls.plugins.action"
PREFIX = "certfleet.tls."


def action_of(module, arguments=None, delegate_to=None):
    """Return the action plugin of a module, with a task that has these *arguments*, by default valid ones."""
    plugin = import_module(f"{ACTIONS}.{module}").ActionModule
    task = MagicMock(
        args=answers.arguments(module) if arguments is None else arguments,
        action=PREFIX + module,
        async_val=0,
        delegate_to=delegate_to,
    )
    return plugin(task, MagicMock(), MagicMock(), None, MagicMock(), None)


def run(module, answer, **options):
    """Return the result of the action plugin of a module on a host that returns or raises *answer*."""
    action = action_of(module, **options)
    action._execute_module = MagicMock(
        **({"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer})
    )
    return action.run(task_vars={"inventory_hostname": "web3"})
