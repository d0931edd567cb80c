# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules for each name, by the entries of acme_dns: which entry writes it, its CNAME, whom to ask, how long to wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._common.statuses import WaitMode
from .entries import CommonOptions, is_only_cname, is_target, parse_common, parse_keys
from .zones import Location

_ALL, _TASKS_FILE = "*", ""


class Wait(NamedTuple):
    """The wait for a record. mode: whom to ask for it. delay: seconds to wait besides."""

    mode: WaitMode = WaitMode.AUTHORITATIVE
    delay: int = 0


#: Without any setting.
DEFAULT_WAIT = Wait()


class WaitRules:
    """The rules that the option zones (acme_dns) has for names. All names are in the form of canonical()."""

    def __init__(self, zones: Mapping[str, Any], default: Wait = DEFAULT_WAIT, has_tasks_file: bool = False) -> None:
        """*default*: for all that no entry says. Raises DnsError for an invalid key."""
        self.default = default
        self._zones = zones
        self._has_tasks_file = has_tasks_file
        self._keys = parse_keys(zones)
        self._common: dict[str, CommonOptions] = {}

    def key(self, name: str) -> str | None:
        """Return the entry that writes to *name*, after CNAMEs: the longest key that is it or a parent of it, or '*'.

        '' stands for tasks_file. None if there is neither.
        """
        writers = (key for key in self._matching(name) if not is_only_cname(self._zones[key]))
        return next(writers, _TASKS_FILE if self._has_tasks_file else None)

    def key_of(self, location: Location) -> str | None:
        """Return the entry that writes a record.

        That of its target counts before the one that the target is the CNAME of, and this one before '*'.
        """
        key = self.key(location.target)
        named_by = self._named_by(location)
        if key in (_ALL, _TASKS_FILE, None) and named_by and not is_only_cname(self._zones[named_by]):
            return named_by
        return key

    def has_writer(self, name: str) -> bool:
        """Return True if *name*, after CNAMEs, can be written."""
        return self.key(name) is not None

    def is_named(self, location: Location) -> bool:
        """Return True if an entry, and not the DNS, says that the record is stored at its target.

        If CNAMEs in the DNS lead to a name of that entry, it has to allow this name: it is not for all zones.
        """
        key = self._named_by(location)
        if key is None:
            return False
        *before, last = location.aliases
        return not before or is_target(last, self._of(key).cname_targets)

    def cname(self, name: str) -> str:
        """Return the CNAME that the entry of *name* has for it; empty without one."""
        key = next(self._matching(name), None)
        cname = self._of(key).cname if key is not None else ""
        return cname if cname != name else ""

    def wait(self, location: Location) -> Wait:
        """Return the wait for a record. Raises DnsError for an entry with invalid options."""
        return self._wait(self._named_by(location), self.key_of(location))

    def wait_of_name(self, name: str) -> Wait:
        """Return the wait for a record whose location is unknown. Raises DnsError for an entry with invalid options."""
        return self._wait(next(self._matching(name), None))

    def _wait(self, *keys: str | None) -> Wait:
        """Return the wait that the first one of *keys* has which has any."""
        mode, delay = None, None
        for own in (self._of(key) for key in keys if key):
            mode = own.wait if mode is None else mode
            delay = own.delay if delay is None else delay
        return Wait(self.default.mode if mode is None else mode, self.default.delay if delay is None else delay)

    def _named_by(self, location: Location) -> str | None:
        key = next(self._matching(location.aliases[-1]), None) if location.aliases else None
        return key if key is not None and self._of(key).cname == location.target else None

    def _of(self, key: str) -> CommonOptions:
        if key not in self._common:
            self._common[key] = parse_common(key, self._zones[key])
        return self._common[key]

    def _matching(self, name: str) -> Iterator[str]:
        """Yield the keys of a name, the longest one first."""
        while name:
            if name in self._keys:
                yield self._keys[name]
            name = name.partition(".")[2]
        if _ALL in self._zones:
            yield _ALL
