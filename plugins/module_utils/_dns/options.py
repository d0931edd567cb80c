# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of providers as data: one function parses them, and the documentation is generated from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from .._common.text import suggestion
from .errors import DnsError

STR, INT, BOOL, LIST, DICT, ANY = "str", "int", "bool", "list", "dict", "any"
_TYPE_NAMES = {
    STR: "a text",
    INT: "a whole number",
    BOOL: "true or false",
    LIST: "a list of texts",
    DICT: "a mapping",
    ANY: "a value",
}


@dataclass(frozen=True)
class Option:
    """An option of a provider. help: its purpose. type: one of the constants above.

    clean: returns the form of a valid value that code compares, before choices are.
    """

    name: str
    help: str
    required: bool = False
    secret: bool = False
    default: Any = None
    type: str = STR
    choices: tuple[str, ...] = ()
    clean: Callable[[Any], Any] | None = None


def parse_options(declared: Sequence[Option], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return *given* with defaults and converted values. An option that is None counts as not given.

    *what*: who has the options, for messages. Raises DnsError, whose text contains no value.
    """
    known = {option.name: option for option in declared}
    unknown = sorted(str(name) for name in given if name not in known)
    if unknown:
        known_names = f"{', '.join(known) or 'none'}{suggestion(unknown[0], known)}"
        raise DnsError(f"{what} has no option {_listed(unknown)}; known options: {known_names}")
    missing = [option.name for option in declared if option.required and given.get(option.name) in (None, "")]
    if missing:
        raise DnsError(f"{what} needs the option {_listed(missing)}")
    return {
        name: option.default if given.get(name) is None else _value(option, given[name], what)
        for name, option in known.items()
    }


def _value(option: Option, value: Any, what: str) -> Any:
    try:
        converted = _CONVERTERS[option.type](value)
    except (TypeError, ValueError, KeyError):
        raise DnsError(f"{what} needs {_TYPE_NAMES[option.type]} as '{option.name}'") from None
    if option.secret and isinstance(converted, str):
        # `ansible-vault encrypt_string` keeps the line break of its standard input.
        converted = converted.strip("\r\n")
    if option.clean:
        converted = option.clean(converted)
    if option.choices and converted not in option.choices:
        raise DnsError(f"invalid '{option.name}' of {what}: expected one of {', '.join(option.choices)}")
    return converted


def _text(value: Any) -> str:
    # A vaulted value is not a str in every ansible-core, but str() of it is the text.
    if isinstance(value, (bool, bytes, Mapping, list, tuple)):
        raise TypeError
    return str(value)


def _whole(value: Any) -> int:
    if isinstance(value, (bool, float)):
        raise TypeError
    return int(value)


def _list(value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return [_text(item) for item in value]


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(name): item for name, item in value.items()}


_CONVERTERS = {STR: _text, INT: _whole, BOOL: boolean, LIST: _list, DICT: _dict, ANY: lambda value: value}


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
