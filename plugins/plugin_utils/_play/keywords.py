# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse keywords that the role inherits (from a play, a block, a task) and that would break it.

Among them are strategies that do not keep the hosts together from task to task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import strategy_loader

# Ansible's plugin loader makes one class for each name of linear, and an import makes another one. A
# strategy inherits from one of them; what was loaded before decides from which.
_LINEAR = ("ansible.plugins.strategy.linear", "ansible_collections.ansible.builtin.plugins.strategy.linear")


def problem(task: Any, host: str, hosts: int, template: Callable[[Any], Any]) -> str:
    """Return why the role cannot run for *host* with the keywords of its first step, *task*; else "".

    *hosts*: how many hosts the batch has. *template* resolves the templates of keywords.
    """
    if task.delegate_to:
        # One host would make the keys of several hosts, and run the controller's steps.
        return (
            f"the role cannot run with 'delegate_to: {task.delegate_to}': its steps run on the host that needs the "
            f"certificate, here {host}, and on the controller. Remove delegate_to, and name the hosts that need "
            "certificates in the play's hosts."
        )
    if hosts > 1 and any(_is_true(template(each.run_once)) for each in (task, *ancestors(task))):
        return (
            f"the role cannot run with 'run_once: true': it would run for {host} and no other host of the play. Remove "
            "run_once: the role itself runs tasks once where once is enough."
        )
    return ""


def problem_of_strategy(play: Any) -> str:
    """Return why the role cannot run under the strategy of *play*, the running play (see plays.running); else "".

    run_once means one run for all hosts of a batch only if all hosts have reached the task. Ansible's linear strategy
    guarantees that, and so do its subclasses: debug, mitogen_linear and others.
    """
    strategy = strategy_loader.get(play.strategy, class_only=True)
    # Ansible has refused a strategy that cannot be loaded before any task.
    if strategy is None or any(each.__module__ in _LINEAR for each in strategy.__mro__):
        return ""
    return (
        f"the role cannot run with 'strategy: {play.strategy}': each host runs through the tasks by itself, so tasks "
        "with run_once run for every host, and each host would order certificates for all hosts. Set 'strategy: "
        "linear' (or 'debug', 'mitogen_linear' or another one built on linear) on the play that has the role "
        "certfleet.tls.acme."
    )


def ancestors(task: Any) -> Iterator[Any]:
    """Yield the blocks, includes and imports that *task* is in, the nearest first."""
    parent = task._parent
    while parent:
        yield parent
        parent = parent._parent


def _is_true(value: Any) -> bool:
    # A block without the keyword has None.
    return bool(boolean(value, strict=False)) if value is not None else False
