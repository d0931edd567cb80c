# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate all variables of the role acme, in its first step and also in check mode.

This runs for each host in each run, in the process that Ansible forks for the host's first step. So it uses the
standard library only, and takes less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import values as to
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.values import Invalid
from ansible_collections.certfleet.tls.plugins.module_utils._common.text import did_you_mean, listed, most_similar

from . import account_options, certificate_entries, other_options
from .certificate_entries import Means
from .faults import Faults
from .plain import plain
from .role_variables import ALL, VARIABLES, Variable, of

_CERTIFICATES = "acme_certificates"
#: Entry points that need the host's certificates; those that order, and those that need an account that exists.
WITH_CERTIFICATES = ("main", "fleet", "replace", "adopt")
ORDERING = ("main", "fleet", "replace")
_OF_EXISTING_ACCOUNTS = ("revoke", "account_deactivate", "account_rollover")
_OF_NEW_ACCOUNTS = ("acme_directory", "acme_eab", "acme_terms_agreed")
# YAML may have read one of these as a number, without its leading zeros or in another base.
_HEXADECIMAL = ("acme_replace_serials", "acme_revoke_serials")
# Other names for acme_certificates, too short to be recognized as misspelled.
_SHORT_FOR_CERTIFICATES = ("acme_cert", "acme_certs")
_OF_ENTRY_POINTS = {
    "account_rollover": account_options.validate_rollover,
    "adopt": other_options.validate_adoption,
    "replace": other_options.validate_replacement,
    "revoke": other_options.validate_revocation,
}
_OF_MAPPINGS = ("acme_adopt_files", "acme_adopt_folders")
_OF_TEXTS_WITH_COMMAS = ("acme_revoke", "acme_revoke_files", "acme_revoke_serials")
_EMPTY: dict[str, Any] = {"path": "", "str": "", "list": [], "dict": {}}
_PREFIX = "acme"
_SIMILAR = 0.87  # 0 to 1, and higher than for values: a warning in each run has to be right
_MOST_NAMED = 10


def validate(
    values: Mapping[str, Any], host: str, entry_point: str = "main", defined: Collection[str] = ()
) -> list[str]:
    """Return a message for each fault in the variables of one host, an empty list if there is none.

    *values*: the templated values of those variables of the role that are defined for the host. *entry_point*: the name
    of the tasks file (tasks_from). *defined*: the names of all variables that are defined for the host.
    """
    faults = Faults(f"host {host}")
    result = _convert_all(values, of(entry_point), faults)
    other_options.validate(result, faults)
    before = len(faults.lines)
    cas = account_options.parse_all(result, faults)
    is_known = len(faults.lines) == before and not faults.invalid.intersection(_OF_NEW_ACCOUNTS)
    if entry_point in WITH_CERTIFICATES:
        result[_CERTIFICATES] = _parse_certificates(values, result, faults, entry_point)
        if _CERTIFICATES not in values:
            similar = similar_to_certificates(defined)
            if similar:
                faults.lines.append(undefined([host], similar))
    makes_account = entry_point == "account" or (entry_point in ORDERING and result[_CERTIFICATES])
    if makes_account and is_known:
        account_options.validate_new_accounts(cas, faults)
    if entry_point in _OF_EXISTING_ACCOUNTS:
        account_options.validate_existing_key(cas, faults)
    validate_more = _OF_ENTRY_POINTS.get(entry_point)
    # A value that is invalid counts as absent there, and to replace or revoke, absence would cause a second message.
    if validate_more and not any(name.startswith(("acme_replace", "acme_revoke")) for name in faults.invalid):
        validate_more(result, faults)
    return faults.lines


def convert(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return valid variables with the types that role_variables.py gives them.

    Strings from -e become lists, numbers and booleans, vaulted strings become plain ones, and empty values become the
    default.
    """
    result = _convert_all(values, VARIABLES, Faults(""))
    if values.get(_CERTIFICATES) is not None:
        result[_CERTIFICATES] = certificate_entries.parse_valid(values[_CERTIFICATES], result.get("acme_home", ""))
    return result


def undefined(hosts: Iterable[str], similar: Iterable[str]) -> str:
    """Return the message for hosts without acme_certificates. *similar*: names by similar_to_certificates()."""
    names, hint = listed(list(hosts), _MOST_NAMED), did_you_mean(dict.fromkeys(similar))
    return f"{_CERTIFICATES} is not defined for {names}{hint}. Define it in the inventory or in the play."


def similar_to_certificates(defined: Iterable[str]) -> list[str]:
    """Return the names of variables of a host that are probably meant to be acme_certificates."""
    return [
        name
        for name in _unknown(defined)
        if name in _SHORT_FOR_CERTIFICATES or _corrected(name, (_CERTIFICATES,)) == _CERTIFICATES
    ]


def warn_of_misspelled(defined: Iterable[str], entry_point: str = "main") -> list[str]:
    """Return a warning for each variable with a name that is probably a misspelled name of one of the role's.

    Other names that begin with acme_ cause no warning: other roles have the prefix, too.
    """
    corrected = ((name, _corrected(name, of(entry_point))) for name in _unknown(defined))
    return [
        f"{name} is not a variable of the role certfleet.tls.acme{did_you_mean([known])}. Rename it."
        for name, known in corrected
        if known
    ]


def _convert_all(values: Mapping[str, Any], names: Iterable[str], faults: Faults) -> dict[str, Any]:
    """Return the variables *names*, converted. An invalid one has its default, and a fault."""
    result = {}
    for name in names:
        if name not in values or name == _CERTIFICATES:
            continue
        variable = VARIABLES[name]
        result[name] = variable.default
        try:
            result[name] = _convert(name, plain(values[name]), variable)
        except Invalid as error:
            faults.refuse(name, error)
        except AnsibleError as error:
            faults.refuse(name, _unreadable(error))
    return result


def _convert(name: str, value: Any, variable: Variable) -> Any:
    """Return a variable's value. Raises Invalid."""
    kind = variable.kind
    if value is None or (value is False and kind in ("str", "path")):
        # A common way to turn an option off.
        if kind == "path" or variable.default in ("", [], {}):
            return _EMPTY.get(kind, variable.default)
        if value is None and kind != "raw":
            return variable.default
    if kind == "dict" and value == "":
        return {}  # an empty field of a survey
    if name in _OF_MAPPINGS:
        return to.to_mappings(value) if value != "" else []
    if name in _HEXADECIMAL:
        _refuse_numbers(value)
    result = to.convert(value, kind, variable.secret)
    if kind == "list":
        result = [to.to_text(item) for item in result]
    if name in _OF_TEXTS_WITH_COMMAS:
        result = list(dict.fromkeys(part for item in result for part in to.to_list(item)))
    if kind == "int":
        to.validate_range(result, *variable.range)
    if variable.choices:
        to.validate_choice(result, variable.choices)
    return result


def _refuse_numbers(value: Any) -> None:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, (int, float)):
            raise Invalid(f"{item} is a number. Write it in quotes")


def _parse_certificates(
    values: Mapping[str, Any], others: Mapping[str, Any], faults: Faults, entry_point: str
) -> list[dict[str, Any]]:
    """Return the host's certificates, and add their faults. *others*: the other variables, converted."""
    if _CERTIFICATES not in values:
        return []
    by_dns = bool(others.get("acme_dns") or others.get("acme_dns_tasks"))
    means = Means(by_dns, others.get("acme_dns_persist_write", False)) if entry_point in ORDERING else None
    home = others.get("acme_home", "")
    try:
        return certificate_entries.parse(plain(values[_CERTIFICATES]), home, means, faults.place, faults.lines)
    except AnsibleError as error:
        faults.refuse(_CERTIFICATES, _unreadable(error))
        return []


def _unreadable(error: AnsibleError) -> Invalid:
    return Invalid(f"the value cannot be read ({type(error).__name__}). Verify how it is encrypted")


def _unknown(defined: Iterable[str]) -> list[str]:
    return sorted(name for name in defined if name.startswith(_PREFIX) and name not in ALL)


def _corrected(name: str, known: Iterable[str]) -> str:
    """Return the one of *known* that *name* is a misspelling of, an empty string if it is not a misspelling."""
    # Without the common prefix, which would make any two of them similar.
    rests = {each.removeprefix(_PREFIX): each for each in known}
    return rests.get(most_similar(name.removeprefix(_PREFIX), rests, _SIMILAR), "")
