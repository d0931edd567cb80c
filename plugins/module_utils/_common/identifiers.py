# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse and normalize identifiers, and the challenges that prove control of them. Standard library only.

A DNS name is normalized to A-labels in lower case, without a trailing dot; an IP address to its shortest form.
Controller and hosts must get the same result, so both use the codec that every Python has (IDNA 2003), and the few
characters that IDNA 2008 maps differently are refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .errors import CollectionError
from .text import shortened, suggestion

HTTP_01, DNS_01, TLS_ALPN_01 = "http-01", "dns-01", "tls-alpn-01"
DNS_ACCOUNT_01, DNS_PERSIST_01 = "dns-account-01", "dns-persist-01"
#: The challenges that a TXT record answers.
BY_DNS = (DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01)
CHALLENGES = (HTTP_01, *BY_DNS, TLS_ALPN_01)

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
# RFC 5892 appendix A.1, A.2 and UTS #46 section 7: sharp s, final sigma, the joiners.
_DEVIATIONS = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")


class IdentifierError(CollectionError, ValueError):
    """A name that cannot be ordered. The message says which one, and why."""


_Refuse = Callable[[str], IdentifierError]


class Identifier(NamedTuple):
    """A normalized name or address, the challenge that proves control of it, and its own webroot, if it has one."""

    name: str
    challenge: str
    webroot: str | None = None


def normalize(text: str) -> str:
    """Return *text* in the form in which it is compared and ordered. Raises IdentifierError."""
    name = text.strip()
    if not name:
        raise IdentifierError("an identifier is empty")

    def refuse(reason: str) -> IdentifierError:
        return IdentifierError(f"identifier {_quote(name)} {reason}")

    if re.search(r"\s", name):
        raise refuse("contains a space")
    if "/" in name:
        raise refuse("is a URL or a path. Give the host name only")
    if name.count(":") == 1:
        raise refuse("has a port. Give the host name only")
    # The codec also maps dots and digits of other scripts, so they are searched for in its result.
    ascii_name = name if ":" in name else _to_ascii(name, refuse).removesuffix(".")
    if ":" in name or _IPV4.fullmatch(ascii_name):
        return _address(ascii_name, refuse)
    if len(ascii_name) > 253:  # RFC 1035 section 2.3.4, without the root's label
        raise refuse(f"is too long: {len(ascii_name)} characters, at most 253 are allowed")
    labels = ascii_name.split(".")
    if labels[0] == "*" and len(labels) > 1:  # RFC 8555 section 7.1.3: leftmost label only
        labels = labels[1:]
        if is_address(".".join(labels)):
            raise refuse("is a wildcard for an IP address, which does not exist")
    for label in labels:
        _verify_label(label, refuse)
    return ascii_name


def canonical(text: str) -> str:
    """Return *text* in the form in which it is compared, also if it cannot be ordered, as in some certificates."""
    try:
        return normalize(text)
    except IdentifierError:
        return text.lower()


def is_address(name: str) -> bool:
    """Return True if a normalized identifier is an IP address (RFC 8738), and False if it is a DNS name."""
    return ":" in name or bool(_IPV4.fullmatch(name))


def parse_identifiers(identifiers: Iterable[Any], challenge: str) -> list[Identifier]:
    """Parse *identifiers*: return each once, in their order, with its own challenge or else *challenge*.

    Each is a text, or a mapping with value, challenge and webroot. Raises IdentifierError for an invalid one, and for
    one whose challenge cannot prove control of it.
    """
    parsed: dict[str, Identifier] = {}
    for item in identifiers:
        identifier = _parse(item, challenge)
        if parsed.setdefault(identifier.name, identifier) != identifier:
            raise IdentifierError(
                f"identifier {_quote(identifier.name)} is given twice with different challenges or webroots. "
                "Give it once"
            )
    if not parsed:
        raise IdentifierError("no identifiers are given")
    return list(parsed.values())


def names(identifiers: Iterable[Identifier]) -> list[str]:
    """Return the names and addresses without their challenges."""
    return [identifier.name for identifier in identifiers]


def _parse(item: Any, challenge: str) -> Identifier:
    own: Mapping[str, Any] = item if isinstance(item, Mapping) else {"value": item}
    unknown = sorted(set(map(str, own)) - {"value", "challenge", "webroot"})
    if unknown or not isinstance(own.get("value"), str):
        keys = ("value", "challenge", "webroot")
        reason = f"has {unknown[0]!r}{suggestion(unknown[0], keys)}" if unknown else "has a value that is not a text"
        raise IdentifierError(f"an identifier {reason}. Give a name, or a mapping with value, challenge and webroot")
    identifier = Identifier(normalize(own["value"]), own.get("challenge") or challenge, own.get("webroot") or None)
    if problem := _unprovable(identifier):
        raise IdentifierError(f"identifier {_quote(identifier.name)} {problem}")
    return identifier


def _unprovable(identifier: Identifier) -> str:
    """Return why the challenge of *identifier* cannot prove control of it; an empty text if it can."""
    name, challenge = identifier.name, identifier.challenge
    if challenge not in CHALLENGES:
        near = suggestion(challenge, CHALLENGES)
        return f"has the challenge {_quote(str(challenge))}, which is not one of {', '.join(CHALLENGES)}{near}"
    by_dns = challenge in BY_DNS
    if is_address(name):
        # RFC 8738 section 7
        return f"is an IP address, which {challenge} cannot prove. Use http-01 or tls-alpn-01" if by_dns else ""
    if name.endswith(".onion"):
        # RFC 9799 section 3: these names are not in the DNS; a wildcard needs a challenge of its own.
        if name.startswith("*."):
            return "is a wildcard below .onion, which only onion-csr-01 can prove. List each name"
        return f"is an onion service, which {challenge} cannot prove. Use http-01 or tls-alpn-01" if by_dns else ""
    # RFC 8555 section 8.3, RFC 8737 section 3: neither can prove a wildcard.
    if name.startswith("*.") and not by_dns:
        return f"is a wildcard, which {challenge} cannot prove. Use dns-01"
    return ""


def _address(text: str, refuse: _Refuse) -> str:
    try:
        if "%" in text:  # a zone index has a meaning on one host only
            raise ValueError
        address = ipaddress.ip_address(text)
    except ValueError:
        raise refuse("is not an IP address. Give one without brackets, port and zone") from None
    if address.version == 6 and address.ipv4_mapped:  # releases of Python write it differently
        raise refuse(f"is the IPv4 address {address.ipv4_mapped}. Give that")
    return address.compressed


def _to_ascii(name: str, refuse: _Refuse) -> str:
    if name.isascii():
        return name.lower()
    if _DEVIATIONS & set(name):
        raise refuse("has a character that IDNA 2003 and 2008 encode differently. Give the name's A-label (xn--...)")
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise refuse("cannot be encoded for the DNS. Give the name's A-label (xn--...)") from None


def _verify_label(label: str, refuse: _Refuse) -> None:
    if not label:
        raise refuse("has an empty label (two dots, or a dot at the start)")
    if "*" in label:
        raise refuse("has a '*' that is not the whole leftmost label")
    if len(label) > 63:  # RFC 1035 section 2.3.4
        raise refuse(f"has a label that is too long: {len(label)} characters, at most 63 are allowed")
    if not _LABEL.fullmatch(label):
        raise refuse("has a character that is not allowed there. Use letters, digits and inner hyphens")


def _quote(name: str) -> str:
    return repr(shortened(name))
