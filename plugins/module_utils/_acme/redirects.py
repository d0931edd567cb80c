# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Following a limited number of redirects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Target = TypeVar("Target")
Answer = TypeVar("Answer")

#: The HTTP statuses that redirect to what Location names (RFC 9110 section 15.4).
REDIRECT_CODES = (301, 302, 303, 307, 308)


class TooManyRedirects(Exception):
    """There are more redirects than are followed. args: the request that was not sent."""


def follow(
    request: Target, get: Callable[[Target], Answer], target: Callable[[Target, Answer], Target | None], most: int
) -> tuple[Target, Answer]:
    """Return the last request and its answer. Raises TooManyRedirects.

    *target* returns the request that an answer redirects to, or None. *most*: how many redirects are followed.
    """
    for _hop in range(most + 1):
        answer = get(request)
        following = target(request, answer)
        if following is None:
            return request, answer
        request = following
    raise TooManyRedirects(request)
