# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of the controller's modules, validated before a CA or a name server is asked. No line has a secret in it.

A fault in one order, certificate or record is not among them: it is in the result of that one, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._common import identifiers
from .._common.errors import CollectionError
from .._common.times import parse_interval
from .._dns import entries, nameservers
from .._fleet.issuance_history import absolute
from .._fleet.rate_limits import limits_of_all
from . import cas, ranges

_PARSERS: dict[str, Callable[[Any], object]] = {
    "history": absolute,
    "limits": limits_of_all,
    "resolver": nameservers.parse,
    "run_interval": parse_interval,
}


def problems(params: Mapping[str, Any]) -> list[str]:
    """Return a line for each invalid option. *params*: of a module, as its spec has validated them."""
    found = [*ranges.problems(params), *_of_cas(params)]
    if params.get("private_key_content"):
        from .._acme.jws import AccountKey  # only here, as its libraries take a while to load

        given = params["private_key_content"].encode(), params["private_key_passphrase"]
        found += _problem("private_key", AccountKey.load, *given, "private_key_content", "private_key")
    for option, function in _PARSERS.items():
        if params.get(option):
            found += _problem(option, function, params[option])
    if params.get("identifiers") and "challenge" in params:
        found += _problem("identifiers", identifiers.parse_identifiers, params["identifiers"], params["challenge"])
    if isinstance(params.get("zones"), Mapping):
        found += _of_zones(params)
    return found


def _of_cas(params: Mapping[str, Any]) -> list[str]:
    """Return a line for each fault in the CAs, and in the account keys of modules that use accounts."""
    if "acme_directory" not in params:
        return []
    lines: list[str] = []
    found = cas.parse(params, lines)
    problems = [line.rstrip(".") for line in lines]
    if "account_key_content" in params:
        from . import key_files  # only here, as its libraries take a while to load

        problems += key_files.problems_of_key_texts(found)
    return problems


def _of_zones(params: Mapping[str, Any]) -> list[str]:
    """Return a line for each wrong entry. A module that writes no records uses only what all entries have."""
    found = []
    for key, entry in params["zones"].items():
        found += _problem("zones", entries.parse_key, key) or (
            _problem("zones", entries.parse, key, entry, bool(params["tasks_file"]))
            if "tasks_file" in params
            else _problem("zones", entries.parse_common, key, entry)
        )
    return found


def _problem(option: str, function: Callable[..., object], *arguments: Any) -> list[str]:
    try:
        function(*arguments)
    except CollectionError as error:
        text = str(error)
        return [text if text.startswith(option) or option in text.split(": ", 1)[0] else f"{option}: {text}"]
    return []
