# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of TXT records as they are compared, in lower case without final dot, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._common.text import shortened
from .errors import DnsError

# The letters of host names and the underscore (RFC 8552). Names are passed to programs and tasks, so nothing else is
# allowed.
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def canonical(name: str) -> str:
    """Return *name* in lower case and without final dot. Raises DnsError if it is no valid name for a record."""
    if not isinstance(name, str) or not name.strip():
        raise DnsError("the name of a record is empty")
    lower = name.strip().lower().removesuffix(".")
    if not lower.isascii():
        raise DnsError(f"{_shown(name)} is not a valid record name: write it in A-labels (xn--...)")
    if len(lower) > 253:  # RFC 1035 section 2.3.4, without the root's label
        raise DnsError(f"{_shown(name)} is not a valid record name: it has {len(lower)} characters, more than 253")
    if not all(_LABEL.fullmatch(label) for label in lower.split(".")):
        raise DnsError(
            f"{_shown(name)} is not a valid record name: a label has 1 to 63 letters, digits, '_' or inner '-'"
        )
    return lower


def is_within(name: str, zone: str) -> bool:
    """Return True if *name* is *zone* or is below it; both in the form of canonical()."""
    return name == zone or name.endswith("." + zone)


def relative(name: str, zone: str) -> str:
    """Return *name* relative to its *zone*, as in a zone file: '@' for the zone itself."""
    return "@" if name == zone else name.removesuffix("." + zone)


def join(strings: Iterable[bytes]) -> str:
    """Return the value of a TXT record from its strings of at most 255 bytes each (RFC 1035 section 3.3.14)."""
    return b"".join(strings).decode("utf-8", "backslashreplace")


def _shown(name: str) -> str:
    return repr(shortened(name))
