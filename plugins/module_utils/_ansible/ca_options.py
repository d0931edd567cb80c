# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of modules that say which CAs and which accounts: their specs, and clients for the CAs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._acme.account import Account, ExternalAccount, find, find_or_create, refusal
from .._acme.client import Client
from .._acme.concurrency import Connections
from .._acme.directory import Directory
from .._acme.errors import AcmeError, NoAccountError
from .._acme.http import Http
from .._acme.jws import AccountKey
from .._acme.registration import contacts
from .._common.clock import Clock
from .._common.names import ACCOUNT_KEY_TYPES
from .cas import DEFAULT, FAIL, STRICT, WARN, Ca
from .key_files import key_would_be_made, load_key

DIRECTORY_SPEC: dict[str, Any] = {
    # cas.py parses it: a CA is a text or a mapping, which no other type can say.
    "acme_directory": {"type": "raw", "required": True},
    "ca_path": {"type": "path"},
    "request_timeout": {"type": "int", "default": 30},
}

PERMISSIONS_SPEC: dict[str, Any] = {"type": "str", "default": STRICT, "choices": [STRICT, WARN], "no_log": False}

ACCOUNT_KEY_SPEC: dict[str, Any] = {
    "account_key_src": {"type": "path"},
    "account_key_content": {"type": "str", "no_log": True},
    "account_key_passphrase": {"type": "str", "no_log": True},
    "account_key_permissions": PERMISSIONS_SPEC,
    "account_uri": {"type": "str"},
    "new_account_key_content": {"type": "str", "no_log": True},
    "new_account_key_passphrase": {"type": "str", "no_log": True},
}

#: Of modules that use an account.
ACCOUNT_SPEC = {**DIRECTORY_SPEC, **ACCOUNT_KEY_SPEC}

NEW_ACCOUNT_SPEC: dict[str, Any] = {
    "account_key_create": {"type": "bool", "default": False, "no_log": False},
    "account_key_type": {"type": "str", "default": "ec256", "choices": list(ACCOUNT_KEY_TYPES), "no_log": False},
    "contact": {"type": "list", "elements": "str", "default": []},
    "terms_agreed": {"type": "bool", "default": False},
    "eab": {
        "type": "dict",
        "options": {
            "kid": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": True},
        },
    },
}


#: Of modules that download certificates.
CHAIN_SPEC: dict[str, Any] = {
    "preferred_chain": {"type": "list", "elements": "str", "default": []},
    "preferred_chain_missing": {"type": "str", "default": FAIL, "choices": [FAIL, DEFAULT]},
}


@contextmanager
def open_directory(ca: Ca, connections: Connections | None = None) -> Iterator[tuple[Http, Directory]]:
    """Open a session with the CA, and fetch its directory. Raises AcmeError."""
    kept = connections.bound if connections else 1
    http = Http(Clock(), ca.directory, ca.ca_path, ca.request_timeout, kept)
    try:
        yield http, Directory.fetch(http, ca.directory)
    finally:
        http.close()


@contextmanager
def open_client(ca: Ca, connections: Connections | None = None, key: AccountKey | None = None) -> Iterator[Client]:
    """Open a client for the account key, or for *key*, such as a certificate's. No account is looked up."""
    key = key or load_key(ca.key)
    with open_directory(ca, connections) as (http, directory):
        yield _with_its_key(Client(http, directory, key, connections), ca)


@contextmanager
def open_customer(ca: Ca, connections: Connections | None = None) -> Iterator[Client]:
    """Open a client for the account key, and make the key first if the options say so."""
    key = None if key_would_be_made(ca) else load_key(ca.key)
    with open_directory(ca, connections) as (http, directory):
        if key is None:
            # A new key has no account. If the CA would refuse one, no key is left behind.
            verify_new_account(directory, ca)
            key = load_key(ca.key, create=True)
        yield _with_its_key(Client(http, directory, key, connections), ca)


def _with_its_key(client: Client, ca: Ca) -> Client:
    """Return the client, with the new key if the CA already has that: a change of keys may have been killed."""
    if client.key.successor is None:
        return client
    changed = client.with_key(client.key.successor)
    if changed.key.thumbprint == client.key.thumbprint:
        return changed  # it has replaced the old one
    found = find(changed)
    return changed if found and ca.account_uri in (None, found.url) else client


def open_account(client: Client, ca: Ca) -> Account:
    """Return the account: at its URL if that is given, else the one of the key, made if the key has none."""
    if ca.account_uri:
        client.account_uri = ca.account_uri
        return Account(ca.account_uri, "valid")
    return find_or_create(client, contacts(ca.contact or ()), ca.terms_agreed, _external_account(ca))


def verify_new_account(directory: Directory, ca: Ca) -> None:
    """Raise AcmeError if the CA would refuse an account with these options, as far as its directory says so."""
    refused = refusal(directory, ca.terms_agreed, _external_account(ca))
    if refused:
        raise AcmeError(refused)


def _external_account(ca: Ca) -> ExternalAccount | None:
    return ExternalAccount(*ca.eab) if ca.eab else None


def use_account(client: Client, account_uri: str | None) -> None:
    """Use an account that exists. Raises AcmeError if the key has none."""
    if account_uri:
        client.account_uri = account_uri
    elif find(client) is None:
        raise NoAccountError(f"{client.directory.url} knows no account of this key: make it first (acme_account)")
