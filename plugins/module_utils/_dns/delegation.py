# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions for CNAMEs from other zones: the owner of a zone must not choose names to write in other zones."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .errors import DnsError
from .options import LIST, Option, parse_options
from .records import canonical, is_within

#: An option of every entry, whatever its provider.
CNAME_TARGETS = "cname_targets"
DEFAULT_TARGETS = ("_acme-challenge.*",)

_OPTION = Option(CNAME_TARGETS, "Names to which CNAMEs may lead.", type=LIST, default=DEFAULT_TARGETS)
_ALL, _REST = "*", ".*"


def parse_targets(given: Any) -> tuple[str, ...]:
    """Return the option in the form for is_target(); None stands for the default. Raises DnsError."""
    listed = parse_options([_OPTION], {CNAME_TARGETS: given}, "the entry")[CNAME_TARGETS]
    return tuple(_parse_target(text) for text in listed)


def is_target(name: str, targets: Collection[str]) -> bool:
    """Return True if *targets* has the name, in the form of canonical().

    A target allows itself and all names below it. With '.*' at its end it allows all names that begin with it. '*'
    allows all names.
    """
    return any(
        target == _ALL or (name.startswith(target[:-1]) if target.endswith(_REST) else is_within(name, target))
        for target in targets
    )


def _parse_target(text: str) -> str:
    if text == _ALL:
        return text
    rest = _REST if text.endswith(_REST) else ""
    name = text.removesuffix(rest)
    try:
        return canonical(name if name.isascii() else name.encode("idna").decode()) + rest
    except (DnsError, UnicodeError):
        raise DnsError(
            f"{CNAME_TARGETS} has the invalid element {text[:80]!r}: expected NAME, BEGINNING.* or *"
        ) from None
