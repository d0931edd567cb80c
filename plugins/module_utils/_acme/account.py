# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts (RFC 8555 section 7.3)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from .._common.statuses import Status
from .client import Client
from .directory import Directory
from .errors import AcmeError, ProblemError, ProtocolError, TransportError
from .http import Response
from .jws import AccountKey, external_account_binding

_OVER = "it cannot be used again; take another account key (account_key_src, acme_account_key_src)"


@dataclass(frozen=True)
class ExternalAccount:
    """What a CA that has customers hands out for a new ACME account: a key id and an HMAC key (base64url)."""

    kid: str
    hmac_key: str


@dataclass(frozen=True)
class Account:
    """An account as the CA tells it."""

    url: str
    status: str
    contact: tuple[str, ...] = ()
    created: bool = False

    @classmethod
    def _read(cls, url: str, answer: Response, created: bool = False) -> Account:
        document = answer.json()
        contact = document.get("contact")
        return cls(
            url=url,
            # Absent in answers of some CAs; an account that may not be used is refused with a problem instead.
            status=str(document.get("status") or "valid"),
            contact=tuple(str(item) for item in contact) if isinstance(contact, list) else (),
            created=created,
        )


def find(client: Client, url: str | None = None) -> Account | None:
    """The key's account, None if it has none (RFC 8555 section 7.3.1). Leaves the account URL with the client.

    Given its *url*, the account there. Raises ProblemError where it is another key's.
    """
    try:
        if url:
            return read(client, url)
        return _new_account(client, {"onlyReturnExisting": True}, "account look-up")
    except ProblemError as error:
        if error.problem.type == "accountDoesNotExist":
            return None
        raise


def find_or_create(
    client: Client,
    contact: Sequence[str] = (),
    terms_agreed: bool = False,
    external_account: ExternalAccount | None = None,
) -> Account:
    """The key's account, made if there is none: one request either way where the CA wants no external account.

    Raises AcmeError for terms not agreed to and for an external account that is wanted and not given.
    """
    directory = client.directory
    refused = refusal(directory, terms_agreed, external_account)
    if refused or external_account:
        # A binding may be good for one use: it goes out with a new account only.
        with _advice():
            existing = find(client)
        if existing:
            return _require_valid(existing)
    if refused:
        raise AcmeError(refused)
    payload: dict[str, Any] = {"contact": list(contact), "termsOfServiceAgreed": terms_agreed}
    if external_account:
        payload["externalAccountBinding"] = external_account_binding(
            client.key, directory.new_account, external_account.kid, external_account.hmac_key
        )
        return _require_valid(_new_account(client, payload, "account registration"))
    with _advice():
        return _require_valid(_new_account(client, payload, "account registration"))


def update_contact(client: Client, account: Account, contact: Sequence[str]) -> Account:
    """Replace the account's contacts (RFC 8555 section 7.3.2)."""
    answer = client.post(account.url, {"contact": list(contact)}, "contact update")
    return Account._read(account.url, answer)


def read(client: Client, url: str) -> Account:
    """The account at *url*, which must belong to the client's key."""
    client.account_url = url
    return Account._read(url, client.post_as_get(url, "account"))


def deactivate(client: Client, account: Account) -> Account:
    """Give a valid account up for good (RFC 8555 section 7.3.6): nothing can be ordered or revoked with it any more."""
    try:
        answer = client.post(account.url, {"status": "deactivated"}, "account deactivation")
    except ProblemError as error:
        if not is_gone(error):
            raise
        # A post that is repeated because its answer was lost.
        return replace(account, status="deactivated")
    return Account._read(account.url, answer)


def is_gone(error: AcmeError) -> bool:
    """Whether a key's own account is refused because it was deactivated (RFC 8555 section 7.3.6) or revoked."""
    return isinstance(error, ProblemError) and error.problem.type == "unauthorized"


def change_key(client: Client, account: Account, new_key: AccountKey) -> Client:
    """Give the account another key (RFC 8555 section 7.3.5); returns the voice of that key, which the CA knows by now.

    Raises AcmeError where the account keeps its key, or where the CA does not say which it has.
    """
    url = key_change_url(client.directory)
    payload = json.dumps({"account": account.url, "oldKey": client.key.public_jwk}).encode()
    changed = client.with_key(new_key)
    try:
        client.post(url, json.loads(new_key.sign(url, payload, nonce=None, kid=None)), "key change")
    except (ProblemError, TransportError):
        # A post that is repeated because its answer was lost comes with a key that is the account's no more.
        if not _has(changed, account):
            raise
    else:
        if not _has(changed, account):
            raise ProtocolError(f"{client.directory.url} took the new key of {account.url}, and does not know it")
    return changed


def key_change_url(directory: Directory) -> str:
    """Where a CA changes keys. Raises ProtocolError for one that does not."""
    if not directory.key_change:
        raise ProtocolError(f"{directory.url} offers no change of an account's key")
    return directory.key_change


def _has(client: Client, account: Account) -> bool:
    found = find(client)
    return found is not None and found.url == account.url


def refusal(directory: Directory, terms_agreed: bool, external_account: ExternalAccount | None) -> str:
    """Why no account can be made with what is given; empty if one can."""
    if directory.external_account_required and external_account is None:
        return (
            f"{directory.url} wants an external account binding for a new account: "
            "get a key id and an HMAC key from the CA and set eab (acme_eab)"
        )
    if directory.terms_of_service and not terms_agreed:
        return (
            f"{directory.url} wants its terms agreed to before it makes an account: "
            f"read {directory.terms_of_service} and set terms_agreed (acme_terms_agreed) to true"
        )
    return ""


def _new_account(client: Client, payload: Mapping[str, Any], what: str) -> Account:
    answer = client.post(client.directory.new_account, payload, what, with_jwk=True)
    location = answer.headers.get("Location")
    if not location:
        raise ProtocolError(f"{client.directory.new_account} gave no account URL")
    account = Account._read(client.http.verify_url(location), answer, created=answer.status == 201)
    client.account_url = account.url
    return account


@contextmanager
def _advice() -> Iterator[None]:
    """Says what to do where the CA refuses the key as its account was given up, as Boulder does."""
    try:
        yield
    except ProblemError as error:
        if not is_gone(error):
            raise
        raise AcmeError(f"{error}: if the account was deactivated or revoked, {_OVER}") from None


def _require_valid(account: Account) -> Account:
    if account.status != Status.VALID:
        raise AcmeError(f"the CA has marked account {account.url} as {account.status}: {_OVER}")
    return account
