# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys for requests to a CA: read from their files or options, and made where there is none yet."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cache

from ansible.module_utils.common.warnings import warn

from .._acme.errors import AccountKeyError
from .._acme.jws import AccountKey
from .._common.atomic_file import sync_folder
from .account_key_place import ADVICE, give_name, home_problem, is_key_text, key_text_problem, vanishing
from .cas import STRICT, WARN, Ca, KeySource

# A key is read for each CA; the warning is the same.
_warn_once = cache(warn)


def load_key(source: KeySource, create: bool = False) -> AccountKey:
    """Return the private key. *create*: makes the account key's file if it does not exist. Raises AccountKeyError."""
    option = f"{source.kind}_key"
    new = _given_successor(source)
    if source.content:
        key = AccountKey.load(source.content.encode(), source.passphrase, f"{option}_content", option)
        key.successor = new
        return key
    if is_key_text(source.src):
        raise AccountKeyError(key_text_problem(option))
    if not source.src:
        raise AccountKeyError(f"no {source.kind} key is given: set {option}_src or {option}_content")
    where = f"{source.kind} key {source.src}"
    try:
        key = AccountKey.load(_read(source.src, source), source.passphrase, where, option)
        if source.kind == "account":
            key.successor = new or _successor(source)
        return key
    except FileNotFoundError:
        if not create:
            hint = " and may not be made here: make the account first (acme_account), or set account_key_create"
            raise AccountKeyError(f"{where} does not exist{hint if source.kind == 'account' else ''}") from None
    except OSError as error:
        raise AccountKeyError(f"{where} cannot be read: {error.strerror}") from None
    return create_key(source.src, source)[0]


def problems_of_key_texts(cas: Iterable[Ca], prefix: str = "") -> list[str]:
    """Return a line for each account key that is given by its content and cannot be used.

    prefix: the start of the names of the options that all CAs share, "acme_" for the role's variables.
    """
    sources = [ca.key for ca in cas]
    texts = {f"{key.place}account_key": (key.content, key.passphrase) for key in sources}
    for key in sources:
        if key.new_content:
            texts[f"{prefix}new_account_key"] = (key.new_content, key.new_passphrase)
    problems = []
    for option, (content, passphrase) in texts.items():
        try:
            if content:
                AccountKey.load(content.encode(), passphrase, f"{option}_content", option)
        except AccountKeyError as error:
            problems.append(str(error))
    return problems


def _read(path: str, source: KeySource) -> bytes:
    """Return the content of the private key file. Raises OSError, and AccountKeyError as _verify_closed() does."""
    with open(path, "rb") as file:
        _verify_closed(file.fileno(), path, source)
        return file.read()


def _verify_closed(handle: int, path: str, source: KeySource) -> None:
    """Raise AccountKeyError if others can read the private key's open file; only warn if the options say so."""
    found = os.fstat(handle)
    if not is_open_to_others(found.st_mode, found.st_uid, os.geteuid()):
        return
    role = " (acme_account_key_permissions)" if source.kind == "account" else ""
    text = (
        f"{source.kind} key {path} is open to others: its mode is {stat.S_IMODE(found.st_mode):04o}. Run "
        f"chmod 600 {path}, and replace the key if somebody may have read it. If modes mean nothing there, set "
        f"{source.kind}_key_permissions{role} to '{WARN}'"
    )
    if source.permissions == STRICT:
        raise AccountKeyError(text)
    _warn_once(text)


def is_open_to_others(mode: int, owner: int, user: int) -> bool:
    """Return True if a private key's file lets in more users than it should. *owner* and *user* are user IDs.

    As with ssh, the group may be let in only by somebody else than *user*: an administrator who gives a key to a group,
    or Kubernetes, which mounts secrets as root's. root could have changed it.
    """
    return bool(mode & (stat.S_IRWXO if user not in (0, owner) else stat.S_IRWXG | stat.S_IRWXO))


def _given_successor(source: KeySource) -> AccountKey | None:
    """Return the key of new_account_key_content, which the account gets or already has."""
    if not source.new_content:
        return None
    option = "new_account_key"
    return AccountKey.load(source.new_content.encode(), source.new_passphrase, f"{option}_content", option)


def successor_path(path: str) -> str:
    """Return the path of the key that is to replace the one at *path*, as long as it has not."""
    # Beside the file itself, not a link to it: the one is renamed to the other.
    return f"{os.path.realpath(path)}.new"


def _successor(source: KeySource) -> AccountKey | None:
    """Return the key of a change of keys that was not finished for the account of the key file; None without one."""
    new = successor_path(source.src or "")
    try:
        return AccountKey.load(_read(new, source), source.passphrase, f"account key {new}", "account_key")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccountKeyError(f"account key {new} cannot be read: {error.strerror}") from None


def key_would_be_made(ca: Ca) -> bool:
    """Return True if a run would make the account key first, which check mode must not do."""
    # An account that exists has its key.
    given = ca.key.content or ca.account_uri
    return bool(ca.key.create and not given and ca.key.src and not os.path.exists(ca.key.src))


def create_key(path: str, source: KeySource) -> tuple[AccountKey, bool]:
    """Return a new account key at *path*: mode 0600 from the start, complete or not there. Keep a faster run's key.

    The second value is True if this run made it. Raises AccountKeyError, also on a file system without modes: a key
    that the next run would refuse is not made.
    """
    if os.path.islink(path):
        raise AccountKeyError(f"account key {path} is a link to what does not exist: {os.readlink(path)}")
    problem = home_problem(path)
    if problem:
        raise AccountKeyError(problem)
    key = AccountKey.generate(source.key_type)
    folder = os.path.dirname(os.path.abspath(path))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=folder, prefix=".account-key-")
        try:
            with os.fdopen(handle, "wb") as file:
                _verify_closed(file.fileno(), path, source)
                file.write(key.pem(source.passphrase))
                file.flush()
                os.fsync(file.fileno())
            give_name(aside, os.path.join(folder, os.path.basename(path)))
        finally:
            with suppress(FileNotFoundError):
                os.unlink(aside)
        sync_folder(folder)
    except FileExistsError:
        return AccountKey.load(_read(path, source), source.passphrase, f"account key {path}"), False
    except OSError as error:
        raise AccountKeyError(f"account key {path} cannot be made: {error.strerror}. {ADVICE}") from None
    lost = vanishing(path)
    if lost:
        warn(lost)
    return key, True
