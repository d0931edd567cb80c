# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of providers as data: one function checks them, and the documentation is made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import DnsError

STR, INT, BOOL, LIST, DICT = "str", "int", "bool", "list", "dict"
_KINDS = {
    STR: "a text",
    INT: "a whole number",
    BOOL: "true or false",
    LIST: "a list of texts",
    DICT: "a mapping",
}


@dataclass(frozen=True)
class Option:
    """One option: its name, what it is for, and what is taken. kind is one of the constants above."""

    name: str
    help: str
    required: bool = False
    secret: bool = False
    default: Any = None
    kind: str = STR
    choices: tuple[str, ...] = ()


def check(declared: Sequence[Option], given: Mapping[str, Any], where: str, what: str) -> dict[str, Any]:
    """*given* with defaults filled in and values of the declared kinds; an option given as None is one not given.

    *where* names the entry in messages and *what* the thing that takes the options. Raises DnsError, with no value in it.
    """
    known = {option.name: option for option in declared}
    unknown = sorted(str(name) for name in given if name not in known)
    if unknown:
        takes = ", ".join(known) or "none"
        raise DnsError(f"{where}: {what} has no option {_listed(unknown)}; it takes {takes}")
    missing = [option.name for option in declared if option.required and given.get(option.name) in (None, "")]
    if missing:
        raise DnsError(f"{where}: {what} needs {_listed(missing)}")
    return {
        name: option.default if given.get(name) is None else _value(option, given[name], f"{where}: {name}")
        for name, option in known.items()
    }


def _value(option: Option, value: Any, name: str) -> Any:
    try:
        converted = _CONVERTERS[option.kind](value)
    except (TypeError, ValueError):
        raise DnsError(f"{name} is not {_KINDS[option.kind]}") from None
    if option.choices and converted not in option.choices:
        raise DnsError(f"{name} is none of {', '.join(option.choices)}")
    return converted


def _text(value: Any) -> str:
    # What a vault encrypts is no str in every ansible-core, but str() of it is the text.
    if isinstance(value, (bool, bytes, Mapping, list, tuple)):
        raise TypeError
    return str(value)


def _whole(value: Any) -> int:
    if isinstance(value, (bool, float)):
        raise TypeError
    return int(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower()) is True or _false(value)


def _false(value: Any) -> bool:
    if str(value).lower() not in ("false", "no"):
        raise ValueError
    return False


def _list(value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return [_text(item) for item in value]


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(name): item for name, item in value.items()}


_CONVERTERS = {STR: _text, INT: _whole, BOOL: _truth, LIST: _list, DICT: _dict}


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
