# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse strategies that do not keep the hosts together from task to task."""

from __future__ import annotations

from typing import Any

from ansible.plugins.loader import strategy_loader

# Ansible's plugin loader makes one class for each name of linear, and an import makes another one. Which of them a
# strategy inherits from depends on what was loaded before.
_LINEAR = ("ansible.plugins.strategy.linear", "ansible_collections.ansible.builtin.plugins.strategy.linear")


def problem(play: Any) -> str:
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
