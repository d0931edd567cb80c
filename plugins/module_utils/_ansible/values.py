# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of users, converted to the types of options, or refused with a message.

The texts of -e, of surveys and of environment variables are accepted as by a module's option of the same type. The
specs are those of the modules (argument_spec). Ansible's own validator takes ten times as long, shows secrets, and ends
at the first fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.validation import check_type_dict
from ansible.module_utils.parsing.convert_bool import boolean

from .._common.text import one_line, suggestion
from . import ranges

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_LONGEST_SHOWN = 60  # characters


class Invalid(ValueError):
    """An invalid value of an option. str(): the reason and the remedy, without the value if that is a secret."""


class ContentGiven(Invalid):
    """The content of a file, given instead of its path."""


def line(place: str, option: str, error: Exception) -> str:
    """Return the line for an option that *error* refuses; many messages name it already."""
    text = str(error)
    if isinstance(error, ContentGiven) and option.endswith("account_key_src"):
        text = f"this is a key, not the path of its file. Give it as {option[: -len('src')]}content"
    return f"{place}: {text}." if not option or text.startswith(option) else f"{place}: {option}: {text}."


def plain(value: Any) -> Any:
    """Return a templated value with texts, numbers, lists and mappings in it only.

    Before ansible-core 2.19 a vaulted text is an object of its own; YAML makes a date of what looks like one.
    """
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def shown(value: Any) -> str:
    """Return a value for a message, cut."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def to_text(value: Any, secret: bool = False) -> str:
    """Return a text. Raises Invalid."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise Invalid(f"{_what(value, secret)} is not a text. Give a text, in quotes")


def to_path(value: Any, secret: bool = False) -> str:
    """Return a path as it was given: '~' and variables in it are those of the machine that the file is on.

    Raises Invalid, which does not show what may be the file's content.
    """
    text = to_text(value, secret)
    if "-----BEGIN" in text or text.count("\n") > 1:
        raise ContentGiven("this is the content of a file, not its path. Give a path")
    if not text.isprintable():
        raise Invalid(f"{shown(text)} has characters that a path cannot have. Give a path")
    return text


def to_truth(value: Any, secret: bool = False) -> bool:
    """Return a boolean. Raises Invalid."""
    try:
        return bool(boolean(value))
    except TypeError:
        raise Invalid(f"{_what(value, secret)} is neither true nor false. Give true or false") from None


def to_whole(value: Any, secret: bool = False) -> int:
    """Return a whole number. Raises Invalid."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    raise Invalid(f"{_what(value, secret)} is not a whole number. Give one, without a unit")


def to_mapping(value: Any, secret: bool = False) -> dict[str, Any]:
    """Return a mapping; a text may have it as JSON or as key=value. Raises Invalid."""
    if isinstance(value, Mapping):
        return dict(value)
    try:
        if isinstance(value, str):
            found = check_type_dict(value)
            if isinstance(found, dict):
                return found
    except TypeError:
        pass
    raise Invalid(f"{_what(value, secret)} is not a mapping. Give a mapping")


def to_list(value: Any, secret: bool = False) -> list[Any]:
    """Return a list; a text may have one with commas, a number is a list of one. Raises Invalid."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, str):
        return [part for part in map(str.strip, value.split(",")) if part]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [str(value)]
    raise Invalid(f"{_what(value, secret)} is not a list. Give a list, each element after '- '")


def to_mappings(value: Any, secret: bool = False) -> list[Any]:
    """Return a list for mappings, which a text may have as JSON. Raises Invalid."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            pass
    if isinstance(value, (list, tuple)):
        return list(value)
    raise Invalid(f"{_what(value, secret)} is not a list of mappings. Give a list, each element after '- '")


_CONVERTERS: dict[str, Callable[[Any, bool], Any]] = {
    "str": to_text,
    "path": to_path,
    "bool": to_truth,
    "int": to_whole,
    "dict": to_mapping,
    "list": to_list,
    "raw": lambda value, secret: value,
}


def convert(value: Any, kind: str, secret: bool = False) -> Any:
    """Return *value* as an option of type *kind* has it. Raises Invalid."""
    return _CONVERTERS[kind](value, secret)


def check_choice(value: str, choices: tuple[str, ...] | list[str]) -> None:
    """Raise Invalid for a value that is not among *choices*."""
    if value not in choices:
        listed = ", ".join(choice or "''" for choice in choices)
        raise Invalid(f"{shown(value)} is unknown{suggestion(value, choices)}. Give one of {listed}")


def check_range(value: int, least: int, most: int) -> None:
    """Raise Invalid for a number that is not in a range."""
    problem = ranges.problem(value, least, most)
    if problem:
        raise Invalid(problem)


def options(
    given: Mapping[str, Any], spec: Mapping[str, Any], place: str, lines: list[str], invalid: set[str] | None = None
) -> dict[str, Any]:
    """Return the options of *spec* as *given*, converted, with defaults for those that are absent or invalid.

    *place*: begins the line of each fault, which is appended to *lines*. The names of invalid options are added to
    *invalid*.
    """
    unknown = [key for key in given if key not in spec]
    for key in unknown:
        near = suggestion(key, spec)
        lines.append(f"{place}: unknown option '{one_line(key, 60)}'{near}. It takes {', '.join(spec)}.")
    found = {}
    for key, option in spec.items():
        value, before = given.get(key), len(lines)
        found[key] = option.get("default")
        if value is None:
            if option.get("required") and not unknown:  # which is meant to be it, probably
                lines.append(f"{place}: {key} is missing. Give {key}.")
            continue
        try:
            found[key] = _option(value, option, f"{place}: {key}", lines)
        except Invalid as error:
            lines.append(line(place, key, error))
        if invalid is not None and len(lines) > before:
            invalid.add(key)
    return found


def _option(value: Any, option: Mapping[str, Any], place: str, lines: list[str]) -> Any:
    secret = option.get("no_log") is True
    if option["type"] == "list" and option["elements"] == "dict":
        return elements(to_mappings(value, secret), option["options"], place, lines)
    converted = convert(value, option["type"], secret)
    if option["type"] == "list" and option["elements"] == "str":
        return [to_text(item, secret) for item in converted]
    if "choices" in option:
        check_choice(converted, option["choices"])
    return converted


def elements(given: list[Any], spec: Mapping[str, Any], place: str, lines: list[str]) -> list[dict[str, Any]]:
    """Return a list of mappings, each as options() returns it. A fault names the number of its element."""
    secret = any(option.get("no_log") is True for option in spec.values())
    found = []
    for number, item in enumerate(given, 1):
        try:
            found.append(options(to_mapping(item, secret), spec, f"{place} {number}", lines))
        except Invalid as error:
            lines.append(f"{place} {number}: {error}.")
    return found


def _what(value: Any, secret: bool) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean" if secret else str(value).lower()
    return "the value" if secret else shown(value)
