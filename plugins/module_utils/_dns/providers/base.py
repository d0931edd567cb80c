# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base class of providers: options declared as data, and TXT records of one zone changed in one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from ..._common.contracts import TxtRecord
from ..._common.secret_texts import all_forms, hide
from ..._common.text import one_line
from ..errors import DnsError, Unusable
from ..options import Option
from ..pace import Limits, Pace

# A shorter text is no secret, and hiding it would make messages unreadable.
_SHORTEST_SECRET = 4


class Provider(ABC):
    """A provider with the options of one entry of acme_dns.

    name: its name in entries. title and notes: for the documentation. libraries: what it imports besides the standard
    library, by the names of pip. most_values: a name keeps the newest so many values; None for any number. removes: it
    can remove values. writes_sets: to add or remove a value it reads all values of the name or of the zone, and writes
    them again, so that two changes at once may lose a value.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    notes: ClassVar[str] = ""
    libraries: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[Option, ...]]
    most_values: int | None = None
    removes: bool = True
    writes_sets: bool = False

    def __init__(self, options: Mapping[str, Any], limits: Limits) -> None:
        """*options*: from parse_options().

        Raises DnsError for invalid values, with a text that follows the name of the entry and a colon.
        """
        self.values = dict(options)
        self.timeout = limits.timeout
        self.clock = limits.pauses.clock
        self.pace = Pace(limits.pauses)
        self._secrets = secrets(self.options, options)

    @abstractmethod
    def change(self, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
        """Add *records*, which are all in *zone*, or remove them. Return the problem of each record that failed.

        Adding a value that is there already, or removing one that is not there, is no failure. Raises DnsError if all
        records failed.
        """

    def is_delegated(self, name: str) -> bool:
        """Return True if the entry is only for *name*, to which CNAMEs of any zone lead by design."""
        return False

    def hide(self, text: str) -> str:
        """Return *text* without the secrets of the entry."""
        return hide(text, self._secrets)

    def scrub(self, text: object) -> str:
        """Return *text* as part of one line, without the secrets of the entry."""
        return one_line(self.hide(str(text)), 300)

    def one_by_one(self, records: Sequence[TxtRecord], change: Callable[[TxtRecord], None]) -> dict[TxtRecord, str]:
        """Call *change* for each record, and again after a pause if it raises BusyError. Return the problems.

        A failure stops no other record, except for Unusable.
        """
        failures: dict[TxtRecord, str] = {}
        unusable = ""
        for record in records:
            if unusable:
                failures[record] = f"{unusable} (for another record; this one was not tried)"
                continue
            try:
                self.pace.call(partial(change, record))
            except Unusable as error:
                failures[record] = unusable = str(error)
            except DnsError as error:
                failures[record] = str(error)
        return failures


def secrets(declared: Sequence[Option], options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return all secret texts in *options*, in every form that errors may have them in, the longest first."""
    found: set[str] = set()
    for option in declared:
        if option.secret:
            for text in _texts(options.get(option.name)):
                # An error may quote a part of a key with several lines or parts.
                parts = {text, *text.splitlines(), *text.split(":")} if len(text) > 8 else {text}
                found |= {part for part in parts if len(part) >= (_SHORTEST_SECRET if part == text else 8)}
    return all_forms(found)


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
