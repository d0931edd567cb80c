# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults in variables, collected as messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import values as to
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError


class Faults:
    """The faults in one entry, or in the variables of one host.

    place: begins each message. lines: the messages. invalid: the names of the options that they are in.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.lines: list[str] = []
        self.invalid: set[str] = set()

    def add(self, option: str, text: str) -> None:
        """Add a fault in *option*. *text*: a message of one or more sentences."""
        self.lines.append(f"{self.place}: {option}: {text}")

    def attempt(self, option: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what *function* returns; None if it raises, which adds a fault.

        *option*: the name for messages that do not name their option.
        """
        try:
            return function(*arguments)
        except CollectionError as error:
            self.refuse(option, error)
            return None

    def refuse(self, option: str, error: Exception) -> None:
        """Add the message of an *error*, which may name the option itself."""
        self.lines.append(to.line(self.place, option, error))
        self.invalid.add(option)
