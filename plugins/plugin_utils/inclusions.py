# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a play has the role several times, each time with a part of what its hosts want.

Of such parts none can tell what no other wants: what is not listed is neither named nor removed then, but for lists
with names of their own (acme_list).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole

from . import keywords

_NAME = "certfleet.tls.acme"
# The tasks files that look at what is not listed.
_LOOKING = ("main", "fleet", "replace")


def are_several(play: Any, task: Any) -> bool:
    """Return True if *play*, in which *task* of the role runs, has the role more than once, or in a loop."""
    if any(getattr(ancestor, "loop", None) for ancestor in keywords.ancestors(task)):
        return True
    roles = (role for role in play.role_cache.get(task._role.get_role_path(), ()) if role.static)
    static = sum(role._from_files.get("tasks", "main") in _LOOKING for role in roles)
    dynamic = [*_includes([*play.pre_tasks, *play.tasks, *play.post_tasks])]
    return static + len(dynamic) > 1 or any(include.loop for include in dynamic)


def _includes(tasks: Iterable[Any]) -> Iterator[Any]:
    """Yield the tasks that include the role, of those that are known before they run."""
    for task in tasks:
        if isinstance(task, Block):
            yield from _includes([*task.block, *task.rescue, *task.always])
        elif isinstance(task, IncludeRole) and not task.statically_loaded and _is_ours(task.args):
            yield task


def _is_ours(arguments: Mapping[str, Any]) -> bool:
    return arguments.get("name") == _NAME and arguments.get("tasks_from", "main") in _LOOKING
