# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wanted certificate, checked before anything is changed for it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .attributes import Attributes, resolve
from .errors import OptionError
from .identifiers import check, names
from .listen import Listen
from .manifest import name_problem

# It becomes an argument of a service manager's command.
_SERVICE = re.compile(r"[A-Za-z0-9@._:][A-Za-z0-9@._:-]*")


@dataclass(frozen=True)
class Wanted:
    """A certificate as the options ask for it."""

    name: str
    identifiers: list[str]
    key_type: str
    profile: str | None
    services: tuple[str, ...]
    attributes: Attributes

    @classmethod
    def of(cls, option: Mapping[str, Any]) -> Wanted:
        """Raises HostError for what cannot be wanted."""
        check_name(option["name"])
        for listen in filter(None, (option["http_01_listen"], option["tls_alpn_01_listen"])):
            Listen.of(listen)
        return cls(
            name=option["name"],
            identifiers=names(check(option["identifiers"], option["challenge"])),
            key_type=option["key_type"],
            profile=option["profile"] or None,
            services=services(option["reload"]),
            attributes=resolve(option),
        )


def check_name(name: str) -> None:
    """Raise OptionError for a name that cannot become a file's."""
    problem = name_problem(name)
    if problem:
        raise OptionError(problem)


def services(names: Iterable[str]) -> tuple[str, ...]:
    """Names of services, checked. Raises OptionError."""
    stripped = [name.strip() for name in names]
    for name in stripped:
        if not _SERVICE.fullmatch(name):
            raise OptionError(f"reload has {name!r}, which is not the name of a service")
    return tuple(dict.fromkeys(stripped))


def check_home(home: str) -> None:
    """Raise OptionError for a home that is not a place."""
    if not os.path.isabs(home):
        raise OptionError(f"home {home!r} is not an absolute path")


def twice(options: Iterable[Mapping[str, Any]]) -> set[str]:
    """The names that more than one certificate has."""
    return {name for name, times in Counter(option["name"] for option in options).items() if times > 1}
