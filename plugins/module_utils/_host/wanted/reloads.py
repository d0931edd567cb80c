# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services, commands and handlers for a new certificate (the option reload). Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..._common.errors import OptionError
from ..._common.text import shortened, suggestion

SERVICE, COMMAND, NOTIFY = "service", "command", "notify"
KINDS = (SERVICE, COMMAND, NOTIFY)
TIMEOUT = 120  # seconds: more than the 90 that systemd gives a service

# It becomes an argument of a service manager's command.
_SERVICE = re.compile(r"[A-Za-z0-9@._:][A-Za-z0-9@._:-]*")


class Reload(NamedTuple):
    """One entry. what: a service's name, a handler's name, or a program with its arguments, without a shell.

    test: a program with its arguments that tests the configuration; without any, the service's own test is used, if it
    is known. timeout: seconds that the reload, and the test, may take.
    """

    kind: str
    what: str | tuple[str, ...]
    test: tuple[str, ...] = ()
    timeout: int = TIMEOUT

    @property
    def target(self) -> tuple[str, str | tuple[str, ...]]:
        """Kind and name of what is reloaded."""
        return self.kind, self.what

    def __str__(self) -> str:
        return self.what if isinstance(self.what, str) else " ".join(self.what)


def parse(entries: Iterable[Any]) -> tuple[Reload, ...]:
    """Parse the entries, each once. A text is a service's name. Raises OptionError."""
    return tuple(dict.fromkeys(_entry(entry) for entry in entries))


def _entry(entry: Any) -> Reload:
    if isinstance(entry, str):
        return Reload(SERVICE, _service(entry))
    found = [kind for kind in KINDS if isinstance(entry, Mapping) and kind in entry]
    more = set() if found == [NOTIFY] else {"test", "timeout"}
    if len(found) != 1 or set(entry) - {found[0]} - more:
        unknown = sorted(set(map(str, entry)) - {*KINDS, *more}) if isinstance(entry, Mapping) else []
        raise OptionError(
            f"reload has {_shown(entry)}: give a service's name, or a mapping of one of service, command and notify; "
            f"test and timeout may go with the first two{suggestion(unknown[0], (*KINDS, *more)) if unknown else ''}"
        )
    test = _arguments(entry["test"], "test") if entry.get("test") else ()
    timeout = _seconds(entry.get("timeout"))
    if found[0] == COMMAND:
        return Reload(COMMAND, _arguments(entry[COMMAND], COMMAND), test, timeout)
    if found[0] == SERVICE:
        return Reload(SERVICE, _service(entry[SERVICE]), test, timeout)
    if not isinstance(entry[NOTIFY], str) or not entry[NOTIFY].strip():
        raise OptionError(f"reload has {_shown(entry[NOTIFY])}, which is not the name of a handler")
    return Reload(NOTIFY, entry[NOTIFY].strip())


def _service(name: Any) -> str:
    # systemd accepts the name with and without the suffix.
    service = name.strip().removesuffix(".service") if isinstance(name, str) else ""
    if not _SERVICE.fullmatch(service):
        raise OptionError(f"reload has {_shown(name)}, which is not the name of a service")
    return service


def _seconds(value: Any) -> int:
    if value is None:
        return TIMEOUT
    try:
        seconds = int(value)  # a template gives a text
    except (TypeError, ValueError):
        seconds = 0
    if seconds < 1:
        raise OptionError(f"reload has the timeout {_shown(value)}: give a number of seconds")
    return seconds


def _arguments(value: Any, what: str) -> tuple[str, ...]:
    # A text would have to be split like a shell does; a list is unambiguous.
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(item, (str, int)) for item in value):
        raise OptionError(f"reload has the {what} {_shown(value)}: give a list of the program and its arguments")
    arguments = tuple(map(str, value))
    if not arguments[0] or "\0" in "".join(arguments):
        raise OptionError(f"reload has the {what} {_shown(value)}, which names no program")
    return arguments


def _shown(value: Any) -> str:
    return shortened(repr(value))
