# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CAA records: do they allow a CA (RFC 8659), an account and a challenge type (RFC 8657) to issue a certificate?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .._common.identifiers import is_address
from .resolver import Resolver

_ISSUE, _ISSUEWILD = "issue", "issuewild"
# RFC 8659 section 4.4; CAs that issue no certificates for mail know RFC 9495, too.
_KNOWN = (_ISSUE, _ISSUEWILD, "iodef", "issuemail")
_CRITICAL = 128  # RFC 8659 section 4.1: bit 0 is the highest
# RFC 8659 section 4.2; a parameter's tag has the form of a label, too.
_LABEL = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
_PARAMETER = re.compile(rf"[ \t]*({_LABEL})[ \t]*=[ \t]*([!-:<-~]*)[ \t]*")
_ISSUER = re.compile(rf"[ \t]*((?:{_LABEL}(?:\.{_LABEL})*)?)[ \t]*")
_METHODS = re.compile(r"(?:[A-Za-z0-9-]+(?:,[A-Za-z0-9-]+)*)?")  # RFC 8657 section 4


@dataclass(frozen=True)
class Caa:
    """One CAA record: a property with its flags."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True)
class PlannedIssuance:
    """The issuance that CAA records have to allow.

    ca_identities: the names of the CA, from caaIdentities of its directory; if there are none, it may have any name.
    account_uri and method (a challenge type): those of the order; empty if they are not known yet.
    """

    wildcard: bool
    ca_identities: Collection[str]
    account_uri: str
    method: str

    @property
    def identities(self) -> set[str]:
        """Return the names of the CA as they are compared."""
        return {identity.lower().removesuffix(".") for identity in self.ca_identities}


@dataclass(frozen=True)
class _Property:
    """The value of an issue or issuewild property: an issuer's domain name in lower case, and parameters.

    The issuer is empty if the value names none or is malformed.
    """

    issuer: str
    parameters: Sequence[tuple[str, str]] = ()

    def parameter(self, tag: str) -> list[str]:
        """Return all values of a parameter."""
        return [value for name, value in self.parameters if name == tag]


def find_refusal(resolver: Resolver, identifier: str, planned: PlannedIssuance) -> str:
    """Return why CAA forbids the issuance for *identifier* (without "*."), in one line; empty if it allows it.

    IP addresses and .onion names have no CAA records. Raises QuestionError if a look-up fails.
    """
    if is_address(identifier) or f".{identifier}".endswith(".onion"):
        return ""
    for name in _climb(identifier):
        records = [
            Caa(record.flags, record.tag.decode("ascii", "replace"), record.value.decode("ascii", "replace"))
            for record in resolver.look_up(name, "CAA")
        ]
        if records:
            reason = refusal(records, planned)
            return f"CAA of {name} {reason}" if reason else ""
    return ""


def refusal(records: Sequence[Caa], planned: PlannedIssuance) -> str:
    """Return why *records*, the relevant CAA set, forbid the issuance, as the rest of "CAA of NAME"; empty if not."""
    # RFC 8659 section 4.1
    unknown = next((item.tag for item in records if item.flags & _CRITICAL and item.tag.lower() not in _KNOWN), "")
    if unknown:
        return f"has the critical property {unknown!r}, which a CA must know to issue"
    wild = _values(records, _ISSUEWILD) if planned.wildcard else []
    # RFC 8659 section 4.3: for a wildcard, and for nothing else, issuewild replaces issue.
    values = wild or _values(records, _ISSUE)
    if not values:
        return ""
    properties = [_parse(value) for value in values]
    identities = planned.identities
    ours = [item for item in properties if item.issuer and (not identities or item.issuer in identities)]
    reasons = [_restriction(item, planned) for item in ours]
    if "" in reasons:
        return ""
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    return _other_issuers(properties, planned, "wildcard certificates" if wild else "certificates")


def _values(records: Iterable[Caa], tag: str) -> list[str]:
    return [record.value for record in records if record.tag.lower() == tag]


def _other_issuers(properties: Iterable[_Property], planned: PlannedIssuance, what: str) -> str:
    others = list(dict.fromkeys(item.issuer for item in properties if item.issuer))
    if not others:
        return f"forbids {what} by any CA"
    return f"allows {what} only by {', '.join(others)}; this CA is {', '.join(sorted(planned.identities))}"


def _restriction(allowed: _Property, planned: PlannedIssuance) -> str:
    """Return why the parameters of RFC 8657 forbid the account or the method; empty if they allow both."""
    accounts = allowed.parameter("accounturi")
    # RFC 8657 section 3: with more than one, none is valid; URIs are compared as strings.
    if len(accounts) > 1:
        return "has more than one accounturi, so no account matches"
    if accounts and planned.account_uri and accounts[0] != planned.account_uri:
        return f"allows only the account {accounts[0] or '(empty)'}; this one is {planned.account_uri}"
    methods = allowed.parameter("validationmethods")
    # RFC 8657 section 4
    if len(methods) > 1 or not all(_METHODS.fullmatch(value) for value in methods):
        return "has invalid validationmethods: only one list is allowed, with commas and without blanks"
    if methods and planned.method and planned.method not in methods[0].split(","):
        return f"allows only {methods[0] or 'no'} validation, not {planned.method}"
    return ""


def _parse(value: str) -> _Property:
    issuer_text, _semicolon, rest = value.partition(";")
    issuer = _ISSUER.fullmatch(issuer_text)
    texts = rest.split(";") if rest.strip(" \t") else []
    parameters = [_PARAMETER.fullmatch(text) for text in texts]
    # RFC 8659 section 4.2: a malformed value counts as one without an issuer, which allows nobody.
    if not issuer or None in parameters:
        return _Property("")
    return _Property(issuer[1].lower(), [(found[1].lower(), found[2]) for found in parameters if found])


def _climb(name: str) -> Iterator[str]:
    """Yield the name, its parent, and so on, but not the root (RFC 8659 section 3)."""
    while name:
        yield name
        name = name.partition(".")[2]
