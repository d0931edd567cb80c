# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say which CA and which account: their specs, and how they become a Client."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from ansible.module_utils.common.warnings import warn

from .._acme.account import Account, ExternalAccount, find, find_or_create, refusal
from .._acme.client import Client
from .._acme.directory import Directory
from .._acme.errors import AccountKeyError, AcmeError
from .._acme.http import Http
from .._acme.jws import KEY_TYPES, AccountKey
from .._acme.known_cas import resolve
from .._acme.registration import contacts
from .._common.atomic_file import sync_folder
from .._common.clock import Clock
from .account_key_place import ADVICE, give_name, home_problem, refuse_key_text, vanishing

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY_SPEC: dict[str, Any] = {
    "acme_directory": {"type": "str", "required": True},
    "ca_path": {"type": "path"},
    "request_timeout": {"type": "int", "default": 30},
}

_ACCOUNT_SPEC: dict[str, Any] = {
    "account_key_src": {"type": "path"},
    "account_key_content": {"type": "str", "no_log": True},
    "account_key_passphrase": {"type": "str", "no_log": True},
    "account_uri": {"type": "str"},
}

STRICT, WARN = "strict", "warn"
PERMISSIONS_SPEC: dict[str, Any] = {"type": "str", "default": STRICT, "choices": [STRICT, WARN], "no_log": False}

ACCOUNT_KEY_SPEC: dict[str, Any] = {
    **_ACCOUNT_SPEC,
    "account_key_permissions": PERMISSIONS_SPEC,
    "new_account_key_content": {"type": "str", "no_log": True},
    "new_account_key_passphrase": {"type": "str", "no_log": True},
}

NEW_ACCOUNT_SPEC: dict[str, Any] = {
    "account_key_create": {"type": "bool", "default": False, "no_log": False},
    "account_key_type": {"type": "str", "default": "ec256", "choices": list(KEY_TYPES), "no_log": False},
    "contact": {"type": "list", "elements": "str", "default": []},
    "terms_agreed": {"type": "bool", "default": False},
    "external_account_binding": {
        "type": "dict",
        "options": {
            "kid": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": True},
        },
    },
}


ALTERNATIVES_SPEC: dict[str, Any] = {
    "alternatives": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "acme_directory": {"type": "str", "required": True},
            "ca_path": {"type": "path"},
            **_ACCOUNT_SPEC,
            "contact": {"type": "list", "elements": "str"},
            "terms_agreed": {"type": "bool"},
            "external_account_binding": NEW_ACCOUNT_SPEC["external_account_binding"],
        },
    },
}
# What belongs to one CA: another that does not say it has none.
_OWN = ("ca_path", "account_uri", "external_account_binding")


def each_ca(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By the URL of its directory the options of each CA, the first choice first. Raises AcmeError.

    What ALTERNATIVES_SPEC does not say of a further one is as for the first.
    """
    refuse_key_text(params)
    found: dict[str, dict[str, Any]] = {}
    for given in [params, *params["alternatives"]]:
        said = {name: value for name, value in given.items() if value is not None or name in _OWN}
        if given["account_key_src"] and not given["account_key_content"]:
            said["account_key_content"] = None  # which would win over the file
        ca = {**params, **said}
        if key_options(ca) != key_options(params):
            ca["new_account_key_content"] = None  # which is for the first one's
        found.setdefault(resolve(given["acme_directory"]), ca)
    return found


def key_options(params: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What says which key: two CAs with the same have the same key."""
    content, path = params["account_key_content"], params["account_key_src"]
    return (content, None) if content else (None, os.path.realpath(path) if path else None)


@contextmanager
def open_directory(params: Mapping[str, Any], connections: int = 1) -> Iterator[tuple[Http, Directory]]:
    """Open a session with the CA that DIRECTORY_SPEC names, and fetch its directory. Raises AcmeError."""
    url = resolve(params["acme_directory"])
    http = Http(Clock(), url, params["ca_path"], params["request_timeout"], connections)
    try:
        yield http, Directory.fetch(http, url)
    finally:
        http.close()


@contextmanager
def open_client(params: Mapping[str, Any], key: AccountKey, connections: int = 1) -> Iterator[Client]:
    """A Client for an account's (or a certificate's) key, without having looked for an account yet."""
    with open_directory(params, connections) as (http, directory):
        yield _with_its_key(Client(http, directory, key, connections), params)


@contextmanager
def open_customer(params: Mapping[str, Any], connections: int = 1) -> Iterator[Client]:
    """A Client for the account key, which is made where NEW_ACCOUNT_SPEC says so."""
    key = None if key_would_be_made(params) else account_key(params)
    with open_directory(params, connections) as (http, directory):
        if key is None:
            # It has no account yet. If it cannot have one, that is told without leaving a key behind.
            refused = refusal(directory, params["terms_agreed"], _external_account(params))
            if refused:
                raise AcmeError(refused)
            key = account_key(params, create=True)
        yield _with_its_key(Client(http, directory, key, connections), params)


def _with_its_key(client: Client, params: Mapping[str, Any]) -> Client:
    """The client, with the new key where the CA knows that one already: a change of keys may have been killed."""
    if client.key.successor is None:
        return client
    changed = client.with_key(client.key.successor)
    if changed.key.thumbprint == client.key.thumbprint:
        return changed  # it is in the old one's place by now
    found = find(changed)
    return changed if found and params["account_uri"] in (None, found.uri) else client


def account_key(params: Mapping[str, Any], create: bool = False, kind: str = "account") -> AccountKey:
    """The account key that ACCOUNT_KEY_SPEC names. *create*: makes a file that is absent. Raises AccountKeyError.

    *kind* begins the options' names: "private" for a certificate's own key, which is never made here.
    """
    refuse_key_text(params)
    option = f"{kind}_key"
    passphrase, content, path = (params[f"{option}_{part}"] for part in ("passphrase", "content", "src"))
    new = _given_successor(params) if kind == "account" else None
    if content:
        key = AccountKey.load(content.encode(), passphrase, f"{option}_content", option)
        key.successor = new
        return key
    if not path:
        raise AccountKeyError(f"no {kind} key is given: set {option}_src or {option}_content")
    where, permissions = f"{kind} key {path}", params[f"{option}_permissions"]
    try:
        key = AccountKey.load(_read(path, option, permissions), passphrase, where, option)
        if kind == "account":
            key.successor = new or _successor(path, passphrase, permissions)
        return key
    except FileNotFoundError:
        if not create:
            hint = " and may not be made here: make the account first (acme_account), or set account_key_create"
            raise AccountKeyError(f"{where} does not exist{hint if kind == 'account' else ''}") from None
    except OSError as error:
        raise AccountKeyError(f"{where} cannot be read: {error.strerror}") from None
    return create_key(path, params["account_key_type"], passphrase, permissions)


def _read(path: str, option: str, permissions: str) -> bytes:
    """Return the content of the private key file. Raises OSError, and AccountKeyError as _check_closed() does."""
    with open(path, "rb") as file:
        _check_closed(file.fileno(), path, option, permissions)
        return file.read()


def _check_closed(handle: int, path: str, option: str, permissions: str) -> None:
    """Raise AccountKeyError if others can read the private key's open file; warn only where *permissions* say so."""
    found = os.fstat(handle)
    if not is_open_to_others(found.st_mode, found.st_uid, os.geteuid()):
        return
    role = " (acme_account_key_permissions)" if option == "account_key" else ""
    text = (
        f"{option.replace('_', ' ')} {path} is open to others: its mode is {stat.S_IMODE(found.st_mode):04o}. Run "
        f"chmod 600 {path}, and replace the key if somebody may have read it. If modes mean nothing there, set "
        f"{option}_permissions{role} to '{WARN}'"
    )
    if permissions == STRICT:
        raise AccountKeyError(text)
    _warn_once(text)


def is_open_to_others(mode: int, owner: int, user: int) -> bool:
    """Return True if a private key's file lets in more users than it should. *owner* and *user* are user IDs.

    As with ssh, the group may be let in only by somebody else than *user*: an administrator who gives a key to a group,
    or Kubernetes, which mounts secrets as root's. root could have changed it.
    """
    return bool(mode & (stat.S_IRWXO if user not in (0, owner) else stat.S_IRWXG | stat.S_IRWXO))


@cache
def _warn_once(text: str) -> None:
    """Warn in the module's result. A key is read for each CA; the warning is the same."""
    warn(text)


def _given_successor(params: Mapping[str, Any]) -> AccountKey | None:
    """The key that new_account_key_content says the account is to have, or may have by now."""
    content = params["new_account_key_content"]
    if not content:
        return None
    passphrase = params["new_account_key_passphrase"]
    return AccountKey.load(content.encode(), passphrase, "new_account_key_content", "new_account_key")


def successor_path(path: str) -> str:
    """Where the key lies that is to take the place of the one at *path*, until it has."""
    # Beside the file itself, not a link to it: the one is renamed to the other.
    return f"{os.path.realpath(path)}.new"


def _successor(path: str, passphrase: str | None, permissions: str) -> AccountKey | None:
    """The key that a change of keys has made for the account of the key at *path* and not stored, if there is one."""
    new = successor_path(path)
    try:
        return AccountKey.load(_read(new, "account_key", permissions), passphrase, f"account key {new}", "account_key")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccountKeyError(f"account key {new} cannot be read: {error.strerror}") from None


def key_would_be_made(params: Mapping[str, Any]) -> bool:
    """Return True if the account key is one that a run would make first: a check must not. Raises AccountKeyError."""
    refuse_key_text(params)
    path = params["account_key_src"]
    # An account that there is has its key.
    given = params["account_key_content"] or params["account_uri"]
    return bool(params["account_key_create"] and not given and path and not os.path.exists(path))


def create_key(path: str, key_type: str, passphrase: str | None, permissions: str) -> AccountKey:
    """A new account key at *path*, 0600 from birth, whole or not at all; another run's that was faster is taken.

    Raises AccountKeyError, also on a file system without modes: a key that the next run would refuse is not made.
    """
    if os.path.islink(path):
        raise AccountKeyError(f"account key {path} is a link to what does not exist: {os.readlink(path)}")
    problem = home_problem(path)
    if problem:
        raise AccountKeyError(problem)
    key = AccountKey.generate(key_type)
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=folder, prefix=".account-key-")
        try:
            with os.fdopen(handle, "wb") as file:
                _check_closed(file.fileno(), path, "account_key", permissions)
                file.write(key.pem(passphrase))
                file.flush()
                os.fsync(file.fileno())
            give_name(aside, os.path.join(folder, os.path.basename(path)))
        finally:
            with suppress(FileNotFoundError):
                os.unlink(aside)
        sync_folder(folder)
    except FileExistsError:
        return AccountKey.load(_read(path, "account_key", permissions), passphrase, f"account key {path}")
    except OSError as error:
        raise AccountKeyError(f"account key {path} cannot be made: {error.strerror}. {ADVICE}") from None
    lost = vanishing(path)
    if lost:
        warn(lost)
    return key


def open_account(client: Client, params: Mapping[str, Any]) -> Account:
    """The account, by its URL if that is given, else looked up, else made, as NEW_ACCOUNT_SPEC says."""
    if params["account_uri"]:
        client.account_uri = params["account_uri"]
        return Account(params["account_uri"], "valid")
    return find_or_create(client, contacts(params["contact"]), params["terms_agreed"], _external_account(params))


def _external_account(params: Mapping[str, Any]) -> ExternalAccount | None:
    binding = params["external_account_binding"]
    return ExternalAccount(binding["kid"], binding["key"]) if binding else None


def use_account(client: Client, account_uri: str | None) -> None:
    """Speak as an account that exists. Raises AcmeError where the key has none."""
    if account_uri:
        client.account_uri = account_uri
    elif find(client) is None:
        raise AcmeError(f"{client.directory.url} knows no account of this key: make it first (acme_account)")
