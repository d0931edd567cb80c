# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Convert values that users give to the types of options, and explain why a value is refused.

Strings from -e, surveys and environment variables are accepted wherever a module's option of that type accepts them.
The specs are those of the modules (argument_spec). Ansible's own validator takes ten times as long, shows secrets, and
stops at the first fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from ansible.module_utils.common.validation import check_type_dict
from ansible.module_utils.parsing.convert_bool import boolean

from .._common.text import one_line, shortened, suggestion
from . import ranges

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_LONGEST_SHOWN = 60  # characters


class Invalid(ValueError):
    """A value that an option does not accept. str(): the reason and what to give, without the value of a secret."""


class ContentGiven(Invalid):
    """The content of a file in an option that takes a path."""


def line(place: str, option: str, error: Exception) -> str:
    """Return the message for an option whose value caused *error*; many errors name the option themselves."""
    text = str(error)
    if isinstance(error, ContentGiven) and option.endswith("account_key_src"):
        text = f"this is a key, not the path of its file. Give it as {option[: -len('src')]}content"
    return f"{place}: {text}." if not option or text.startswith(option) else f"{place}: {option}: {text}."


def shown(value: Any) -> str:
    """Return a value as messages show it: its repr, at most 60 characters."""
    return shortened(repr(value), _LONGEST_SHOWN)


def to_text(value: Any, secret: bool = False) -> str:
    """Return a string; numbers are converted. Raises Invalid."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if secret and isinstance(value, Mapping) and "kty" in value:
        return json.dumps(value)  # a JWK: before ansible-core 2.19 a template's JSON becomes a mapping
    raise Invalid(f"{_describe(value, secret)} is not a string. Give a string, in quotes")


def to_path(value: Any, secret: bool = False) -> str:
    """Return a path, with '~' and variables left in it for the machine that the file is on to expand.

    Raises Invalid, without the value where that may be a file's content.
    """
    text = to_text(value, secret)
    if "-----BEGIN" in text or text.count("\n") > 1:
        raise ContentGiven("this is the content of a file, not its path. Give a path")
    if not text.isprintable():
        raise Invalid(f"{shown(text)} has characters that are not allowed in a path. Give a path")
    return text


def to_bool(value: Any, secret: bool = False) -> bool:
    """Return a boolean. Raises Invalid."""
    try:
        return bool(boolean(value))
    except TypeError:
        raise Invalid(f"{_describe(value, secret)} is neither true nor false. Give true or false") from None


def to_int(value: Any, secret: bool = False) -> int:
    """Return a whole number. Raises Invalid."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise Invalid(f"{_describe(value, secret)} is not a whole number. Give one, without a unit")


def to_mapping(value: Any, secret: bool = False) -> dict[str, Any]:
    """Return a mapping, also from a string of JSON or of key=value pairs. Raises Invalid."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):
        with suppress(TypeError):
            parsed = check_type_dict(value)
            if isinstance(parsed, dict):
                return parsed
    raise Invalid(f"{_describe(value, secret)} is not a mapping. Give a mapping")


def to_list(value: Any, secret: bool = False) -> list[Any]:
    """Return a list, also from a string with commas or from one number. Raises Invalid."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, str):
        return [part for part in map(str.strip, value.split(",")) if part]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [str(value)]
    raise Invalid(f"{_describe(value, secret)} is not a list. Give a list, each element after '- '")


def to_mappings(value: Any, secret: bool = False) -> list[Any]:
    """Return a list that should have mappings, also from a string of JSON. Raises Invalid."""
    if isinstance(value, str) and value.strip().startswith("["):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    raise Invalid(f"{_describe(value, secret)} is not a list of mappings. Give a list, each element after '- '")


_CONVERTERS: dict[str, Callable[[Any, bool], Any]] = {
    "str": to_text,
    "path": to_path,
    "bool": to_bool,
    "int": to_int,
    "dict": to_mapping,
    "list": to_list,
    "raw": lambda value, secret: value,
}


def convert(value: Any, kind: str, secret: bool = False) -> Any:
    """Return *value* converted to *kind*, a type by its name in an argument_spec. Raises Invalid."""
    return _CONVERTERS[kind](value, secret)


def validate_choice(value: str, choices: tuple[str, ...] | list[str]) -> None:
    """Raise Invalid if *value* is not one of *choices*."""
    if value not in choices:
        listed = ", ".join(choice or "''" for choice in choices)
        raise Invalid(f"{shown(value)} is unknown{suggestion(value, choices)}. Give one of {listed}")


def validate_range(value: int, least: int, most: int) -> None:
    """Raise Invalid if *value* is less than *least* or greater than *most*."""
    problem = ranges.problem(value, least, most)
    if problem:
        raise Invalid(problem)


def options(
    given: Mapping[str, Any], spec: Mapping[str, Any], place: str, lines: list[str], invalid: set[str] | None = None
) -> dict[str, Any]:
    """Return all options of *spec* with the values in *given*, converted; defaults for absent and invalid ones.

    A message for each fault is appended to *lines*, and begins with *place*. The names of invalid options are added to
    *invalid*.
    """
    unknown = [key for key in given if key not in spec]
    for key in unknown:
        hint = suggestion(key, spec)
        lines.append(f"{place}: unknown option '{one_line(key, 60)}'{hint}. Use one of {', '.join(spec)}.")
    result = {}
    for key, option in spec.items():
        value, before = given.get(key), len(lines)
        result[key] = option.get("default")
        if value is None:
            if option.get("required") and not unknown:  # the unknown key is probably a misspelling of this one
                lines.append(f"{place}: {key} is missing. Give {key}.")
            continue
        try:
            result[key] = _convert_option(value, option, f"{place}: {key}", lines)
        except Invalid as error:
            lines.append(line(place, key, error))
        if invalid is not None and len(lines) > before:
            invalid.add(key)
    return result


def _convert_option(value: Any, option: Mapping[str, Any], place: str, lines: list[str]) -> Any:
    secret = option.get("no_log") is True
    if option["type"] == "list" and option["elements"] == "dict":
        return elements(to_mappings(value, secret), option["options"], place, lines)
    converted = convert(value, option["type"], secret)
    if option["type"] == "list" and option["elements"] == "str":
        return [to_text(item, secret) for item in converted]
    if "choices" in option:
        validate_choice(converted, option["choices"])
    return converted


def elements(given: list[Any], spec: Mapping[str, Any], place: str, lines: list[str]) -> list[dict[str, Any]]:
    """Return a list of mappings, each converted by options(). The message of a fault has the number of its element."""
    secret = any(option.get("no_log") is True for option in spec.values())
    result = []
    for number, item in enumerate(given, 1):
        try:
            result.append(options(to_mapping(item, secret), spec, f"{place} {number}", lines))
        except Invalid as error:
            lines.append(f"{place} {number}: {error}.")
    return result


def _describe(value: Any, secret: bool) -> str:
    """Return a description of a value for a message: its type, or the value itself where it is short and no secret."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean" if secret else str(value).lower()
    return "the value" if secret else shown(value)
