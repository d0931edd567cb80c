# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers of data that another machine sent: they verify its types, size and characters. Standard library only.

A reader takes a value and its place in the answer (`requests[0].csr_content`) and returns what is let through: plain
texts, lists and mappings, without the tags that an answer may give them. It raises Malformed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, TypeVar

from .times import as_time

Reader = Callable[[Any, str], Any]
Word = TypeVar("Word", bound=Enum)

_LONGEST_TEXT = 4096  # characters
_LONGEST_PEM = 1 << 20  # characters: the largest file of a version that a host reads
_PEM = re.compile(r"[A-Za-z0-9+/=\-\r\n ]*")
_LONGEST_MESSAGE = 1 << 12  # characters: an answer may have many, and the plan prints them
_LONGEST_REPORT = 1 << 16  # characters
_GREATEST_COUNT = 1_000_000
_MOST_LEVELS = 10  # of lists and mappings in each other


class Malformed(ValueError):
    """A value breaks its contract. str(): where and how, such as `requests[0].csr_content is missing`."""


def anything(value: Any, place: str, levels: int = _MOST_LEVELS) -> Any:
    """Read a value of the task's own, whatever it is."""
    if not levels:
        raise Malformed(f"{place} has more than {_MOST_LEVELS} levels")
    if isinstance(value, dict):
        return {key: anything(item, place, levels - 1) for key, item in value.items()}
    return [anything(item, place, levels - 1) for item in value] if isinstance(value, list) else value


def flag(value: Any, place: str) -> bool:
    """Read a boolean."""
    if not isinstance(value, bool):
        raise Malformed(f"{place} is not a boolean")
    return value


def positive(value: Any, place: str) -> int:
    """Read a whole number from one up to a million."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _GREATEST_COUNT:
        raise Malformed(f"{place} is not a whole number from 1 to {_GREATEST_COUNT}")
    return value


def string(value: Any, place: str) -> str:
    """Read a text of the controller's own, with any characters."""
    if not isinstance(value, str):
        raise Malformed(f"{place} is not a text")
    return _plain(value)


def text(pattern: str = ".*", longest: int = _LONGEST_TEXT) -> Reader:
    """Return a reader of one line of printable characters that matches *pattern* as a whole."""
    compiled = re.compile(pattern)

    def read(value: Any, place: str) -> str:
        found = _text(value, place, longest)
        if not found.isprintable() or not compiled.fullmatch(found):
            raise Malformed(f"{place} has characters or a form that it cannot have")
        return found

    return read


def pem(value: Any, place: str) -> str:
    """Read a PEM file. A damaged file, with characters that PEM does not have (RFC 7468), becomes an empty text."""
    found = _text(value, place, _LONGEST_PEM)
    return found if _PEM.fullmatch(found) else ""


def message(value: Any, place: str) -> str:
    """Read a text for people into one line. Each unprintable character becomes a '?', a line break a blank."""
    return printable(value, place, " ", _LONGEST_MESSAGE).rstrip()


def printable(value: Any, place: str, line_break: str = "\n", longest: int = _LONGEST_REPORT) -> str:
    """Read a text for people, and cut it after *longest* characters. Each unprintable character becomes a '?'."""
    found = string(value, place)[:longest]
    if found.isprintable():
        return found
    # splitlines() also knows the line breaks that a terminal acts on beside "\n".
    return "".join(_printable_line(line, line_break) for line in found.splitlines(keepends=True))


def _printable_line(line: str, line_break: str) -> str:
    content = line.splitlines()[0]
    shown = "".join(char if char.isprintable() else "?" for char in content.replace("\t", " "))
    return shown if content == line else shown + line_break


def instant(value: Any, place: str) -> str:
    """Read an instant as manifests have it: 2026-11-28T12:00:00Z."""
    found = _text(value, place, _LONGEST_TEXT)
    if as_time(found):
        return found
    raise Malformed(f"{place} is not an instant")


def one_of(allowed: Collection[str]) -> Reader:
    """Return a reader of one of the texts that the host was asked about."""

    def read(value: Any, place: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise Malformed(f"{place} is not one that was asked for")
        return _plain(value)

    return read


def member(words: type[Word], *allowed: Word) -> Callable[[Any, str], Word]:
    """Return a reader of one of the words of an enum, or of those *allowed* of them."""
    known = {word.value: word for word in allowed or words}

    def read(value: Any, place: str) -> Word:
        if not isinstance(value, str) or value not in known:
            raise Malformed(f"{place} is not one of {', '.join(filter(None, known))}")
        return known[value]

    return read


def nullable(reader: Reader) -> Reader:
    """Return a reader of null, and of what *reader* accepts."""
    return lambda value, place: None if value is None else reader(value, place)


def listing(element: Reader, most: int = 1000) -> Reader:
    """Return a reader of a list of at most *most* elements."""

    def read(value: Any, place: str) -> list[Any]:
        if not isinstance(value, list):
            raise Malformed(f"{place} is not a list")
        if len(value) > most:
            raise Malformed(f"{place} has {len(value)} elements, more than {most}")
        return [element(item, f"{place}[{number}]") for number, item in enumerate(value)]

    return read


def table(key: Reader, element: Reader, most: int = 1000) -> Reader:
    """Return a reader of a mapping of at most *most* keys, which the controller does not know beforehand."""

    def read(value: Any, place: str) -> dict[str, Any]:
        _refuse_other_than_mapping(value, place)
        if len(value) > most:
            raise Malformed(f"{place} has {len(value)} keys, more than {most}")
        return {key(name, f"a key of {place}"): element(item, f"{place}.{name}") for name, item in value.items()}

    return read


def record(fields: Mapping[str, Reader], optional: Collection[str] = ()) -> Reader:
    """Return a reader of a mapping of *fields*, all but *optional* ones required. It drops all other keys."""

    def read(value: Any, place: str) -> dict[str, Any]:
        _refuse_other_than_mapping(value, place)
        prefix = f"{place}." if place else ""
        for name in fields:
            if name not in value and name not in optional:
                raise Malformed(f"{prefix}{name} is missing")
        return {name: field(value[name], prefix + name) for name, field in fields.items() if name in value}

    return read


def _text(value: Any, place: str, longest: int) -> str:
    found = string(value, place)
    if len(found) > longest:
        raise Malformed(f"{place} has {len(found)} characters, more than {longest}")
    return found


def _plain(value: str) -> str:
    # From ansible-core 2.19 on a text may be tagged, such as deprecated with a message of the host's.
    return "".join([value])


def _refuse_other_than_mapping(value: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise Malformed(f"{place or 'the answer'} is not a mapping")
