# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Permissions for CNAMEs of other zones: the owner of one zone chooses no name in the others that is written to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .errors import DnsError
from .options import LIST, Option, check
from .records import canonical, is_within

#: An option of every entry, whatever its provider.
CNAME_TARGETS = "cname_targets"
DEFAULT_TARGETS = ("_acme-challenge.*",)

_OPTION = Option(CNAME_TARGETS, "Names that CNAMEs may lead to.", kind=LIST, default=DEFAULT_TARGETS)
_ALL, _REST = "*", ".*"


def parse_targets(given: Any) -> tuple[str, ...]:
    """Return the option in the form that is_target() takes; None stands for the default. Raises DnsError."""
    listed = check([_OPTION], {CNAME_TARGETS: given}, "the entry")[CNAME_TARGETS]
    return tuple(_parse_target(text) for text in listed)


def is_target(name: str, targets: Collection[str]) -> bool:
    """Return True if *targets* has the name, in the form of canonical().

    A target stands for itself and all names below it; with '.*' at its end for all names that begin with it; '*' for
    all names.
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
            f"{CNAME_TARGETS} has {text[:80]!r}: it has to be a name, the beginning of one and '.*', or '*'"
        ) from None
