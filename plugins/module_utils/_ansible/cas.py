# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of CAs that acme_directory gives, with the account at each: one parser for the role and for all modules.

It needs the standard library only, as it also validates the role's variables in Ansible's own process. No message has
the value of a secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._acme.errors import AcmeError, AcmeOptionError
from .._acme.known_cas import resolve_directory
from .._acme.registration import contacts, verify_external_account
from .._acme.urls import verify_url
from .._common.text import one_line, suggestion
from .._fleet.rate_limits import Limits
from . import values as to
from .account_key_place import is_key_text, key_text_problem

STRICT, WARN = "strict", "warn"
FAIL, DEFAULT = "fail", "default"

#: The options of an element of acme_directory that is a mapping.
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
    "preferred_chain": {"type": "list", "elements": "str"},
    "preferred_chain_missing": {"type": "str", "choices": [FAIL, DEFAULT]},
    "profile": {"type": "str"},
    "limits": {"type": "dict"},
}
# docs/accounts-and-cas.md has the rule: a module's options are defaults of all CAs. These are of the first one alone.
_OF_FIRST = ("ca_path", "account_uri", "eab", "preferred_chain")
#: Options that no module has for all CAs.
OF_ELEMENTS = ("directory", "profile", "limits")
_EAB = ("kid", "key")
# Names of these in other clients.
_EAB_ELSEWHERE = {
    **dict.fromkeys(("hmac", "hmac_key", "hmac_secret", "mac_key", "secret"), "key"),
    **dict.fromkeys(("id", "key_id", "keyid"), "kid"),
}


@dataclass(frozen=True)
class KeySource:
    """A private key as the options give it.

    kind: the start of the options' names, "account" or "private" (a certificate's own key). place: the text that
    messages put before these names. new_content: the key that replaces the one in content (RFC 8555 section 7.3.5).
    """

    src: str | None = None
    content: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    permissions: str = STRICT
    create: bool = False
    key_type: str = "ec256"
    new_content: str | None = field(default=None, repr=False)
    new_passphrase: str | None = field(default=None, repr=False)
    kind: str = "account"
    place: str = ""

    @property
    def identity(self) -> tuple[str | None, str | None]:
        """Equal for two sources of the same key."""
        if self.content:
            return self.content, None
        return None, os.path.realpath(self.src) if self.src else None


@dataclass(frozen=True)
class Ca:
    """A CA, and the account there.

    directory: its URL. request_timeout: in seconds. contact: None leaves the contacts of an account unchanged.
    eab: the key id and the text of the HMAC key of an external account. preferred_chain, takes_default_chain: those of
    a Preference. profile: instead of one that the CA does not offer; empty for none. limits: as options, that replace
    those of acme_limits. place: the text that messages put before the names of the CA's own options.
    """

    directory: str
    ca_path: str | None = None
    request_timeout: int = 30
    key: KeySource = field(default_factory=KeySource)
    account_uri: str | None = None
    contact: tuple[str, ...] | None = None
    terms_agreed: bool = False
    eab: tuple[str, str] | None = field(default=None, repr=False)
    preferred_chain: tuple[str, ...] = ()
    takes_default_chain: bool = False
    profile: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""


def cas_of(params: Mapping[str, Any]) -> list[Ca]:
    """Return the CAs that a module's options give, the first choice first. Raises AcmeOptionError."""
    lines: list[str] = []
    cas = parse(params, lines)
    if lines:
        raise AcmeOptionError("; ".join(line.rstrip(".") for line in lines))
    return cas


def only_ca(params: Mapping[str, Any]) -> Ca:
    """Return the CA of a module that works with one. Raises AcmeOptionError, also if several are given."""
    cas = cas_of(params)
    if len(cas) > 1:
        raise AcmeOptionError(f"acme_directory: {len(cas)} CAs are given, and this module works with one. Give one CA")
    return cas[0]


def parse(values: Mapping[str, Any], lines: list[str], prefix: str = "") -> list[Ca]:
    """Return the CAs, and append a line to *lines* for each fault.

    values: the options by name, each with the type that its spec gives it, but for acme_directory, which is parsed
    here. prefix: the start of the names of all options but that one, "acme_" for the role's variables.
    """
    common = {name: values.get(prefix + name) for name in CA_SPEC if name not in OF_ELEMENTS}
    cas: list[Ca] = []
    for number, own, place in _elements(values.get("acme_directory"), lines):
        try:
            url = resolve_directory(own["directory"])
        except AcmeError as error:
            lines.append(_line("acme_directory", error))
            continue
        if any(ca.directory == url for ca in cas):
            lines.append(f"acme_directory: {url} is listed twice. List each CA once.")
            continue
        _verify_account(own, url, place, lines)
        _verify_limits(own, place, lines)
        inherited = {name: value for name, value in common.items() if number == 1 or name not in _OF_FIRST}
        cas.append(_ca(url, inherited, own, (prefix, place), values))
    if cas:
        _verify_account(common, cas[0].directory, prefix, lines)
    return _with_new_keys(cas)


def secrets(directory: Any) -> Iterator[str]:
    """Yield the secrets in *directory*, a value of acme_directory, whose elements no argument spec can mark."""
    for element in directory if isinstance(directory, (list, tuple)) else [directory]:
        for name, value in element.items() if isinstance(element, Mapping) else ():
            if isinstance(value, Mapping):
                yield from (str(part) for key, part in value.items() if key != "kid" and part)
            elif value and CA_SPEC.get(name, {}).get("no_log"):
                yield str(value)


def _elements(given: Any, lines: list[str]) -> Iterator[tuple[int, Mapping[str, Any], str]]:
    """Yield the number of each CA, its own options, and the text that messages put before their names."""
    listed = given if isinstance(given, (list, tuple)) else [given]
    if not listed:
        lines.append("acme_directory: the list is empty. Name a CA.")
    for number, item in enumerate(listed, 1):
        where = "acme_directory" if listed is not given else f"acme_directory {number}"
        if isinstance(item, Mapping):
            own = to.options(item, CA_SPEC, where, lines)
            if own["directory"] is not None:
                yield number, {name: value for name, value in own.items() if not _is_absent(name, value)}, f"{where}: "
        elif isinstance(item, str) and item.strip():
            yield number, {"directory": item}, f"{where}: "
        else:
            lines.append(f"{where}: this is not a CA. Give a short name, a URL, or a mapping with 'directory'.")


def _is_absent(name: str, value: Any) -> bool:
    return value is None or (value == "" and name.startswith("account_key_"))


def _ca(
    url: str,
    inherited: Mapping[str, Any],
    own: Mapping[str, Any],
    places: tuple[str, str],
    values: Mapping[str, Any],
) -> Ca:
    given = {**inherited, **own}
    has_own_key = bool(own.get("account_key_content") or own.get("account_key_src"))
    if own.get("account_key_src") and not own.get("account_key_content"):
        given["account_key_content"] = None  # a key given by its content would win over the CA's own file
    prefix, place = places
    key = KeySource(
        src=expanded(given.get("account_key_src")),
        content=given.get("account_key_content") or None,
        passphrase=given.get("account_key_passphrase") or None,
        permissions=values.get(f"{prefix}account_key_permissions") or STRICT,
        create=bool(values.get(f"{prefix}account_key_create")),
        key_type=values.get(f"{prefix}account_key_type") or "ec256",
        new_content=values.get(f"{prefix}new_account_key_content") or None,
        new_passphrase=values.get(f"{prefix}new_account_key_passphrase") or None,
        place=place if has_own_key else prefix,
    )
    contact = given.get("contact")
    return Ca(
        directory=url,
        ca_path=expanded(given.get("ca_path")),
        request_timeout=values.get("request_timeout") or Ca.request_timeout,
        key=key,
        account_uri=given.get("account_uri") or None,
        contact=None if contact is None else tuple(contact),
        terms_agreed=bool(given.get("terms_agreed")),
        eab=_eab(given.get("eab")),
        preferred_chain=tuple(given.get("preferred_chain") or ()),
        takes_default_chain=given.get("preferred_chain_missing") == DEFAULT,
        profile=given.get("profile"),
        limits=given.get("limits") or {},
        place=place,
    )


def _with_new_keys(cas: Sequence[Ca]) -> list[Ca]:
    """Return the CAs, without the new key where the key is not the first CA's, which the new one replaces."""
    return [
        ca if ca.key.identity == cas[0].key.identity else replace(ca, key=replace(ca.key, new_content=None))
        for ca in cas
    ]


def expanded(path: str | None) -> str | None:
    """Return a path as Ansible expands one that an option gives."""
    return os.path.expanduser(os.path.expandvars(path)) if path else None


def _eab(given: Mapping[str, Any] | None) -> tuple[str, str] | None:
    if not given or not all(isinstance(given.get(name), (str, int, float)) for name in _EAB):
        return None
    return str(given["kid"]), str(given["key"])


def _verify_account(given: Mapping[str, Any], url: str, place: str, lines: list[str]) -> None:
    """Append a line for each fault in the options of an account. *place*: the text before their names."""
    if is_key_text(given.get("account_key_src")):
        lines.append(f"{key_text_problem(f'{place}account_key')}.")
    uri = given.get("account_uri")
    if uri:
        try:
            verify_url(uri, url)
        except AcmeError as error:
            lines.append(f"{place}account_uri: {error}.")
    try:
        contacts(given.get("contact") or ())
    except AcmeError as error:
        lines.append(f"{place}{error}.")
    if given.get("eab"):
        _verify_eab(given["eab"], f"{place}eab", lines)


def _verify_limits(own: Mapping[str, Any], place: str, lines: list[str]) -> None:
    try:
        Limits.parse(own.get("limits") or {}, Limits())
    except AcmeError as error:
        lines.append(f"{place}limits: {error}.")


def _verify_eab(given: Mapping[str, Any], place: str, lines: list[str]) -> None:
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
        verify_external_account(*(to.to_text(given[name], secret=True) for name in _EAB))
    except (AcmeError, to.Invalid) as error:
        lines.append(f"{place}: {error}.")


def _line(option: str, error: Exception) -> str:
    """Return the line for an option that *error* refuses; many messages name it already."""
    text = str(error)
    return f"{text}." if text.startswith(option) else f"{option}: {text}."
