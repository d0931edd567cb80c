# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validate other variables of the role, each by the function that a later step parses it with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import values as to
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.adopt_options import FILE_SPEC, FOLDER_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import name_problem
from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_interval, parse_time
from ansible_collections.certfleet.tls.plugins.module_utils._dns import entries, nameservers
from ansible_collections.certfleet.tls.plugins.module_utils._dns.wait_rules import WaitRules
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import absolute
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.rate_limits import limits_of_all
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.selection import Selection, parse_serial

from .faults import Faults


def validate(values: Mapping[str, Any], faults: Faults) -> None:
    """Add the faults in variables that all entry points have. *values*: converted."""
    given = {name: value for name, value in values.items() if value}
    _validate_path("acme_home", values.get("acme_home", "/"), faults)
    _validate_path("acme_cache", given.get("acme_cache", "/"), faults)
    for option, function in _PARSERS.items():
        if option in given:
            faults.attempt(option, function, given[option])
    for name, limits in given.get("acme_limits", {}).items():
        faults.attempt("acme_limits", limits_of_all, {name: limits})
    problem = name_problem(values.get("acme_list", "default"))
    if problem:
        faults.add("acme_list", f"{problem}.")
    _validate_dns(given, faults)


_PARSERS: dict[str, Callable[[Any], object]] = {
    "acme_run_interval": parse_interval,
    "acme_history": absolute,
    "acme_dns_resolver": nameservers.parse,
}


def _validate_dns(given: Mapping[str, Any], faults: Faults) -> None:
    tasks = given.get("acme_dns_tasks", "")
    file = os.path.expanduser(os.path.expandvars(tasks))
    # include_tasks searches several folders for a relative path, which are unknown here.
    if os.path.isabs(file) and not os.path.isfile(file):
        faults.add("acme_dns_tasks", f"{tasks} does not exist on the controller. Give a tasks file.")
    zones = given.get("acme_dns", {})
    usable = {key: entry for key, entry in zones.items() if faults.attempt("", entries.parse_key, key)}
    faults.attempt("", entries.parse_keys, usable)
    for key, value in usable.items():
        entry = faults.attempt("", entries.parse, key, value, bool(tasks))
        if entry and entry.provider == "exec" and not _is_program(entry.options["program"]):
            faults.add(
                entries.entry_label(key),
                f"{to.shown(entry.options['program'])} is not a program on the controller. Give the path of one.",
            )
        cname = entry.common.cname if entry and not entry.provider else ""
        if cname and not WaitRules(usable, has_tasks_file=bool(tasks)).has_writer(cname):
            faults.add(entries.entry_label(key), f"no entry has a provider for its cname {cname}. Add one.")


def validate_adoption(values: Mapping[str, Any], faults: Faults) -> None:
    """Add the faults in the folders and files that adopt takes certificates over from."""
    for option, spec in (("acme_adopt_folders", FOLDER_SPEC), ("acme_adopt_files", FILE_SPEC)):
        items = to.elements(values.get(option) or [], spec, f"{faults.place}: {option}", faults.lines)
        for number, item in enumerate(items, 1):
            for name, path in item.items():
                if spec[name]["type"] == "path" and path is not None:
                    _validate_path(f"{option} {number}: {name}", path, faults)


def validate_replacement(values: Mapping[str, Any], faults: Faults) -> None:
    """Add the faults in the selection of replace."""
    prefix = "acme_replace_"
    selection = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    source = selection.get("serials_src")
    if source and not os.path.isfile(os.path.expanduser(source)):
        faults.add("acme_replace_serials_src", f"{source} does not exist on the controller. Give a file.")
    faults.attempt("", Selection.parse, selection, lambda _path: "00", datetime.now(timezone.utc))


def validate_revocation(values: Mapping[str, Any], faults: Faults) -> None:
    """Add the faults in the selection of revoke."""
    names, serials = values.get("acme_revoke", ()), values.get("acme_revoke_serials", ())
    if not names and not serials:
        faults.add("acme_revoke", "it selects no certificate. Give acme_revoke or acme_revoke_serials.")
    for name in names:
        problem = name_problem(name)
        if problem:
            faults.add("acme_revoke", f"{to.shown(name)}: {problem}.")
    for serial in serials:
        faults.attempt("acme_revoke_serials", parse_serial, serial)
    for path in values.get("acme_revoke_files", ()):
        if not os.path.isfile(os.path.expanduser(path)):
            faults.add("acme_revoke_files", f"{path} does not exist on the controller. Give a file.")
    before = values.get("acme_revoke_before")
    if before:
        faults.attempt("acme_revoke_before", parse_time, before)


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _validate_path(option: str, path: str, faults: Faults) -> None:
    """Add a fault if *path* is not absolute after '~' and variables in it are expanded."""
    if not path.startswith(("/", "~", "$")):
        faults.add(option, f"{to.shown(path)} is not an absolute path. Give one.")
