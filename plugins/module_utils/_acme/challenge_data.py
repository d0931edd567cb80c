# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data of a challenge that hosts and DNS providers need to answer it."""

from __future__ import annotations

from .._common import contracts
from .._common.contracts import TxtRecord
from .._common.identifiers import DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01, HTTP_01, IdentifierError, normalize
from .._common.statuses import Status
from . import issuer_names
from .authorization import Authorization
from .challenge import Challenge
from .client import Client
from .errors import AcmeError, ProtocolError
from .txt_record import PERSIST_DRAFTS, PersistentAccount, dns_01, dns_account_01, dns_persist_01


def describe(
    client: Client, authorization: Authorization, kind: str, status: Status | None = None
) -> contracts.ChallengeData:
    """Return the data of the challenge of a *kind*. *status* replaces its own status. Raises AcmeError."""
    challenge = authorization.challenge(kind)
    if kind != HTTP_01:
        _verify_identifier(authorization, kind)
    persistent = kind == DNS_PERSIST_01  # which has no token
    key_authorization = "" if persistent else challenge.key_authorization(client.key)
    record = _record(client, authorization, challenge, key_authorization)
    return contracts.ChallengeData(
        type=challenge.type,
        identifier=authorization.identifier,
        url=challenge.url,
        status=status or challenge.status,
        token="" if persistent else challenge.token,
        key_authorization=key_authorization,
        record_name=record.name,
        record_value=record.value,
        wildcard=authorization.wildcard,
    )


def _verify_identifier(authorization: Authorization, kind: str) -> None:
    """Raise ProtocolError for an identifier that no host could answer for: it must not stop the host's other orders."""
    try:
        if normalize(authorization.identifier).startswith("*."):  # RFC 8555 section 7.1.4
            raise IdentifierError(f"identifier '{authorization.identifier}' is a wildcard")
    except IdentifierError as error:
        raise ProtocolError(f"the authorization {authorization.url} cannot be proved by {kind}: {error}") from None


def _record(client: Client, authorization: Authorization, challenge: Challenge, key_authorization: str) -> TxtRecord:
    domain, account_uri = authorization.identifier, client.account_uri or ""
    if challenge.type == DNS_01:
        return dns_01(domain, key_authorization)
    if challenge.type == DNS_ACCOUNT_01:
        return dns_account_01(domain, key_authorization, account_uri)
    if challenge.type == DNS_PERSIST_01:
        return dns_persist_01(domain, _account(client, challenge, account_uri), authorization.wildcard)
    return TxtRecord("", "")


def _account(client: Client, challenge: Challenge, account_uri: str) -> PersistentAccount:
    if not challenge.persist_draft or client.persist_draft not in (None, challenge.persist_draft):
        spoken = f"the draft {challenge.persist_draft}" if challenge.persist_draft else "no draft known here"
        asked = f", and {client.persist_draft} is asked for" if client.persist_draft else ""
        raise AcmeError(
            f"the CA's dns-persist-01 follows {spoken}{asked} (known: {', '.join(PERSIST_DRAFTS)}); "
            "use dns-01, or set dns_persist_draft (acme_dns_persist_draft)"
        )
    return PersistentAccount(
        issuer_names.choose(challenge.issuers, client.directory, challenge.persist_draft),
        account_uri,
        challenge.persist_draft,
        client.key.thumbprint,
        client.directory.account_hash_prefix,
    )
