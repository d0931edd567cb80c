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
from .._common.text import one_line
from .client import Client
from .directory import Directory
from .errors import AcmeError, KeyRefusedError, ProblemError, ProtocolError, TransportError
from .http import Response, texts
from .jws import AccountKey, external_account_binding
from .registration import OTHER_KEY, advice


@dataclass(frozen=True)
class ExternalAccount:
    """An external account: the key id and the text of the HMAC key that a CA gives to its customers."""

    kid: str
    hmac_key: str


@dataclass(frozen=True)
class Account:
    """An account, as the CA describes it. contact: None if the answer does not have it; with_contacts() asks then."""

    url: str
    status: str
    contact: tuple[str, ...] | None = None
    is_new: bool = False

    @classmethod
    def _read(cls, url: str, answer: Response, is_new: bool = False) -> Account:
        document = answer.json()
        contact = document.get("contact")
        return cls(
            url=url,
            # Some CAs leave it out; they refuse an account that may not be used with a problem document.
            status=str(document.get("status") or "valid"),
            contact=texts(contact) if isinstance(contact, list) else None,
            is_new=is_new,
        )


def find(client: Client, url: str | None = None) -> Account | None:
    """Return the account of the client's key, None if there is none (RFC 8555 section 7.3.1). Sets client.account_uri.

    *url*: that of the account, if it is known. Raises ProblemError if it belongs to another key.
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
    """Return the account of the client's key, and create it if there is none.

    That is one request, unless the CA requires an external account. Raises AcmeError if the terms of service are not
    agreed to, or if a required external account is missing.
    """
    directory = client.directory
    refused = refusal(directory, terms_agreed, external_account)
    if refused or external_account:
        # A binding may be valid for one use only: it is sent only for a new account.
        with _advised():
            existing = find(client)
        if existing:
            return require_valid(existing)
    if refused:
        raise AcmeError(refused)
    payload: dict[str, Any] = {"contact": list(contact), "termsOfServiceAgreed": terms_agreed}
    if external_account:
        payload["externalAccountBinding"] = external_account_binding(
            client.key, directory.new_account, external_account.kid, external_account.hmac_key
        )
    with _advised(contact, has_binding=external_account is not None):
        return require_valid(_new_account(client, payload, "account registration"))


def update_contact(client: Client, account: Account, contact: Sequence[str]) -> Account:
    """Replace the account's contacts (RFC 8555 section 7.3.2), and return it with those that the CA has stored."""
    with _advised(contact):
        answer = client.post(account.url, {"contact": list(contact)}, "contact update", verify=Response.json)
    return with_contacts(client, Account._read(account.url, answer))


def read(client: Client, url: str) -> Account:
    """Return the account at *url*, which must belong to the client's key, with its contacts."""
    client.account_uri = url
    account = Account._read(url, client.post_as_get(url, "account"))
    return replace(account, contact=account.contact or ())


def with_contacts(client: Client, account: Account) -> Account:
    """Return the account with its contacts, and read it if the CA's answer did not have them.

    Some CAs answer newAccount for a known key with an empty document.
    """
    return account if account.contact is not None else read(client, account.url)


def deactivate(client: Client, account: Account) -> Account:
    """Deactivate a valid account (RFC 8555 section 7.3.6). It can never again order or revoke anything.

    Raises AcmeError if it is not deactivated afterwards: some CAs answer 200 and ignore the request.
    """
    refused = None
    try:
        deactivated = {"status": Status.DEACTIVATED}
        answer = client.post(account.url, deactivated, "account deactivation", verify=Response.json)
        if Account._read(account.url, answer).status == Status.DEACTIVATED:
            return replace(account, status=Status.DEACTIVATED)
    except ProblemError as error:
        if not is_gone(error):
            raise
        # The request may have been repeated because its first answer was lost.
        refused = error
    try:
        found = read(client, account.url)
    except ProblemError as error:
        if not is_gone(error):
            raise
        return replace(account, status=Status.DEACTIVATED)
    if found.status == Status.DEACTIVATED:
        return found
    raise refused or AcmeError(
        f"account {account.url} is not deactivated: the CA accepted the request, and the account is still "
        f"{one_line(found.status, 40)}. Ask the CA to deactivate it"
    )


def is_gone(error: AcmeError) -> bool:
    """Return True if the CA refused a key because its account was deactivated (RFC 8555 section 7.3.6) or revoked."""
    return isinstance(error, ProblemError) and error.problem.type == "unauthorized"


def change_key(client: Client, account: Account, new_key: AccountKey) -> Client:
    """Change the account's key (RFC 8555 section 7.3.5), and return a client with the new key.

    Raises KeyRefusedError if the account certainly keeps its key, else AcmeError if the CA does not know the new one.
    """
    url = key_change_url(client.directory)
    payload = json.dumps({"account": account.url, "oldKey": client.key.public_jwk}).encode()
    changed = client.with_key(new_key)
    try:
        client.post(url, json.loads(new_key.sign(url, payload, nonce=None, kid=None)), "key change")
    except (ProblemError, TransportError) as error:
        # If the request was repeated because its first answer was lost, the old key is no longer the account's.
        if _has(changed, account):
            return changed
        # Without an answer, and after a server error, the CA may still be at work on it.
        if isinstance(error, ProblemError) and error.problem.status < 500 and not error.is_repeated:
            raise KeyRefusedError(str(error)) from None
        raise
    if not _has(changed, account):
        raise ProtocolError(f"{client.directory.url} accepted the new key of {account.url}, but does not know it")
    return changed


def key_change_url(directory: Directory) -> str:
    """Return the URL for key changes. Raises ProtocolError if the CA has none."""
    if not directory.key_change:
        raise ProtocolError(f"{directory.url} does not offer key changes (it has no keyChange)")
    return directory.key_change


def _has(client: Client, account: Account) -> bool:
    found = find(client)
    return found is not None and found.url == account.url


def refusal(directory: Directory, terms_agreed: bool, external_account: ExternalAccount | None) -> str:
    """Return why the CA would refuse to create an account; empty if it would not."""
    if directory.external_account_required and external_account is None:
        return (
            f"{directory.url} requires an external account binding for a new account: "
            "get a key id and an HMAC key from the CA and set eab (acme_eab)"
        )
    if directory.terms_of_service and not terms_agreed:
        return (
            f"{directory.url} requires agreement to its terms of service for a new account: "
            f"read {directory.terms_of_service} and set terms_agreed (acme_terms_agreed) to true"
        )
    return ""


def _new_account(client: Client, payload: Mapping[str, Any], what: str) -> Account:
    answer = client.post(client.directory.new_account, payload, what, with_jwk=True, verify=Response.json)
    account = Account._read(client.created_url(answer, "account"), answer, is_new=answer.status == 201)
    client.account_uri = account.url
    return account


@contextmanager
def _advised(contact: Sequence[str] = (), has_binding: bool = False) -> Iterator[None]:
    """Add to a CA's refusal what to do about it. *contact* and *has_binding*: what the request has."""
    try:
        yield
    except ProblemError as error:
        what_to_do = "" if error.is_temporary else advice(error.problem, contact, has_binding)
        if not what_to_do:
            raise
        raise AcmeError(f"{str(error).rstrip('.')}. {what_to_do}") from None


def require_valid(account: Account) -> Account:
    if account.status != Status.VALID:
        raise AcmeError(f"the CA has marked account {account.url} as {account.status}: {OTHER_KEY}")
    return account
