# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Identifiers as they are compared and ordered, and how control of each is proved. Standard library only.

A DNS name is compared as A-labels, in lower case, without a trailing dot; an IP address in its shortest form.
Controller and hosts have to come to the same result, so both use the codec that every Python has (IDNA 2003), and the
few characters that IDNA 2008 maps otherwise are refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from .errors import CollectionError
from .text import suggestion

HTTP_01, DNS_01, TLS_ALPN_01 = "http-01", "dns-01", "tls-alpn-01"
DNS_ACCOUNT_01, DNS_PERSIST_01 = "dns-account-01", "dns-persist-01"
#: The challenges that are proved by a TXT record.
BY_DNS = (DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01)
CHALLENGES = (HTTP_01, *BY_DNS, TLS_ALPN_01)

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
# RFC 5892 appendix A.1, A.2 and UTS #46 section 7: sharp s, final sigma, the joiners.
_DEVIATIONS = frozenset("\u00df\u1e9e\u03c2\u200c\u200d")


class IdentifierError(CollectionError, ValueError):
    """A name that cannot be ordered. str() says which and what is wrong."""


_Refuse = Callable[[str], IdentifierError]


class Identifier(NamedTuple):
    """A name or address (normalized), the challenge that proves control of it, and its own webroot, if it has one."""

    name: str
    challenge: str
    webroot: str | None = None


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
    ascii_name = name if ":" in name else _to_ascii(name, refuse).removesuffix(".")
    if ":" in name or _IPV4.fullmatch(ascii_name):
        return _address(ascii_name, refuse)
    if len(ascii_name) > 253:  # RFC 1035 section 2.3.4, without the root's label
        raise refuse(f"is too long: {len(ascii_name)} characters, at most 253 are allowed")
    labels = ascii_name.split(".")
    if labels[0] == "*" and len(labels) > 1:  # RFC 8555 section 7.1.3: leftmost label only
        labels = labels[1:]
        if is_address(".".join(labels)):
            raise refuse("has a wildcard below an IP address")
    for label in labels:
        _check_label(label, refuse)
    return ascii_name


def canonical(text: str) -> str:
    """The form in which *text* is compared, also where it cannot be ordered: as a CA or a certificate may have it."""
    try:
        return normalize(text)
    except IdentifierError:
        return text.lower()


def is_address(name: str) -> bool:
    """Whether a normalized identifier is an IP address (RFC 8738) and not a DNS name."""
    return ":" in name or bool(_IPV4.fullmatch(name))


def parse_identifiers(identifiers: Iterable[Any], challenge: str) -> list[Identifier]:
    """*identifiers* normalized, each once, in their order, with its own challenge or else *challenge*.

    One is a text, or a mapping of value, challenge and webroot. Raises IdentifierError for what cannot be proved so.
    """
    found: dict[str, Identifier] = {}
    for item in identifiers:
        identifier = _identifier(item, challenge)
        if found.setdefault(identifier.name, identifier) != identifier:
            raise IdentifierError(f"identifier {_shown(identifier.name)} is given twice, and not alike")
    if not found:
        raise IdentifierError("no identifiers are given")
    return list(found.values())


def names(identifiers: Iterable[Identifier]) -> list[str]:
    """The names and addresses alone."""
    return [identifier.name for identifier in identifiers]


def _identifier(item: Any, challenge: str) -> Identifier:
    own: Mapping[str, Any] = item if isinstance(item, Mapping) else {"value": item}
    unknown = sorted(set(map(str, own)) - {"value", "challenge", "webroot"})
    if unknown or not isinstance(own.get("value"), str):
        keys = ("value", "challenge", "webroot")
        what = f"has {unknown[0]!r}{suggestion(unknown[0], keys)}" if unknown else "has no text as its value"
        raise IdentifierError(f"an identifier {what}: give a name, or a mapping of value, challenge and webroot")
    identifier = Identifier(normalize(own["value"]), own.get("challenge") or challenge, own.get("webroot") or None)
    problem = _unprovable(identifier)
    if problem:
        raise IdentifierError(f"identifier {_shown(identifier.name)} {problem}")
    return identifier


def _unprovable(identifier: Identifier) -> str:
    """Why the identifier's challenge cannot prove control of it; empty if it can."""
    name, challenge = identifier.name, identifier.challenge
    if challenge not in CHALLENGES:
        near = suggestion(challenge, CHALLENGES)
        return f"has the challenge {_shown(str(challenge))}, which is not one of {', '.join(CHALLENGES)}{near}"
    by_dns = challenge in BY_DNS
    if is_address(name):
        # RFC 8738 section 7
        return f"is an IP address, which {challenge} cannot prove: it needs http-01 or tls-alpn-01" if by_dns else ""
    if name.endswith(".onion"):
        # RFC 9799 section 3: there is no DNS for these; a wildcard needs a challenge of their own.
        if name.startswith("*."):
            return "is a wildcard below .onion: only onion-csr-01 proves that, which is not known here"
        return f"is an onion service, which {challenge} cannot prove: use http-01 or tls-alpn-01" if by_dns else ""
    # RFC 8555 section 8.3, RFC 8737 section 3: neither can prove a wildcard.
    if name.startswith("*.") and not by_dns:
        return f"is a wildcard, which {challenge} cannot prove: a wildcard needs dns-01"
    return ""


def _address(text: str, refuse: _Refuse) -> str:
    try:
        if "%" in text:  # a zone index means nothing beyond its host
            raise ValueError
        address = ipaddress.ip_address(text)
    except ValueError:
        raise refuse("is not an IP address: give it without brackets, port and zone") from None
    if address.version == 6 and address.ipv4_mapped:  # which newer Pythons write otherwise than older ones
        raise refuse(f"is the IPv4 address {address.ipv4_mapped}: give that")
    return address.compressed


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
