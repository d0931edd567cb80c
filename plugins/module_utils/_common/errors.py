# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base class of all errors that people read."""

from __future__ import annotations

from .text import one_line

_LONGEST_MESSAGE = 10_000  # characters: a hundred names may have failed, each for another reason


class CollectionError(Exception):
    """An error of this collection. Its message is one line, also if parts of it come from elsewhere."""

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(message, _LONGEST_MESSAGE))


class OptionError(CollectionError):
    """An option with an invalid value, found before anything is changed."""
