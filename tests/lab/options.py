# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import LabError


@dataclass
class Options:
    """Options of a lab."""

    hosts: int = 3  # web1, web2, ..., 1,000 at most
    lb: int | None = None  # how many of them lb.lab.test leads to; None: all
    forks: int | None = None  # of Ansible; None: one for each host, 20 at most
    eab: bool = False  # the CA wants external account binding
    dns_zones: bool = False  # there are lab.authorities and their zones
    collections_path: str | None = None  # Ansible's; None: this checkout
    pebble_env: dict[str, str] = field(default_factory=dict)
    pebble_config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.hosts <= 1000:  # a bridge takes 1,023 links
            raise LabError(f"a lab has 1 to 1,000 hosts, not {self.hosts}")
