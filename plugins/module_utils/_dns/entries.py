# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of acme_dns, by zone: their form, their options and their permissions for CNAMEs from other zones.

The owner of a zone must not choose names to write in other zones: an entry lists to which names CNAMEs may lead. An
entry without a provider writes nothing: it only has the CNAME that its records have.

Standard library only: the variables of the role are validated with it for every host. Options that only the
library of a provider knows are validated when the provider is created.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from .._common.statuses import WaitMode
from .._common.text import suggestion
from . import task_files
from .errors import DnsError
from .options import INT, LIST, Option, parse_options
from .provider_options import BUILT_IN
from .records import canonical, is_within
from .task_files import TaskFile

#: The provider of an entry that is left to tasks_file, like records without an entry.
OWN_TASKS = "tasks"
CNAME_TARGETS, WAIT, DELAY, CNAME = "cname_targets", "wait", "delay", "cname"
DEFAULT_TARGETS = ("_acme-challenge.*",)
#: The longest delay in seconds. No order lasts longer.
LONGEST_DELAY = 7 * 86400

_MODES = tuple(mode.value for mode in WaitMode)
#: The options of every entry, whatever its provider.
COMMON_OPTIONS = (
    Option(CNAME_TARGETS, "Names to which CNAMEs of others may lead.", type=LIST, default=DEFAULT_TARGETS),
    Option(WAIT, "Whom to ask for the records of this entry, in place of `acme_dns_wait`.", choices=_MODES),
    Option(DELAY, "Seconds to wait for them, in place of `acme_dns_delay`.", type=INT),
    Option(CNAME, "The name that the CNAMEs of this entry's records lead to. Nobody is asked for them then."),
)
_ALL, _REST = "*", ".*"


class CommonOptions(NamedTuple):
    """The values of COMMON_OPTIONS. wait and delay: None where the entry has none; cname: empty without one."""

    cname_targets: tuple[str, ...]
    wait: WaitMode | None
    delay: int | None
    cname: str


class Entry(NamedTuple):
    """An entry of acme_dns. task_file: the tasks file of the role for the provider, if there is one.

    provider: empty for an entry that only has a CNAME.
    """

    provider: str
    options: Mapping[str, Any]
    common: CommonOptions
    task_file: TaskFile | None = None


def entry_label(key: str) -> str:
    """Return the name of an entry for messages."""
    return f"entry {key!r} of zones (acme_dns)"


def parse_keys(zones: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys of *zones* by the names that they stand for. Raises DnsError for an invalid key."""
    keys: dict[str, str] = {}
    for key in zones:
        name = parse_key(key)
        if name in keys:
            raise DnsError(f"zones (acme_dns) has the same name twice, as {keys[name]!r} and as {key!r}")
        keys[name] = key
    return keys


def parse_key(key: Any) -> str:
    """Return the name that a key stands for, or '*'. Raises DnsError."""
    if key == _ALL:
        return _ALL
    try:
        return _canonical(key)
    except (DnsError, UnicodeError, AttributeError):
        raise DnsError(f"{entry_label(key)}: invalid key: expected the name of a zone or of a record, or '*'") from None


def parse(key: str, given: Any, has_tasks_file: bool) -> Entry:
    """Return an entry. *has_tasks_file*: there is a file for OWN_TASKS. Raises DnsError, without any secret in it."""
    try:
        return _parse(given, has_tasks_file)
    except DnsError as error:
        raise DnsError(f"{entry_label(key)}: {error}") from None


def parse_common(key: str, given: Any) -> CommonOptions:
    """Return the options of an entry that do not depend on its provider. Raises DnsError."""
    try:
        return _parse_common(given)
    except DnsError as error:
        raise DnsError(f"{entry_label(key)}: {error}") from None


def is_only_cname(given: Any) -> bool:
    """Return True if an entry has a CNAME and no provider."""
    return isinstance(given, Mapping) and bool(given.get(CNAME)) and not given.get("provider")


def _parse_common(given: Any) -> CommonOptions:
    if not isinstance(given, Mapping):
        raise DnsError("expected a mapping of 'provider' and the options of that provider")
    names = [option.name for option in COMMON_OPTIONS]
    values = parse_options(COMMON_OPTIONS, {name: given.get(name) for name in names}, "the entry")
    delay = values[DELAY]
    if delay is not None and not 0 <= delay <= LONGEST_DELAY:
        raise DnsError(f"invalid {DELAY!r} of the entry: expected seconds from 0 to {LONGEST_DELAY}")
    targets = tuple(_parse_target(text) for text in values[CNAME_TARGETS])
    wait = WaitMode(values[WAIT]) if values[WAIT] else None
    return CommonOptions(targets, wait, delay, _parse_cname(values[CNAME] or ""))


def _parse(given: Any, has_tasks_file: bool) -> Entry:
    common = _parse_common(given)
    known_to_all = ("provider", *(option.name for option in COMMON_OPTIONS))
    options = {name: value for name, value in given.items() if name not in known_to_all}
    name = str(given.get("provider") or "")
    if is_only_cname(given):
        return Entry(name, parse_options((), options, f"an entry with {CNAME!r} and without 'provider'"), common)
    if name in BUILT_IN:
        return Entry(name, BUILT_IN[name].parse(name, options), common)
    if name == OWN_TASKS:
        if not has_tasks_file:
            raise DnsError(f"the provider {name} needs tasks_file (acme_dns_tasks)")
        return Entry(name, options, common)
    by_tasks = task_files.names()
    if name not in by_tasks:
        known = [*BUILT_IN, *by_tasks, OWN_TASKS]
        what = f"unknown provider {name[:80]!r}" if name else "'provider' is missing"
        raise DnsError(
            f"{what}; known are {', '.join(known)}{suggestion(name, known) if name else ''}; the providers of "
            "dns-lexicon are given as provider lexicon with their 'name'"
        )
    file = task_files.find(name)
    return Entry(name, parse_options(file.options, options, name), common, file)


def is_target(name: str, targets: Collection[str]) -> bool:
    """Return True if *targets* has the name, in the form of canonical().

    A target allows itself and all names below it. With '.*' at its end it allows all names that begin with it. '*'
    allows all names.
    """
    return any(
        target == _ALL or (name.startswith(target[:-1]) if target.endswith(_REST) else is_within(name, target))
        for target in targets
    )


def _parse_target(text: str) -> str:
    if text == _ALL:
        return text
    rest = _REST if text.endswith(_REST) else ""
    try:
        return _canonical(text.removesuffix(rest)) + rest
    except (DnsError, UnicodeError):
        raise DnsError(
            f"{CNAME_TARGETS} has the invalid element {text[:80]!r}: expected NAME, BEGINNING.* or *"
        ) from None


def _parse_cname(text: str) -> str:
    try:
        return _canonical(text) if text else ""
    except (DnsError, UnicodeError):
        raise DnsError(f"{CNAME} has the invalid value {text[:80]!r}: expected the name of a record") from None


def _canonical(name: str) -> str:
    """Return a name that may have letters of other scripts. Raises DnsError, UnicodeError."""
    return canonical(name if name.isascii() else name.encode("idna").decode())
