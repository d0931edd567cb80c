# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse keywords that the role inherits (from a play, a block, a task) and that would break it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean


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


def ancestors(task: Any) -> Iterator[Any]:
    """Yield the blocks, includes and imports that *task* is in, the nearest first."""
    parent = task._parent
    while parent:
        yield parent
        parent = parent._parent


def _is_true(value: Any) -> bool:
    # A block without the keyword has None.
    return bool(boolean(value, strict=False)) if value is not None else False
