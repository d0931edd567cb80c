# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the controller's modules, checked before a CA or a name server is asked. No secret is in a line.

What is wrong with one order, certificate or record is told with that one: the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._acme.jws import AccountKey
from .._acme.known_cas import resolve
from .._acme.registration import check_external_account, contacts
from .._acme.urls import check_url
from .._common import identifiers
from .._common.errors import CollectionError
from .._common.times import span
from .._dns import entries, nameservers
from .._fleet.issuance_history import absolute
from .._fleet.rate_limits import limits_of_all
from . import ranges

_PARSERS: dict[str, Callable[[Any], object]] = {
    "history": absolute,
    "limits": limits_of_all,
    "resolver": nameservers.parse,
    "run_interval": span,
}


def problems(params: Mapping[str, Any]) -> list[str]:
    """Return a line for each option that cannot be right. *params*: of a module, as its spec has validated them."""
    found = [*ranges.problems(params), *_of_ca(params), *_of_keys(params)]
    for number, ca in enumerate(params.get("alternatives") or (), 1):
        # A CA has what it does not say itself from the first one.
        own = {"account_key_passphrase": params.get("account_key_passphrase"), **_given(ca)}
        found += [f"alternatives {number}: {text}" for text in _of_ca({"acme_directory": None, **own}) + _of_keys(own)]
    for option, function in _PARSERS.items():
        if params.get(option):
            found += _problem(option, function, params[option])
    if params.get("identifiers") and "challenge" in params:
        found += _problem("identifiers", identifiers.check, params["identifiers"], params["challenge"])
    if isinstance(params.get("zones"), Mapping):
        found += _of_zones(params["zones"], bool(params["tasks_file"]))
    return found


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _of_keys(params: Mapping[str, Any]) -> list[str]:
    found = []
    for option in ("account_key", "new_account_key", "private_key"):
        content, passphrase = params.get(f"{option}_content"), params.get(f"{option}_passphrase")
        if content:
            found += _problem(option, AccountKey.load, content.encode(), passphrase, f"{option}_content", option)
    return found


def _of_zones(zones: Mapping[str, Any], has_tasks_file: bool) -> list[str]:
    found = []
    for key, entry in zones.items():
        found += _problem("zones", entries.parse_key, key) or _problem(
            "zones", entries.parse, key, entry, has_tasks_file
        )
    return found


def _of_ca(params: Mapping[str, Any]) -> list[str]:
    """Check what concerns one CA and the account there."""
    if "acme_directory" not in params:
        return []
    given = params["acme_directory"]
    found = []
    for name in given if isinstance(given, list) else [given]:
        found += _problem("acme_directory", resolve, name) if name else ["acme_directory: it is empty. Name a CA"]
    if found:
        return found
    if params.get("account_uri"):
        found += _problem("account_uri", check_url, params["account_uri"], resolve(given))
    if params.get("contact"):
        found += _problem("contact", contacts, params["contact"])
    binding = params.get("external_account_binding")
    if binding:
        found += _problem("external_account_binding", check_external_account, binding["kid"], binding["key"])
    return found


def _problem(option: str, function: Callable[..., object], *arguments: Any) -> list[str]:
    try:
        function(*arguments)
    except CollectionError as error:
        text = str(error)
        return [text if text.startswith(option) or option in text.split(": ", 1)[0] else f"{option}: {text}"]
    return []
