# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A selection of certificates that are to be replaced now, whatever their dates are.

One that is replaced already, with another serial number or a key made after the given instant, is not selected again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from .._acme.errors import AcmeOptionError
from .._common.contracts import HostCertificate, Version
from .._common.errors import OptionError
from .._common.identifiers import canonical
from .._common.text import listed, one_line
from .._common.times import first_second, parse_time, parse_utc

#: The options of a selection.
OPTIONS = ("all", "issuer", "serials", "serials_src", "names", "before")

_CLOCKS_DIFFER = timedelta(minutes=1)
_SHOWN = 10  # hosts
_SERIAL = re.compile(r"(?:0x)?([0-9a-f]{1,64})")


@dataclass(frozen=True)
class Selection:
    """Certificates that match any of all, issuers, serials and names, with a key from *before* the instant if given."""

    all: bool = False
    issuers: frozenset[str] = frozenset()
    serials: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    before: datetime | None = None

    @classmethod
    def parse(cls, options: Mapping[str, Any], read: Callable[[str], str], now: datetime) -> Selection | None:
        """Parse options of a task; *read* returns a file's text. None without options. Raises AcmeOptionError."""
        unknown = sorted(set(options) - set(OPTIONS))
        if unknown:
            raise AcmeOptionError(f"replace has {one_line(unknown[0], 60)!r}; it takes {', '.join(OPTIONS)}")
        serials = {
            parse_serial(text, "replace: serials (acme_replace_serials): ") for text in _texts(options.get("serials"))
        }
        if options.get("serials_src"):
            serials |= set(_listed(read(str(options["serials_src"])), str(options["serials_src"])))
        selection = cls(
            all=_truth(options.get("all")),
            issuers=frozenset(text.lower() for text in _lines(options.get("issuer"))),
            serials=frozenset(serials),
            names=frozenset(canonical(text) for text in _texts(options.get("names"))),
            before=_instant(options.get("before")),
        )
        lasting = selection.all or selection.issuers or selection.names
        if not lasting and not selection.serials:
            if not options:
                return None
            raise AcmeOptionError(
                "replace selects nothing: give acme_replace_all, _issuer, _serials, _serials_src or _names"
            )
        if lasting and not selection.before:
            raise AcmeOptionError(
                "replace needs 'before' (acme_replace_before), an instant such as 2026-01-31T12:00:00Z: without it, "
                "a later run could not tell what is replaced already"
            )
        if selection.before and selection.before > now + _CLOCKS_DIFFER:
            raise AcmeOptionError(
                f"replace: before (acme_replace_before): {options['before']} is in the future. "
                "Give an instant in the past"
            )
        return selection

    def __call__(self, certificate: HostCertificate) -> bool:
        """Return True if the certificate of a host is selected."""
        # A version that awaits its switch is what the host is about to use.
        pending = certificate.pending
        version = pending if pending and pending.is_issued else certificate.live
        if not version or not version.serial:
            return False
        if self.before and _made(version) >= self.before:
            return False
        names = {certificate.host, certificate.name, *map(canonical, version.identifiers)}
        return (
            self.all
            or _plain(version.serial) in self.serials
            or not self.issuers.isdisjoint(_of_issuer(version.issuer or ""))
            or not self.names.isdisjoint(names)
        )

    def since(self) -> str:
        """Return from when on a key was made to replace another, as manifests have times; empty if any may be old."""
        return first_second(self.before) if self.before else ""


def counted(selected: int, now: int, unanswered: Sequence[str] = ()) -> str:
    """Return one line for people: how many are to be replaced, and how many of them this run tries.

    *unanswered*: the hosts of which nothing is known.
    """
    if not selected:
        return f"nothing is left to be replaced{unanswered_text(unanswered)}"
    tried = f"{selected} to be replaced: this run tries {now}, {selected - now} wait for a later one"
    return f"{tried}{unanswered_text(unanswered)}"


def unanswered_text(hosts: Sequence[str]) -> str:
    """Return the end of a line that names hosts of which it is unknown what they have; empty without any."""
    return f"; unknown for {listed(hosts, _SHOWN)}, which gave no answer" if hosts else ""


def _made(version: Version) -> datetime:
    """Return when the key of a version was made; if that is unknown, from when on its certificate is valid."""
    return parse_utc(version.created or version.not_before or "")


def _of_issuer(issuer: str) -> set[str]:
    """Return all texts that match an issuer: its distinguished name, the attributes in it, and their values."""
    parts = [part.strip().lower() for part in re.split(r"(?<!\\),", issuer)]
    return {issuer.lower(), *parts, *(part.partition("=")[2] for part in parts)}


def _instant(text: Any) -> datetime | None:
    if not text:
        return None
    try:
        return parse_time(text)
    except OptionError as error:
        raise AcmeOptionError(f"replace: before (acme_replace_before): {error}") from None


def _truth(value: Any) -> bool:
    try:
        return bool(boolean(value or False))
    except TypeError:
        raise AcmeOptionError(
            f"replace: all (acme_replace_all): '{one_line(value, 60)}' is neither true nor false"
        ) from None


def _texts(value: Any) -> list[str]:
    """Return the texts of a list; -e gives a list as one text with commas."""
    parts = [part for text in _lines(value) for part in text.split(",")]
    return [part.strip() for part in parts if part.strip()]


def _lines(value: Any) -> list[str]:
    values: Iterable[Any] = value if isinstance(value, (list, tuple)) else [value or ""]
    for item in values:
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            # YAML may have read it as another number, or dropped zeros.
            raise AcmeOptionError(f"replace: {item} is a number: write it in quotes")
    return [str(item).strip() for item in values if str(item).strip()]


def parse_serial(text: str, where: str = "") -> str:
    """Parse a serial number as CAs and browsers show it, into hexadecimal digits. Raises AcmeOptionError.

    *where*: begins the message.
    """
    found = _SERIAL.fullmatch(text.strip().strip('"').replace(":", "").replace(" ", "").lower())
    if not found:
        raise AcmeOptionError(f"{where}'{one_line(text, 60)}' is not a serial number: give hexadecimal digits")
    return _plain(found[1])


def _plain(serial: str) -> str:
    return serial.lower().lstrip("0") or "0"


def _listed(text: str, path: str) -> list[str]:
    """Parse the serial numbers in a CA's list: the first column of each line, without a heading and comments."""
    columns = [re.split(r"[,;\t]", line, maxsplit=1)[0].strip() for line in text.splitlines()]
    numbered = [(number, first) for number, first in enumerate(columns, 1) if first and not first.startswith("#")]
    if numbered and re.search("[g-zG-Z]", numbered[0][1]) and not re.search("[0-9]", numbered[0][1]):
        del numbered[0]  # a heading
    return [parse_serial(first, f"replace: {path}, line {number}: ") for number, first in numbered]
