# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file of the controller's cache (acme_cache): a JSON object of entries. Standard library only.

One that is missing or damaged has no entries, which costs a few requests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import atomic_file
from .errors import OptionError

Entry = TypeVar("Entry")


class EntryFile:
    """A file *name* in *folder*. Without a folder nothing is kept."""

    def __init__(self, folder: str | None, name: str) -> None:
        self._path = os.path.join(os.path.expanduser(folder), name) if folder else None

    @property
    def is_kept(self) -> bool:
        """True if a later run reads what is written now."""
        return self._path is not None

    def read(self, parse: Callable[[Any], Entry]) -> dict[str, Entry]:
        """Return the entries by key.

        *parse*: makes an entry of its JSON; it may raise OptionError, TypeError, ValueError, KeyError.
        """
        if self._path is None:
            return {}
        try:
            with open(self._path, encoding="utf-8") as file:
                return {str(key): parse(entry) for key, entry in json.load(file).items()}
        except (OptionError, OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return {}

    def write(self, entries: Mapping[str, Any]) -> str:
        """Replace all entries, which are JSON already. Return an error message, or an empty text."""
        if self._path is None:
            return ""
        try:
            atomic_file.write(self._path, json.dumps(entries).encode())
        except OSError as error:
            return f"acme_cache {os.path.dirname(self._path)} cannot be written: {error.strerror}"
        return ""
