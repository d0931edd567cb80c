# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out if a play has the role several times, each time with a part of the certificates of its hosts.

Such an inclusion does not know which certificates the others list. So it neither names nor removes what it does not
list itself, unless it gives its list a name of its own (acme_list). An inclusion in an included file or role counts as
one of several: what that file or role includes next is unknown before it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task_include import TaskInclude

from .._variables.all_variables import ORDERING
from .._variables.role_variables import entry_point_of
from . import keywords

_NAME = "certfleet.tls.acme"
_LIST = "acme_list"
_COLLECTION, _SHORT_NAME = _NAME.rsplit(".", 1)


def are_several(play: Any, task: Any) -> bool:
    """Return True if *play*, in which *task* of the role runs, has the role more than once, or may have."""
    around = [*keywords.ancestors(task)]
    if any(getattr(ancestor, "loop", None) for ancestor in around):
        return True
    if any(_may_include_more(ancestor, task._role) for ancestor in around):
        return True
    roles = (role for role in play.role_cache.get(task._role.get_role_path(), ()) if role.static)
    static = sum(_reads_unlisted(role._from_files.get("tasks", "main")) for role in roles)
    # The tasks of an imported role are among the play's tasks as well, as copies.
    dynamic = {include._uuid: include for include in _includes(_tasks(play))}
    return static + len(dynamic) > 1 or any(include.loop for include in dynamic.values())


def names_list(task: Any) -> bool:
    """Return True if the inclusion that *task* is in gives its list a name (acme_list), by its own variables.

    All inclusions have a name from the play or the inventory in common. In a loop, only a template gives each its own.
    """
    role = task._role
    if _LIST in role.get_role_params() or _LIST in (role.vars or ()):
        return True
    named = [around for around in keywords.ancestors(task) if _LIST in (around.vars or ())]
    return any(not getattr(around, "loop", None) or "{{" in str(around.vars[_LIST]) for around in named)


def _may_include_more(ancestor: Any, role: Any) -> bool:
    """Return True for an include of a file or of another role, which is not *role*'s own."""
    if not isinstance(ancestor, TaskInclude) or ancestor.statically_loaded or ancestor._role is role:
        return False
    return not (isinstance(ancestor, IncludeRole) and _is_ours(ancestor))


def _tasks(play: Any) -> Iterator[Any]:
    """Yield the tasks and blocks of *play* and of its roles, as far as they are known."""
    yield from (*play.pre_tasks, *play.tasks, *play.post_tasks)
    for roles in play.role_cache.values():
        for role in roles:
            yield from role.get_task_blocks()


def _includes(tasks: Iterable[Any]) -> Iterator[Any]:
    """Yield the tasks that include the role, as far as these are known before they run."""
    for task in tasks:
        if isinstance(task, Block):
            yield from _includes([*task.block, *task.rescue, *task.always])
        elif isinstance(task, IncludeRole) and not task.statically_loaded and _reads_our_unlisted(task):
            yield task


def _reads_our_unlisted(include: Any) -> bool:
    return _is_ours(include) and _reads_unlisted(include.args.get("tasks_from", "main"))


def _is_ours(include: Any) -> bool:
    """Return True for an include of the role, and for one with a template as its name, which may include the role."""
    name = str(include.args.get("name", include.args.get("role")))
    is_short = name == _SHORT_NAME and _COLLECTION in (include.collections or ())
    return name == _NAME or is_short or "{{" in name


def _reads_unlisted(tasks_file: str) -> bool:
    """Return True for a tasks file that reports and removes certificates that are not listed."""
    return entry_point_of(tasks_file) in ORDERING or "{{" in tasks_file
