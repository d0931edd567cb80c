# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of all errors that people read."""

from __future__ import annotations

from .text import one_line

_LONGEST_MESSAGE = 10_000  # characters: a hundred names may have failed, each for a reason of its own


class CollectionError(Exception):
    """An error of this collection. Its message is one line, whoever wrote parts of it."""

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(message, _LONGEST_MESSAGE))


class OptionError(CollectionError):
    """An option with an invalid value, which is refused before anything is changed."""
