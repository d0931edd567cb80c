# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that users give to the role acme, checked in its first step, in check mode as well.

It runs for each host of each run, in the process that Ansible forks for the host's first step. So it needs the standard
library only, and less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import values as to
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.values import Invalid

from . import account_options, certificate_entries, other_options
from .certificate_entries import Means
from .role_variables import ALL, VARIABLES, Variable, of

_CERTIFICATES = "acme_certificates"
# Entry points that cannot do without the host's certificates, and those that order.
_LOOKING = ("main", "fleet", "replace", "adopt")
_ORDERING = ("main", "fleet", "replace")
_OF_NEW_ACCOUNTS = ("acme_directory", "acme_eab", "acme_terms_agreed")
# A number there has lost its zeros, or has been read as another one.
_HEXADECIMAL = ("acme_replace_serials", "acme_revoke_serials")
# What people call acme_certificates, and what is less like it than a misspelling.
_SHORT_FOR_CERTIFICATES = ("acme_cert", "acme_certs")
_OF_MAPPINGS = ("acme_adopt_files", "acme_adopt_folders")
_EMPTY: dict[str, Any] = {"path": "", "str": "", "list": [], "dict": {}}
_PREFIX = "acme"
_ALIKE = 0.87
_MOST_NAMED = 10


def problems(
    values: Mapping[str, Any], host: str, entry_point: str = "main", defined: Collection[str] = ()
) -> list[str]:
    """Return a line for each fault in the variables of one host; nothing where there is none.

    *values*: the templated value of each variable of the role that the host sees; one that is not defined is not there.
    *entry_point*: the name of the tasks file (tasks_from). *defined*: the names of all variables that the host sees.
    """
    return _examine(values, host, entry_point, defined)[1]


def converted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables with the types that they have by role_variables.py, for those without problems().

    Texts of -e become lists, numbers and booleans, vaulted texts become texts, what is empty becomes the default. Of
    acme_certificates there are the entries without a fault in themselves.
    """
    result = _types(values, "", [], VARIABLES, set())
    if values.get(_CERTIFICATES) is not None:
        result[_CERTIFICATES] = certificate_entries.valid(values[_CERTIFICATES], result.get("acme_home", ""))
    return result


def none_defined(hosts: Iterable[str], near_misses: Iterable[str]) -> str:
    """Return the line for hosts without acme_certificates. *near_misses*: of near_certificates(), for these hosts."""
    names = list(hosts)
    listed = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    near = " or ".join(dict.fromkeys(near_misses))
    return f"{_CERTIFICATES} is not defined for {listed}{more}" + (f" (did you mean {near}?)" if near else "")


def near_certificates(defined: Iterable[str]) -> list[str]:
    """Return those of the names of a host's variables that are meant to be acme_certificates, by the look of them."""
    return [
        name
        for name in _unknown(defined)
        if name in _SHORT_FOR_CERTIFICATES or _most_like(name, (_CERTIFICATES,)) == _CERTIFICATES
    ]


def misspelled(defined: Iterable[str], entry_point: str = "main") -> list[str]:
    """Return a warning for each variable that is meant to be one of the role's, by the look of its name.

    Others that begin with acme_ are left alone: other roles have the prefix, too.
    """
    found = ((name, _most_like(name, of(entry_point))) for name in _unknown(defined))
    return [
        f"{name} is not a variable of the role certfleet.tls.acme (did you mean {near}?)"
        for name, near in found
        if near
    ]


def _examine(
    values: Mapping[str, Any], host: str, entry_point: str, defined: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    place, lines = f"host {host}", list[str]()
    invalid: set[str] = set()
    result = _types(values, place, lines, of(entry_point), invalid)
    other_options.check(result, place, lines)
    before = len(lines)
    cas = account_options.check(result, place, lines)
    is_known = len(lines) == before and not invalid.intersection(_OF_NEW_ACCOUNTS)
    if entry_point in _LOOKING:
        result[_CERTIFICATES] = _certificates(values, result, place, lines, entry_point)
        if _CERTIFICATES not in values:
            near = near_certificates(defined)
            if near:
                lines.append(none_defined([host], near))
    makes_account = entry_point == "account" or (entry_point in _ORDERING and result[_CERTIFICATES])
    if makes_account and is_known:
        account_options.check_new_accounts(cas, place, lines)
    if entry_point == "account_rollover":
        account_options.check_rollover(result, place, lines)
    if entry_point == "adopt":
        other_options.check_adoption(result, place, lines)
    # What follows from the absence of an option that is invalid is not another fault.
    if entry_point == "replace" and not any(name.startswith("acme_replace") for name in invalid):
        other_options.check_replacement(result, place, lines)
    if entry_point == "revoke" and not any(name.startswith("acme_revoke") for name in invalid):
        other_options.check_revocation(result, place, lines)
    return result, lines


def _types(
    values: Mapping[str, Any], place: str, lines: list[str], names: Iterable[str], invalid: set[str]
) -> dict[str, Any]:
    """Return the variables, converted; the default for an invalid one, of which there is one of *lines*."""
    result = {}
    for name in names:
        if name not in values or name == _CERTIFICATES:
            continue
        variable = VARIABLES[name]
        result[name] = variable.default
        try:
            result[name] = _convert(name, to.plain(values[name]), variable)
        except Invalid as error:
            invalid.add(name)
            lines.append(to.line(place, name, error))
        except AnsibleError as error:
            invalid.add(name)
            lines.append(_unreadable(place, name, error))
    return result


def _convert(name: str, value: Any, variable: Variable) -> Any:
    """Return a variable's value. Raises Invalid."""
    kind = variable.kind
    if value is None or (value is False and kind in ("str", "path")):
        # As people turn an option off.
        if kind == "path" or variable.default in ("", [], {}):
            return _EMPTY.get(kind, variable.default)
        if value is None and kind != "raw":
            return variable.default
    if kind == "dict" and value == "":
        return {}  # a survey that was left empty
    if name in _OF_MAPPINGS:
        return to.to_mappings(value) if value != "" else []
    if name in _HEXADECIMAL:
        _refuse_numbers(value)
    found = to.convert(value, kind, variable.secret)
    if kind == "list":
        found = [to.to_text(item) for item in found]
    if kind == "int":
        to.check_range(found, *variable.range)
    if variable.choices:
        to.check_choice(found, variable.choices)
    return found


def _refuse_numbers(value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, (int, float)):
            raise Invalid(f"{item} is a number. Write it in quotes")


def _certificates(
    values: Mapping[str, Any], others: Mapping[str, Any], place: str, lines: list[str], entry_point: str
) -> list[dict[str, Any]]:
    if _CERTIFICATES not in values:
        return []
    by_dns = bool(others.get("acme_dns") or others.get("acme_dns_tasks"))
    means = Means(by_dns, others.get("acme_dns_persist_write", False)) if entry_point in _ORDERING else None
    home = others.get("acme_home", "")
    try:
        return certificate_entries.check(to.plain(values[_CERTIFICATES]), home, means, place, lines)
    except AnsibleError as error:
        lines.append(_unreadable(place, _CERTIFICATES, error))
        return []


def _unreadable(place: str, name: str, error: Exception) -> str:
    return f"{place}: {name}: it cannot be read ({type(error).__name__}). Check how it is encrypted."


def _unknown(defined: Iterable[str]) -> list[str]:
    return sorted(name for name in defined if name.startswith(_PREFIX) and name not in ALL)


def _most_like(name: str, known: Iterable[str]) -> str:
    """Return the one of *known* that *name* is a misspelling of; empty if it is none."""
    from difflib import get_close_matches  # only where there is such a name

    # Without what all of them begin with, or they are alike by that.
    rests = {each.removeprefix(_PREFIX): each for each in known}
    found = get_close_matches(name.removeprefix(_PREFIX), rests, n=1, cutoff=_ALIKE)
    return rests[found[0]] if found else ""
