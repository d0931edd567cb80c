# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Polling a resource until a condition is met or a deadline passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .._common.deadline import Deadline
from .errors import AcmeError, DeadlineError

Resource = TypeVar("Resource")

_FIRST_PAUSE = 0.3
_LONGEST_PAUSE = 10.0


def poll(
    read: Callable[[], tuple[Resource, float | None]],
    done: Callable[[Resource], bool],
    deadline: Deadline,
    what: str,
    retry_after: float | None = None,
) -> Resource:
    """Read a resource until *done*, first after a short pause (RFC 8555 section 7.5.1).

    *read* returns the resource and the answer's Retry-After in seconds, which is the shortest next pause; *retry_after*
    is that of the answer before the first read. *what*: for the message of DeadlineError. The resource is read once
    more at the deadline; a temporary error of that read is a DeadlineError.
    """
    pause, too_long = _FIRST_PAUSE, ""
    while True:
        asked = retry_after or 0.0
        if asked > deadline.left():
            # Some CAs ask for a day, and are done after seconds.
            too_long = f": the CA asks for pauses of {asked:g} s"
            asked = _LONGEST_PAUSE
        deadline.clock.sleep(min(max(pause, asked), deadline.left()))
        try:
            resource, retry_after = read()
        except AcmeError as error:
            # The read at the deadline has little time, and a slow answer says nothing more than the deadline does.
            if not error.is_temporary or deadline.left() > 0:
                raise
            late = DeadlineError(f"{what} within {deadline.passed():g} s: {error}")
            late.retry_at = error.retry_at
            raise late from None
        if done(resource):
            return resource
        if deadline.left() <= 0:
            raise DeadlineError(f"{what} within {deadline.passed():g} s{too_long}")
        pause = min(pause * 1.6, _LONGEST_PAUSE)
