# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the play that an action plugin runs in."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from ansible.executor.play_iterator import PlayIterator


def running(task: Any) -> Any:
    """Return the running play of *task*: its keywords are templated, and it has the handlers of its roles.

    Ansible runs a copy of the play that it read, and include_role adds to the copy alone. A task of import_role knows
    only the original. The process of an action plugin is a fork of the one that runs the play, so the copy is still
    on its stack. If it is not, as in a new process, this returns the play that the task knows.
    """
    frame: FrameType | None = sys._getframe()
    while frame:
        iterator = frame.f_locals.get("iterator")
        if isinstance(iterator, PlayIterator):
            return iterator._play
        frame = frame.f_back
    return task.get_play()
