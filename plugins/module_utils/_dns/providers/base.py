# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kind of provider is: options declared as data, and TXT records of one zone changed in one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

from ..._common.contracts import TxtRecord
from ..._common.text import one_line
from ..errors import DnsError
from ..options import Option

_HIDDEN = "********"
# What is shorter is no secret, and would blot out half of a message.
_SHORTEST_SECRET = 4


class Unusable(DnsError):
    """What the provider says of one record holds for all others too: silent, not to be reached, credentials refused."""


class Provider(ABC):
    """One kind of provider, with the options of one entry of acme_dns.

    name: what an entry calls the kind. title and notes: for the documentation. libraries: what it imports besides the
    standard library, by the name that pip has. keeps_any_number: whether a name's values are a set of any size, so that
    adding one that is there already is harmless to the others.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    notes: ClassVar[str] = ""
    libraries: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[Option, ...]]
    keeps_any_number: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any], timeout: float) -> None:
        """*options*: as options.check() gave them; *timeout*: seconds for each exchange with the provider.

        Raises DnsError for values that cannot be right, with a text that goes on after the entry's name and a colon.
        """
        self.values = dict(options)
        self.timeout = timeout
        self._secrets = secrets(self.options, options)

    @abstractmethod
    def change(self, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
        """Add *records*, all of them in *zone*, or remove them, by value: the problem of each that failed.

        Adding what is there and removing what is not is harmless. Raises DnsError when it fails for all.
        """

    def is_delegated(self, name: str) -> bool:
        """Return True if the entry is there for *name* alone, to which CNAMEs of any zone lead by design."""
        return False

    def scrub(self, text: object) -> str:
        """*text* as part of one line, with no secret of the entry in it."""
        return one_line(hide(str(text), self._secrets), 300)

    def one_by_one(self, records: Sequence[TxtRecord], change: Callable[[TxtRecord], None]) -> dict[TxtRecord, str]:
        """The loop of kinds that change one record a call: a bad record stops no other, an unusable provider does."""
        failures: dict[TxtRecord, str] = {}
        unusable = ""
        for record in records:
            if unusable:
                failures[record] = f"{unusable} (said of another record; this one was not tried)"
                continue
            try:
                change(record)
            except Unusable as error:
                failures[record] = unusable = str(error)
            except DnsError as error:
                failures[record] = str(error)
        return failures


def secrets(declared: Sequence[Option], options: Mapping[str, Any]) -> tuple[str, ...]:
    """All secret texts in *options*, in every form in which an error's text may have them, longest first."""
    forms: set[str] = set()
    for option in declared:
        if option.secret:
            for text in _texts(options.get(option.name)):
                # A key of several lines, or one of parts, may be quoted in part; URLs have it escaped.
                parts = {text, *text.splitlines(), *text.split(":")} if len(text) > 8 else {text}
                for part in parts:
                    if len(part) >= (_SHORTEST_SECRET if part == text else 8):
                        forms |= {part, quote(part), quote(part, safe=""), quote_plus(part)}
    return tuple(sorted(forms, key=len, reverse=True))


def hide(text: str, hidden: Collection[str]) -> str:
    """*text* without any of *hidden*."""
    for secret in hidden:
        text = text.replace(secret, _HIDDEN)
    return text


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
