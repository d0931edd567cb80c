# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate other variables of the role, each by the function that a later step parses it with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import values as to
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.adopt_options import FILE_SPEC, FOLDER_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import name_problem
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_interval, parse_time
from ansible_collections.certfleet.tls.plugins.module_utils._dns import entries, nameservers
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import absolute
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.rate_limits import limits_of_all
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.selection import Selection, parse_serial


def validate(values: Mapping[str, Any], place: str, lines: list[str]) -> None:
    """Append a message for each fault in variables that all entry points have. *values*: converted."""
    given = {name: value for name, value in values.items() if value}
    _validate_path(f"{place}: acme_home", values.get("acme_home", "/"), lines)
    _validate_path(f"{place}: acme_cache", given.get("acme_cache", "/"), lines)
    for option, function in _PARSERS.items():
        if option in given:
            _attempt(place, lines, function, given[option], option=option)
    for name, limits in given.get("acme_limits", {}).items():
        _attempt(place, lines, limits_of_all, {name: limits}, option="acme_limits")
    problem = name_problem(values.get("acme_list", "default"))
    if problem:
        lines.append(f"{place}: acme_list: {problem}.")
    _validate_dns(given, place, lines)


_PARSERS: dict[str, Callable[[Any], object]] = {
    "acme_run_interval": parse_interval,
    "acme_history": absolute,
    "acme_dns_resolver": nameservers.parse,
}


def _validate_dns(given: Mapping[str, Any], place: str, lines: list[str]) -> None:
    tasks = given.get("acme_dns_tasks", "")
    file = os.path.expanduser(os.path.expandvars(tasks))
    # include_tasks searches several folders for a relative path, which are unknown here.
    if os.path.isabs(file) and not os.path.isfile(file):
        lines.append(f"{place}: acme_dns_tasks: {tasks} does not exist on the controller. Give a tasks file.")
    zones = given.get("acme_dns", {})
    usable = {key: entry for key, entry in zones.items() if _attempt(place, lines, entries.parse_key, key)}
    _attempt(place, lines, entries.parse_keys, usable)
    for key, value in usable.items():
        entry = _attempt(place, lines, entries.parse, key, value, bool(tasks))
        if entry and entry.provider == "exec" and not _is_program(entry.options["program"]):
            lines.append(
                f"{place}: {entries.entry_label(key)}: {to.shown(entry.options['program'])} is not a program on the "
                "controller. Give the path of one."
            )


def validate_adoption(values: Mapping[str, Any], place: str, lines: list[str]) -> None:
    """Append a message for each fault in the folders and files that adopt takes certificates over from."""
    for option, spec in (("acme_adopt_folders", FOLDER_SPEC), ("acme_adopt_files", FILE_SPEC)):
        for number, item in enumerate(to.elements(values.get(option) or [], spec, f"{place}: {option}", lines), 1):
            for name, path in item.items():
                if spec[name]["type"] == "path" and path is not None:
                    _validate_path(f"{place}: {option} {number}: {name}", path, lines)


def validate_replacement(values: Mapping[str, Any], place: str, lines: list[str]) -> None:
    """Append a message for each fault in the selection of replace."""
    prefix = "acme_replace_"
    selection = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    source = selection.get("serials_src")
    if source and not os.path.isfile(os.path.expanduser(source)):
        lines.append(f"{place}: acme_replace_serials_src: {source} does not exist on the controller. Give a file.")
    _attempt(place, lines, Selection.parse, selection, lambda _path: "00", datetime.now(timezone.utc))


def validate_revocation(values: Mapping[str, Any], place: str, lines: list[str]) -> None:
    """Append a message for each fault in the selection of revoke."""
    names, serials = _texts(values.get("acme_revoke")), _texts(values.get("acme_revoke_serials"))
    if not names and not serials:
        lines.append(f"{place}: acme_revoke: it selects no certificate. Give acme_revoke or acme_revoke_serials.")
    for name in names:
        problem = name_problem(name)
        if problem:
            lines.append(f"{place}: acme_revoke: {to.shown(name)}: {problem}.")
    for serial in serials:
        _attempt(place, lines, parse_serial, serial, option="acme_revoke_serials")
    for path in _texts(values.get("acme_revoke_files")):
        if not os.path.isfile(os.path.expanduser(path)):
            lines.append(f"{place}: acme_revoke_files: {path} does not exist on the controller. Give a file.")
    before = values.get("acme_revoke_before")
    if before:
        _attempt(place, lines, parse_time, before, option="acme_revoke_before")


def _texts(value: Iterable[str] | None) -> list[str]:
    """Return the elements of a list, split at commas, since -e gives a list as one string."""
    return [part for text in value or () for part in map(str.strip, text.split(",")) if part]


def _attempt(place: str, lines: list[str], function: Callable[..., Any], *arguments: Any, option: str = "") -> Any:
    """Return what *function* returns; None if it raises, which appends a message.

    *option*: the name for messages that do not name their option.
    """
    try:
        return function(*arguments)
    except CollectionError as error:
        lines.append(to.line(place, option, error))
        return None


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _validate_path(option: str, path: str, lines: list[str]) -> None:
    """Append a message if *path* is not absolute after '~' and variables in it are expanded."""
    if not path.startswith(("/", "~", "$")):
        lines.append(f"{option}: {to.shown(path)} is not an absolute path. Give one.")
