# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which strategies the role can run under: those that take the hosts through the tasks together."""

from __future__ import annotations

from typing import Any

from ansible.plugins.loader import strategy_loader

# Ansible's plugin loader makes a class of its own of each name for linear, and an import makes another one, so which of
# them a strategy is built on depends on what was loaded before.
_LINEAR = ("ansible.plugins.strategy.linear", "ansible_collections.ansible.builtin.plugins.strategy.linear")


def problem(play: Any) -> str:
    """Return why the role cannot run under the strategy of *play*, the play that runs (see plays.running); else "".

    run_once means one run for all hosts of a batch only where all hosts have reached the task. Ansible's linear
    strategy does that, and with it each strategy that is a subclass of it: debug, mitogen_linear and others.
    """
    strategy = strategy_loader.get(play.strategy, class_only=True)
    # A strategy that cannot be loaded has been refused by Ansible before any task.
    if strategy is None or any(each.__module__ in _LINEAR for each in strategy.__mro__):
        return ""
    return (
        f"the strategy '{play.strategy}' lets each host run through the tasks by itself, so run_once does not hold and "
        "every host would order certificates for all hosts: the play needs one that keeps the hosts together. Set "
        "'strategy: linear' (or 'debug', 'mitogen_linear' or another one built on linear) on the play that has the "
        "role certfleet.tls.acme."
    )
