# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CAs, the account at each of them and its key, checked before anybody is asked. No secret is in a line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import (
    WANT_EXTERNAL_ACCOUNT,
    WANT_TERMS,
    resolve,
)
from ansible_collections.certfleet.tls.plugins.module_utils._acme.registration import check_external_account, contacts
from ansible_collections.certfleet.tls.plugins.module_utils._acme.urls import check_url
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.account_key_place import is_key_text
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import one_line, suggestion

from . import values as to
from .cas import with_own
from .values import Invalid

#: What an entry of acme_directory may have.
CA_SPEC: dict[str, Any] = {
    "directory": {"type": "str", "required": True},
    "ca_path": {"type": "path"},
    "account_key_src": {"type": "path"},
    "account_key_content": {"type": "str", "no_log": True},
    "account_key_passphrase": {"type": "str", "no_log": True},
    "account_uri": {"type": "str"},
    "contact": {"type": "list", "elements": "str"},
    "terms_agreed": {"type": "bool"},
    "eab": {"type": "dict", "no_log": True},
}
# What a CA does not have from the role's variables, but for the first.
_OWN = ("ca_path", "account_uri", "eab")
_EAB = ("kid", "key")
# What other clients call these.
_EAB_ELSEWHERE = {
    **dict.fromkeys(("hmac", "hmac_key", "hmac_secret", "mac_key", "secret"), "key"),
    **dict.fromkeys(("id", "key_id", "keyid"), "kid"),
}
_PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----\s.*-----END \1-----", re.DOTALL)


class Ca(NamedTuple):
    """A CA: the URL of its directory, and what is given for it by the names that CA_SPEC has.

    prefix: what messages put before these names.
    """

    url: str
    given: Mapping[str, Any]
    prefix: str


def check(values: Mapping[str, Any], place: str, lines: list[str]) -> list[Ca]:
    """Return the CAs, and add a line for each fault in them and in their accounts. *values*: converted variables."""
    role = {name: values.get("acme_" + name) for name in CA_SPEC if name != "directory"}
    found: list[Ca] = []
    for number, own, prefix in _entries(values.get("acme_directory"), place, lines):
        inherited = role if number == 1 else {name: value for name, value in role.items() if name not in _OWN}
        try:
            url = resolve(own["directory"])
        except AcmeError as error:
            lines.append(to.line(place, "acme_directory", error))
            continue
        if any(ca.url == url for ca in found):
            lines.append(f"{place}: acme_directory: {url} is listed twice. List each CA once.")
            continue
        said = {name: value for name, value in own.items() if value is not None}
        found.append(Ca(url, with_own(inherited, said), prefix))
        _check_account(own, url, f"{place}: {prefix}", lines)
    if found:
        _check_account(role, found[0].url, f"{place}: acme_", lines)
    for option in ("acme_account_key", "acme_new_account_key"):
        _check_key(values, f"{option}_", place + ": ", lines)
    return found


def _entries(given: Any, place: str, lines: list[str]) -> list[tuple[int, Mapping[str, Any], str]]:
    """Return each CA's number, what it has of its own, and what messages put before the names of these options."""
    listed = given if isinstance(given, list) else [given]
    if not listed:
        lines.append(f"{place}: acme_directory: the list is empty. Name a CA.")
    found: list[tuple[int, Mapping[str, Any], str]] = []
    for number, item in enumerate(listed, 1):
        where = f"acme_directory {number}" if isinstance(given, list) else "acme_directory"
        if isinstance(item, Mapping):
            own = to.options(item, CA_SPEC, f"{place}: {where}", lines)
            if own["directory"] is not None:
                found.append((number, own, f"{where}: "))
        elif isinstance(item, str) and item.strip():
            found.append((number, {"directory": item}, f"{where}: "))
        else:
            lines.append(
                f"{place}: {where}: this is not a CA. Give a short name, a URL, or a mapping with 'directory'."
            )
    return found


def _check_account(given: Mapping[str, Any], url: str, place: str, lines: list[str]) -> None:
    """*place*: what stands before the names of options, such as 'host web1: acme_'."""
    uri = given.get("account_uri")
    if uri:
        try:
            check_url(uri, url)
        except AcmeError as error:
            lines.append(f"{place}account_uri: {error}.")
    try:
        contacts(given.get("contact") or ())
    except AcmeError as error:
        lines.append(f"{place}{error}.")
    if given.get("eab"):
        _check_eab(given["eab"], f"{place}eab", lines)
    if "directory" in given:
        _check_key(given, "account_key_", place, lines)


def _check_eab(given: Mapping[str, Any], place: str, lines: list[str]) -> None:
    unknown = [name for name in given if name not in _EAB]
    for name in unknown:
        near = _EAB_ELSEWHERE.get(name.lower())
        meant = f" (did you mean '{near}'?)" if near else suggestion(name, _EAB)
        lines.append(f"{place}: unknown key '{one_line(name, 60)}'{meant}. It takes kid and key.")
    if unknown:
        return
    missing = [name for name in _EAB if given.get(name) in (None, "")]
    if missing:
        lines.append(f"{place}: {' and '.join(missing)} is missing. Give kid and key as the CA shows them.")
        return
    try:
        check_external_account(*(to.to_text(given[name], secret=True) for name in _EAB))
    except (AcmeError, Invalid) as error:
        lines.append(f"{place}: {error}.")


def _check_key(given: Mapping[str, Any], prefix: str, place: str, lines: list[str]) -> None:
    path = given.get(f"{prefix}src")
    if is_key_text(path):
        lines.append(
            f"{place}{prefix}src: this is a key, not the path of its file. Give it as {prefix}content, in PEM form."
        )
    elif path and not os.path.isabs(_expanded(path)):
        lines.append(
            f"{place}{prefix}src: {path} is a relative path, and each playbook has a folder of its own. Give an "
            "absolute one."
        )
    content, passphrase = given.get(f"{prefix}content"), given.get(f"{prefix}passphrase")
    if not content:
        return
    option = f"{place}{prefix}content"
    if not _PRIVATE_KEY.search(content):
        path = content.strip()
        is_path = "\n" not in path and path.startswith(("/", "~", "./"))
        advice = (
            f"Give the path of a file as {prefix}src"
            if is_path
            else "Give the whole file, its first and last line, too"
        )
        lines.append(f"{option}: this is not a private key in PEM form. {advice}.")
    elif "ENCRYPTED" in content and not passphrase and not _from_environment(prefix, "PASSPHRASE"):
        lines.append(f"{option}: the key is encrypted. Give {prefix}passphrase.")


def check_rollover(values: Mapping[str, Any], place: str, lines: list[str]) -> None:
    """Add a line where a rollover has nowhere to put the new key."""
    content = values.get("acme_account_key_content") or _from_environment("", "CONTENT")
    if content and not values.get("acme_new_account_key_content"):
        lines.append(
            f"{place}: acme_new_account_key_content: it is missing, and the old key is given by its content. Make "
            "a new key, and give it here."
        )


def _from_environment(prefix: str, what: str) -> str:
    """The environment has the account's key and passphrase where the variables are empty, and no others."""
    return "" if "new_" in prefix else os.environ.get(f"ACME_ACCOUNT_KEY_{what}", "")


def check_new_accounts(cas: list[Ca], values: Mapping[str, Any], place: str, lines: list[str]) -> None:
    """Add a line for each CA without a key, and for each that is known to refuse the account that a run would make."""
    for ca in cas:
        prefix = f"{place}: {ca.prefix if len(cas) > 1 else 'acme_'}"
        problem = _key_problem(ca.given, values)
        if problem:
            lines.append(f"{prefix}account_key_src: {problem}")
        if problem or not _would_make_account(ca.given, values):
            continue
        if ca.url in WANT_TERMS and not ca.given.get("terms_agreed"):
            lines.append(
                f"{prefix}terms_agreed: {ca.url} makes no account for who does not agree to its terms of service. Read "
                "them, and set it to true."
            )
        if ca.url in WANT_EXTERNAL_ACCOUNT and not ca.given.get("eab"):
            lines.append(
                f"{prefix}eab: {ca.url} makes no account without an external account binding. Get kid and key "
                "from the CA."
            )


def _key_problem(given: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Return why there is no account key to sign with; empty if there is one, or it can be made."""
    path = given.get("account_key_src")
    if given.get("account_key_content") or _from_environment("", "CONTENT") or is_key_text(path):
        return ""
    if not path:
        return "no account key is given. Give the path of a file, or the key as acme_account_key_content."
    if os.path.isdir(_expanded(path)):
        return f"{path} is a folder. Give the path of a file in it."
    if not values.get("acme_account_key_create") and not os.path.lexists(_expanded(path)):
        return f"{path} does not exist, and acme_account_key_create is false. Put the key there, or let it be made."
    return ""


def _expanded(path: str) -> str:
    return os.path.expanduser(os.path.expandvars(path))


def _would_make_account(given: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Return True only if there can be no account yet: its key does not exist."""
    content = given.get("account_key_content") or _from_environment("", "CONTENT")
    path = given.get("account_key_src")
    if given.get("account_uri") or content or not path or not values.get("acme_account_key_create"):
        return False
    return not os.path.lexists(_expanded(path))
