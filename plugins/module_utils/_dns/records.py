# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TXT records and their names, as they are compared: lower case, no final dot."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import DnsError

# Host names' letters and the underscore (RFC 8552): a name goes on to programs and tasks, so nothing else gets in.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def canonical(name: str) -> str:
    """*name* in lower case and without its final dot. Raises DnsError where no record of ours can have it."""
    if not isinstance(name, str) or not name.strip():
        raise DnsError("a record's name is empty")
    lower = name.strip().lower().removesuffix(".")
    if not lower.isascii():
        raise DnsError(f"{_shown(name)} is not a record's name: write it in A-labels (xn--...)")
    if len(lower) > 253:  # RFC 1035 section 2.3.4, without the root's label
        raise DnsError(
            f"{_shown(name)} is not a record's name: it has {len(lower)} characters, at most 253 are allowed"
        )
    if not all(_LABEL.fullmatch(label) for label in lower.split(".")):
        raise DnsError(f"{_shown(name)} is not a record's name: a label has 1 to 63 letters, digits, '_' or inner '-'")
    return lower


def is_within(name: str, zone: str) -> bool:
    """Whether *name* is *zone* or lies below it; both in the form of canonical()."""
    return name == zone or name.endswith("." + zone)


def relative(name: str, zone: str) -> str:
    """*name* as it is written in the file of *zone*, in which it must lie: '@' for the zone's own."""
    return "@" if name == zone else name.removesuffix("." + zone)


def join(strings: Iterable[bytes]) -> str:
    """The value of a TXT record from its strings, of which each holds at most 255 bytes (RFC 1035 section 3.3.14)."""
    return b"".join(strings).decode("utf-8", "backslashreplace")


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")
