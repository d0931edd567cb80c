# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's CAs, the accounts there and their keys, validated before a CA is asked. No line has a secret in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._acme.key_encodings import is_key, is_vaulted
from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import WANT_EXTERNAL_ACCOUNT, WANT_TERMS
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.account_key_place import is_key_text
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import Ca, KeySource, expanded, parse
from ansible_collections.certfleet.tls.plugins.module_utils._common.libraries import missing

from .faults import Faults

PREFIX = "acme_"
# The environment has these where the variables are empty.
_FROM_ENVIRONMENT = ("acme_account_key_content", "acme_account_key_passphrase")


def with_environment(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the role's variables with the account key and its passphrase from the environment, if they are there."""
    given = {name: values.get(name) or os.environ.get(name.upper()) for name in _FROM_ENVIRONMENT}
    return {**values, **given}


def parse_all(values: Mapping[str, Any], faults: Faults) -> list[Ca]:
    """Return the CAs, and add the faults in them and in their accounts. *values*: converted variables."""
    values = with_environment(values)
    lines: list[str] = []
    cas = parse(values, lines, PREFIX)
    common = expanded(values.get("acme_account_key_src"))
    for key in (ca.key for ca in cas if ca.key.place != PREFIX):
        option = f"{key.place}account_key"
        _validate_path(option, key.src if key.src != common else None, lines)
        _validate_text(option, key.content, key.passphrase, lines)
    _validate_path("acme_account_key", common, lines)
    for option in ("acme_account_key", "acme_new_account_key"):
        _validate_text(option, values.get(f"{option}_content"), values.get(f"{option}_passphrase"), lines)
    faults.lines += [f"{faults.place}: {line}" for line in lines]
    return cas


def _validate_path(option: str, path: str | None, lines: list[str]) -> None:
    if path and not is_key_text(path) and not os.path.isabs(path):
        lines.append(
            f"{option}_src: {path} is a relative path, and each playbook has a folder of its own. Give an absolute one."
        )


def _validate_text(option: str, content: str | None, passphrase: str | None, lines: list[str]) -> None:
    """Append a message if *content* is not a private key. *option*: the name of its option, without `_content`."""
    if not content:
        return
    name = option.rpartition(" ")[2]
    if is_vaulted(content.encode()):
        lines.append(f"{option}_content: it is encrypted by ansible-vault. Give the decrypted key.")
    elif not is_key(content.encode()):
        path = content.strip()
        is_path = "\n" not in path and path.startswith(("/", "~", "./"))
        advice = (
            f"Give the path of a file as {name}_src" if is_path else "Give the whole file, its first and last line, too"
        )
        lines.append(f"{option}_content: this is not a private key in PEM, DER or JWK form. {advice}.")
    elif "ENCRYPTED" in content and not passphrase:
        lines.append(f"{option}_content: the key is encrypted. Give {name}_passphrase.")


def problems_of_contents(values: Mapping[str, Any]) -> list[str]:
    """Return a line for each key, given by its content, that the library for keys cannot use. *values*: converted."""
    cas = parse(with_environment(values), [], PREFIX)
    if not any(ca.key.content or ca.key.new_content for ca in cas):
        return []  # most controllers have their keys in files, and do not need the libraries in this process
    absent = missing(("cryptography", "josepy"))
    if absent:
        return [absent]
    from ansible_collections.certfleet.tls.plugins.module_utils._ansible.key_files import problems_of_key_texts

    return [f"{line}." for line in problems_of_key_texts(cas, PREFIX)]


def validate_rollover(values: Mapping[str, Any], faults: Faults) -> None:
    """Add a fault if a rollover cannot store the new key."""
    if with_environment(values)["acme_account_key_content"] and not values.get("acme_new_account_key_content"):
        faults.add(
            "acme_new_account_key_content",
            "it is missing, and the old key is given by its content. Make a new key, and give it here.",
        )


def validate_new_accounts(cas: list[Ca], faults: Faults) -> None:
    """Add a fault if no CA has a key, and for each that will refuse the account that a run would create."""
    problems = [_key_problem(ca.key, "" if ca.key.create else "acme_account_key_create is false") for ca in cas]
    _add_missing_keys(cas, problems, faults)
    for ca, problem in zip(cas, problems):
        if problem or not _would_make_account(ca):
            continue
        if ca.directory in WANT_TERMS and not ca.terms_agreed:
            faults.add(
                f"{_prefix(ca, cas)}terms_agreed",
                f"{ca.directory} creates no account unless you agree to its terms of service. Read them, and set it to "
                "true.",
            )
        if ca.directory in WANT_EXTERNAL_ACCOUNT and not ca.eab:
            faults.add(
                f"{_prefix(ca, cas)}eab",
                f"{ca.directory} creates no account without an external account binding. Get kid and key from the CA.",
            )


def validate_existing_key(cas: list[Ca], faults: Faults) -> None:
    """Add a fault if no CA has an account key, where the account has to exist: to revoke, or to change it."""
    problems = [_key_problem(ca.key, "only the key of an existing account can do this") for ca in cas]
    _add_missing_keys(cas, problems, faults)


def _add_missing_keys(cas: list[Ca], problems: list[str], faults: Faults) -> None:
    """Add the problem of each CA's key if all have one: the key of one CA is enough to order or to revoke there."""
    for ca, problem in zip(cas, problems) if all(problems) else ():
        faults.add(f"{_prefix(ca, cas)}account_key_src", problem)


def _prefix(ca: Ca, cas: list[Ca]) -> str:
    """Return what the name of an option of *ca* begins with in messages."""
    return ca.place if len(cas) > 1 else PREFIX


def _key_problem(key: KeySource, reason: str) -> str:
    """Return why there is no account key to sign with; empty if there is one, or it can be created.

    *reason*: why it cannot be created; empty if it can.
    """
    path = key.src
    if key.content or is_key_text(path):
        return ""
    if not path:
        return "no account key is given. Give the path of a file, or the key as acme_account_key_content."
    if os.path.isdir(path):
        return f"{path} is a folder. Give the path of a file in it."
    if reason and not os.path.lexists(path):
        return f"{path} does not exist, and {reason}. Put the key there."
    return ""


def _would_make_account(ca: Ca) -> bool:
    """Return True if there cannot be an account yet, because its key does not exist."""
    if ca.account_uri or ca.key.content or not ca.key.src or not ca.key.create:
        return False
    return not os.path.lexists(ca.key.src)
