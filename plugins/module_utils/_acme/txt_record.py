# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TXT records that prove control of a name by DNS: dns-01, dns-account-01, dns-persist-01."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from .._common import base64url
from .._common.contracts import TxtRecord
from .errors import AcmeError, ProtocolError
from .issuer_names import ISSUER

#: Drafts of dns-persist-01 with the account's URL in the record (00, 01), and with a hash over it (02).
PERSIST_DRAFTS = ("01", "02")
# It is from the CA and a part of a record, where semicolons and blanks separate parts (RFC 8659 section 4.2).
_URI = re.compile(r"[!-:<-~]+")
_PERSISTENT = "_validation-persist."


@dataclass(frozen=True)
class PersistentAccount:
    """The account that a dns-persist-01 record allows to order: the CA's issuer domain name, and the account's URL.

    hash_prefix: accountHashPrefix of the directory, for draft 02; thumbprint: that of the account key (RFC 7638).
    """

    issuer: str
    account_uri: str
    draft: str = "01"
    thumbprint: str = ""
    hash_prefix: str = ""


def dns_01(domain: str, key_authorization: str) -> TxtRecord:
    """Return the record for dns-01 (RFC 8555 section 8.4). *domain*: the identifier without "*."."""
    return TxtRecord(f"_acme-challenge.{domain}", digest(key_authorization))


def dns_account_01(domain: str, key_authorization: str, account_uri: str) -> TxtRecord:
    """Return the record for dns-account-01 (draft-ietf-acme-dns-account-label section 3.1).

    Each account has a label of its own, so several accounts can prove control at the same time.
    """
    label = base64.b32encode(hashlib.sha256(account_uri.encode()).digest()[:10]).decode().lower()
    return TxtRecord(f"_{label}._acme-challenge.{domain}", digest(key_authorization))


def dns_persist_01(
    domain: str, account: PersistentAccount, wildcard: bool = False, persist_until: int | None = None
) -> TxtRecord:
    """Return the record for dns-persist-01 (draft-ietf-acme-dns-persist section 4).

    *persist_until*: a UNIX time in seconds, after which the CA ignores the record. Raises AcmeError for an account that
    cannot be written in a record.
    """
    if not ISSUER.fullmatch(account.issuer):
        raise ProtocolError("the CA's issuer domain name for dns-persist-01 is not a domain name")
    uri = _hashed(domain, account) if account.draft == "02" else account.account_uri
    if not _URI.fullmatch(uri):
        raise AcmeError(f"the account URL '{uri[:80]}' has characters that a TXT record for dns-persist-01 cannot have")
    value = f"{account.issuer}; accounturi={uri}"
    if wildcard:
        value += "; policy=wildcard"
    if persist_until is not None:
        value += f"; persistUntil={persist_until}"
    return TxtRecord(f"{_PERSISTENT}{domain}", value)


def is_persistent(name: str) -> bool:
    """Return True if a record of this name is one for dns-persist-01."""
    return name.startswith(_PERSISTENT)


def grants(value: str, now: datetime) -> set[str]:
    """Return what a published dns-persist-01 record grants *now*, as values of dns_persist_01() without an end.

    The record may have more parameters than needed, in another order: a policy, or an end in the future.
    """
    issuer, *rest = (part.strip(" \t") for part in value.split(";"))
    parameters = {tag.lower(): text for tag, _equals, text in (part.partition("=") for part in rest)}
    until = parameters.get("persistuntil")
    over = until is not None and not (until.isdecimal() and len(until) < 16 and int(until) > now.timestamp())
    if "" in parameters or len(parameters) != len(rest) or over or not parameters.get("accounturi"):
        return set()
    granted = f"{issuer.lower()}; accounturi={parameters['accounturi']}"
    wildcard = parameters.get("policy", "").lower() == "wildcard"
    return {granted, f"{granted}; policy=wildcard"} if wildcard else {granted}


def _hashed(domain: str, account: PersistentAccount) -> str:
    # draft-ietf-acme-dns-persist-02 section 4.1: the length of the name, the name, the thumbprint, the account's URL.
    # The name is in lower case, with A-labels and without a dot at its end, as identifiers are.
    if not account.hash_prefix:
        raise AcmeError("the CA's directory has no accountHashPrefix, which draft 02 of dns-persist-01 needs")
    name = domain.encode("ascii")
    digest = hashlib.sha256(bytes([len(name)]) + name + account.thumbprint.encode() + account.account_uri.encode())
    return f"{account.hash_prefix}sha-256/{base64url.encode(digest.digest())}"


def digest(key_authorization: str) -> str:
    """Return the value of a record for dns-01 or dns-account-01 (RFC 8555 section 8.4)."""
    return base64url.encode(hashlib.sha256(key_authorization.encode()).digest())
