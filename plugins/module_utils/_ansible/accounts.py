# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of acme_account and acme_account_info: accounts made, updated, looked up, deactivated, given new keys."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

from .._acme import account as accounts
from .._acme.account import Account, find
from .._acme.client import Client
from .._acme.errors import AccountKeyError, AcmeError, AcmeOptionError, KeyRefusedError, ProblemError
from .._acme.jws import AccountKey
from .._acme.registration import contacts
from .._common.atomic_file import sync_folder
from .._common.contracts import TxtRecord
from .._common.statuses import Status
from . import persistent_records
from .ca_options import open_account, open_client, open_customer, verify_new_account
from .cas import Ca, KeySource, cas_of, only_ca
from .key_files import create_key, key_would_be_made, load_key, successor_path


@dataclass(frozen=True)
class AccountResult:
    """The result for the account at one CA.

    before, after: for the diff. is_refused: the CA certainly has not taken the new key. records: those of
    dns-persist-01 that have to be published for the new key; warning: about them.
    """

    directory: str
    account: Account | None
    changed: bool
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    problem: str = ""
    is_refused: bool = False
    records: Sequence[TxtRecord] = ()
    warning: str = ""


def ensure(params: Mapping[str, Any], check_mode: bool) -> list[AccountResult]:
    """Bring the account at each CA into the state that the options of acme_account give.

    Raises AcmeError, but that of one of several CAs is in its result.
    """
    cas = cas_of(params)
    if params["rollover"]:
        if params["state"] == "absent":
            raise AcmeOptionError(
                "rollover does not go with state absent: a deactivated account needs no other key. Remove one of them"
            )
        return change_keys(cas, check_mode, params["dns_persist_names"])
    one = present if params["state"] == "present" else absent
    results = []
    for ca in cas:
        try:
            results.append(one(ca, check_mode))
        except AcmeError as error:
            if len(cas) == 1:
                raise
            results.append(AccountResult(ca.directory, None, False, {}, {}, str(error)))
    return results


def describe(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of acme_account_info: the account of the key at one CA, if there is one. Raises AcmeError."""
    ca = only_ca(params)
    with open_client(ca) as client:
        account = find(client, ca.account_uri)
        if account is None:
            return {"exists": False}
        account = accounts.with_contacts(client, account)
    return {
        "exists": True,
        "account": {
            "uri": account.url,
            "status": account.status,
            "contact": list(account.contact or ()),
            "thumbprint": client.key.thumbprint,
        },
    }


def present(ca: Ca, check_mode: bool) -> AccountResult:
    """Make the account if there is none, and update its contacts. Raises AcmeError."""
    wanted = None if ca.contact is None else contacts(ca.contact)
    if check_mode and key_would_be_made(ca):
        return AccountResult(ca.directory, None, True, {}, {"contact": wanted or []})
    uri = ca.account_uri
    with open_customer(ca) as client:
        account = find(client, uri) if check_mode or uri else open_account(client, ca)
        if uri and account is None:
            raise AcmeError(f"{client.directory.url} knows no account {uri}")
        if account is None:
            verify_new_account(client.directory, ca)
        if account is None or account.is_new:
            stored = account.contact if account else None
            return AccountResult(
                ca.directory, account, True, {}, {"contact": (wanted or []) if stored is None else list(stored)}
            )
        account = accounts.with_contacts(client, accounts.require_valid(account))
        before = after = list(account.contact or ())
        if wanted is not None and set(wanted) != set(before):
            after = wanted
            if not check_mode:
                # A CA that drops contacts would have them "changed" in every run.
                account = accounts.update_contact(client, account, wanted)
                after = list(account.contact or ())
        changed = set(after) != set(before)
        return AccountResult(ca.directory, account, changed, {"contact": before}, {"contact": after})


def absent(ca: Ca, check_mode: bool) -> AccountResult:
    """Deactivate the account if there is one. Raises AcmeError."""
    with open_client(ca) as client:
        account = _valid(client, ca.account_uri)
        if account is None:
            return AccountResult(ca.directory, None, False, {}, {})
        if not check_mode:
            account = accounts.deactivate(client, account)
        before, after = ({"status": status.value} for status in (Status.VALID, Status.DEACTIVATED))
        return AccountResult(ca.directory, account, True, before, after)


def change_keys(cas: Sequence[Ca], check_mode: bool, names: Sequence[str] = ()) -> list[AccountResult]:
    """Give the accounts of the first CA's key another key, at each CA that has that key. Raises AcmeError.

    *names*: identifiers with records for dns-persist-01.

    The new key is on the disk before a CA has it, and replaces the old one after all CAs have it. Every module that
    runs in between uses the key that the CA has (ca_options.open_client), so a run may be killed anywhere.
    """
    source = cas[0].key
    old = load_key(source)
    given = source.new_content
    if source.content and not given:
        raise AccountKeyError(
            "a key given in account_key_content cannot be replaced there: set new_account_key_content"
        )
    with ExitStack() as stack:
        holders = _holders(cas, old, stack)
        if given and not any(client.key is old for client, _account in holders):
            return [AccountResult(client.directory.url, account, False, {}, {}) for client, account in holders]
        if check_mode:
            after = {"key": old.successor.thumbprint if old.successor else "a new one"}
            before = {"key": old.thumbprint}
            return [AccountResult(client.directory.url, account, True, before, after) for client, account in holders]
        new_path = "" if given else successor_path(source.src or "")
        new, is_made = (old.successor, False) if old.successor else create_key(new_path, source)
        results = [
            _with_records(client, account, new, names, _change_one(client, account, old, new))
            for client, account in holders
        ]
    failed = [result for result in results if result.problem]
    if failed and new_path:
        if is_made and all(result.is_refused for result in results):
            _remove(new_path)
        else:
            kept = f"The new key stays in {new_path}, as a CA may have it: run again, or delete it if no CA has it"
            results = [replace(each, problem=f"{each.problem}. {kept}") if each.problem else each for each in results]
    elif new_path:
        _store(source, new)
    if failed and len(results) == 1:
        raise AcmeError(results[0].problem)
    return results


def _change_one(client: Client, account: Account, old: AccountKey, new: AccountKey) -> AccountResult:
    """Return the result of the change at one CA, which may have the new key already."""
    url = client.directory.url
    try:
        if client.key is old:
            accounts.change_key(client, account, new)
    except AcmeError as error:
        return AccountResult(url, account, False, {}, {}, str(error), isinstance(error, KeyRefusedError))
    return AccountResult(url, account, True, {"key": old.thumbprint}, {"key": new.thumbprint})


def _with_records(
    client: Client, account: Account, new: AccountKey, names: Sequence[str], changed: AccountResult
) -> AccountResult:
    """Return the result of a change with the records to publish for the *new* key."""
    if changed.problem:
        return changed
    try:
        records = persistent_records.records_for(client.directory, account.url, new.thumbprint, names)
        warning = persistent_records.warning(client.directory, account.url, new.thumbprint, records)
    except AcmeError as error:  # the key is changed all the same
        records, warning = [], str(error)
    return replace(changed, records=records, warning=warning)


def failure(results: Iterable[AccountResult]) -> str:
    """Return one line that says at which CAs it failed and why; empty if it failed at none."""
    return "; ".join(f"{each.directory}: {each.problem}" for each in results if each.problem)


def result(results: list[AccountResult]) -> dict[str, Any]:
    """Return the results as the module returns them: that of the first CA, and all."""
    items = [
        {
            "directory": each.directory,
            "account_uri": each.account.url if each.account else None,
            "contact": list(each.after.get("contact", each.account.contact if each.account else ()) or ()),
            "changed": each.changed,
            "problem": each.problem,
            "records": [record.options(("name", "value")) for record in each.records],
        }
        for each in results
    ]
    return {
        "changed": any(each.changed for each in results),
        "account_uri": items[0]["account_uri"],
        "contact": items[0]["contact"],
        "accounts": items,
        "diff": [
            {
                "before_header": each.directory,
                "after_header": each.directory,
                "before": dict(each.before),
                "after": dict(each.after),
            }
            for each in results
        ],
    }


def _valid(client: Client, uri: str | None) -> Account | None:
    """Return the account if there is one and it is valid."""
    try:
        account = find(client, uri)
    except ProblemError as error:
        if not accounts.is_gone(error):
            raise
        if uri:
            _confirm_gone(client, uri, error)
        return None
    return account if account and account.status == Status.VALID else None


def _confirm_gone(client: Client, uri: str, refusal: ProblemError) -> None:
    """Raise the *refusal* if the account is another key's. Without a URL, a key is refused only if its own is gone."""
    try:
        own = find(client.with_key(client.key))
    except ProblemError as error:
        if not accounts.is_gone(error):
            raise
        return
    if own is None or own.url != uri or own.status == Status.VALID:
        raise refusal


def _holders(cas: Sequence[Ca], key: AccountKey, stack: ExitStack) -> list[tuple[Client, Account]]:
    """Return the accounts of *key*, or of its successor, at the CAs with that key. Raises AcmeError without any."""
    found: list[tuple[Client, Account]] = []
    for ca in cas:
        if ca.key.identity != cas[0].key.identity:
            continue
        client = stack.enter_context(open_client(ca, key=key))
        account = find(client, ca.account_uri)
        if account is None:
            continue
        if account.status != Status.VALID:
            raise AcmeError(f"account {account.url} is {account.status}: it cannot get another key")
        own = find(client.with_key(key)) if client.key.thumbprint != key.thumbprint else None
        if own:
            # Such as after a change of the key, if a run with the old one alone has made an account for that.
            raise AcmeError(
                f"the old key has the account {own.url}, the new one {account.url}: if that is the one that is wanted, "
                "take the new key as the account key from now on; else give a new key that has no account"
            )
        if client.key is key:
            accounts.key_change_url(client.directory)  # raises for a CA without it, before a key is made
        found.append((client, account))
    if not found:
        raise AcmeError(f"{cas[0].directory} knows no account of this key: there is nothing to change")
    return found


def _remove(path: str) -> None:
    """Remove a new key that no CA has. If it stays, the next run tries it first."""
    with suppress(OSError):
        os.unlink(path)


def _store(source: KeySource, key: AccountKey) -> None:
    """Replace the old key with the new one, which gets its owner and mode."""
    path = source.src or ""
    new, target = successor_path(path), os.path.realpath(path)
    try:
        before, own = os.stat(target), os.stat(new)
        if (before.st_uid, before.st_gid) != (own.st_uid, own.st_gid):
            os.chown(new, before.st_uid, before.st_gid)
        os.chmod(new, stat.S_IMODE(before.st_mode))
        os.replace(new, target)
        sync_folder(os.path.dirname(target))
    except OSError as error:
        if not os.path.exists(new) and load_key(source).thumbprint == key.thumbprint:
            return  # another run with the same new key was faster
        raise AccountKeyError(
            f"the account has the new key at {new}, which cannot take the place of {target} ({error.strerror}): "
            "run it again once it can; until then both are needed"
        ) from None
