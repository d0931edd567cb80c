# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identifiers as they are compared and ordered: A-labels, lower case, no trailing dot. Standard library only.

Controller and hosts have to come to the same result, so both use the codec that every Python has (IDNA 2003), and the
few characters that IDNA 2008 maps otherwise are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .errors import HostError

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
# RFC 5892 appendix A.1, A.2 and UTS #46 section 7: sharp s, final sigma, the joiners.
_DEVIATIONS = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")


class IdentifierError(HostError, ValueError):
    """A name that cannot be ordered. str() says which and what is wrong."""


_Refuse = Callable[[str], IdentifierError]


def normalize(text: str) -> str:
    """The form in which *text* is compared and ordered. Raises IdentifierError."""
    name = text.strip()
    if not name:
        raise IdentifierError("an identifier is empty")

    def refuse(what: str) -> IdentifierError:
        return IdentifierError(f"identifier {_shown(name)} {what}")

    if re.search(r"\s", name):
        raise refuse("has a space in it")
    if "/" in name:
        raise refuse("is a URL or a path: give the host name alone")
    if name.count(":") == 1:
        raise refuse("has a port: give the host name alone")
    # The codec maps other scripts' dots and digits too, so these are looked for in its result.
    ascii_name = _to_ascii(name, refuse).removesuffix(".")
    if ":" in name or _IPV4.fullmatch(ascii_name):
        raise refuse("is an IP address: only DNS names can be ordered")
    if len(ascii_name) > 253:  # RFC 1035 section 2.3.4, without the root's label
        raise refuse(f"is too long: {len(ascii_name)} characters, at most 253 are allowed")
    labels = ascii_name.split(".")
    if labels[0] == "*" and len(labels) > 1:  # RFC 8555 section 7.1.3: leftmost label only
        labels = labels[1:]
    for label in labels:
        _check_label(label, refuse)
    return ascii_name


def check(identifiers: Iterable[str], challenge: str) -> list[str]:
    """*identifiers* normalized, each once, in their order. Raises IdentifierError for what *challenge* cannot prove."""
    names = list(dict.fromkeys(normalize(text) for text in identifiers))
    if not names:
        raise IdentifierError("no identifiers are given")
    for name in names:
        # RFC 8555 section 8.3: http-01 cannot prove a wildcard.
        if name.startswith("*.") and challenge == "http-01":
            raise IdentifierError(
                f"identifier '{name}' is a wildcard, which http-01 cannot prove: a wildcard needs dns-01"
            )
    return names


def _to_ascii(name: str, refuse: _Refuse) -> str:
    if name.isascii():
        return name.lower()
    if _DEVIATIONS & set(name):
        raise refuse("has a character that IDNA 2003 and 2008 encode differently: write the name's A-label (xn--...)")
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise refuse("cannot be encoded for the DNS: write the name's A-label (xn--...)") from None


def _check_label(label: str, refuse: _Refuse) -> None:
    if not label:
        raise refuse("has an empty label (two dots, or a dot in front)")
    if "*" in label:
        raise refuse("has a wildcard that is not its whole leftmost label")
    if len(label) > 63:  # RFC 1035 section 2.3.4
        raise refuse(f"has a label that is too long: {len(label)} characters, at most 63 are allowed")
    if not _LABEL.fullmatch(label):
        raise refuse("has a character that a host name cannot have there (letters, digits, inner hyphens)")


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:77] + "...")
