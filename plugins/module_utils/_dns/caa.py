# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether CAA records admit a CA (RFC 8659), an account and a way of validation (RFC 8657)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from .resolver import Resolver

_ISSUE, _ISSUEWILD = "issue", "issuewild"
# RFC 8659 section 4.4; RFC 9495 is known to CAs that do not issue for mail.
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


def check(
    resolver: Resolver,
    identifier: str,
    wildcard: bool,
    ca_identities: Collection[str],
    account_uri: str,
    method: str,
) -> str:
    """Why CAA keeps the CA from issuing for *identifier* (without "*."), in one line; empty if it does not.

    The other arguments are those of refusal(). IP addresses and .onion names have no CAA records to look up.
    Raises DnsError where a look-up fails, as which it fails the CA, too.
    """
    if _has_no_caa(identifier):
        return ""
    for name in _climb(identifier):
        records = [
            Caa(record.flags, record.tag.decode("ascii", "replace"), record.value.decode("ascii", "replace"))
            for record in resolver.look_up(name, "CAA")
        ]
        if records:
            reason = refusal(records, wildcard, ca_identities, account_uri, method)
            return f"CAA of {name} {reason}" if reason else ""
    return ""


def refusal(
    records: Iterable[Caa],
    wildcard: bool,
    ca_identities: Collection[str],
    account_uri: str,
    method: str,
) -> str:
    """Why *records*, the relevant CAA set, do not admit issuance; goes on after "CAA of NAME". Empty if they do.

    ca_identities: the names that the CA goes by, of the directory's caaIdentities; none: any may be it.
    account_uri and method: of the order; where empty, they are not known yet and any will do.
    """
    records = list(records)
    for record in records:
        # RFC 8659 section 4.1
        if record.flags & _CRITICAL and record.tag.lower() not in _KNOWN:
            return f"has the critical property {record.tag!r}, which no CA may pass over that does not know it"
    issue = [record.value for record in records if record.tag.lower() == _ISSUE]
    # RFC 8659 section 4.3: for a wildcard, and for nothing else, issuewild stands in for issue.
    wild = [record.value for record in records if record.tag.lower() == _ISSUEWILD] if wildcard else []
    values = wild or issue
    if not values:
        return ""
    identities = {identity.lower().removesuffix(".") for identity in ca_identities}
    reasons, others = [], []
    for value in values:
        issuer, parameters = _parse(value)
        if not issuer or (identities and issuer not in identities):
            others += [issuer] if issuer else []
            continue
        reason = _bound(parameters, account_uri, method)
        if not reason:
            return ""
        reasons.append(reason)
    if reasons:
        return "; ".join(dict.fromkeys(reasons))
    what = "wildcards" if wild else "certificates"
    if not others:
        return f"forbids {what} by any CA"
    return f"admits {what} by {', '.join(dict.fromkeys(others))} only; this CA goes by {', '.join(sorted(identities))}"


def _bound(parameters: list[tuple[str, str]], account_uri: str, method: str) -> str:
    """Why the parameters of RFC 8657 do not admit the account and the method; empty if they do."""
    accounts = [value for tag, value in parameters if tag == "accounturi"]
    # RFC 8657 section 3: of more than one none holds; URIs are compared as strings.
    if len(accounts) > 1:
        return "binds to more than one accounturi, which no account fulfils"
    if accounts and account_uri and accounts[0] != account_uri:
        return f"admits the account {accounts[0] or '(empty)'} only; this one is {account_uri}"
    methods = [value for tag, value in parameters if tag == "validationmethods"]
    # RFC 8657 section 4
    if len(methods) > 1 or not all(_METHODS.fullmatch(value) for value in methods):
        return "has validationmethods that nothing fulfils: one list is allowed, with commas and no blanks"
    if methods and method and method not in methods[0].split(","):
        return f"admits validation by {methods[0] or 'nothing'} only, not by {method}"
    return ""


def _parse(value: str) -> tuple[str, list[tuple[str, str]]]:
    """The issuer's domain name, in lower case, and the parameters of a property; no issuer if it is malformed."""
    issuer_text, semicolon, rest = value.partition(";")
    issuer = _ISSUER.fullmatch(issuer_text)
    parameters = []
    if semicolon and rest.strip(" \t"):
        for text in rest.split(";"):
            parameter = _PARAMETER.fullmatch(text)
            if not parameter:
                return "", []
            parameters.append((parameter[1].lower(), parameter[2]))
    # RFC 8659 section 4.2: what is malformed counts as without an issuer, which admits nobody.
    return (issuer[1].lower(), parameters) if issuer else ("", [])


def _climb(name: str) -> Iterator[str]:
    """RFC 8659 section 3: the name, its parent, and so on, but not the root."""
    while name:
        yield name
        name = name.partition(".")[2]


def _has_no_caa(identifier: str) -> bool:
    if identifier == "onion" or identifier.endswith(".onion"):
        return True
    try:
        ipaddress.ip_address(identifier)
    except ValueError:
        return False
    return True
