# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A time limit for functions that have none. Standard library only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

Result = TypeVar("Result")


def call_for(seconds: float, function: Callable[[], Result]) -> Future[Result]:
    """Call a function that has no time limit in a thread, and wait for it. The result is done() if it took less.

    A thread that takes longer is left alone, and ends with the process.
    """
    future: Future[Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        # Also SystemExit and the like: some functions use large libraries.
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    wait((future,), seconds)
    return future
