# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The authoritative servers of a zone, and what one of them holds."""

from __future__ import annotations

from dataclasses import dataclass

from .resolver import Resolver


@dataclass(frozen=True)
class Server:
    """A zone's name server and all its addresses, IPv4 and IPv6."""

    name: str
    addresses: tuple[str, ...]


class Authorities:
    """Asks authoritative servers. Threads may share one; the servers of each zone are looked up once."""

    def __init__(self, resolver: Resolver, port: int = 53, timeout: float = 5.0) -> None:
        """*port* of every authoritative server; *timeout*: seconds for one answer."""
        raise NotImplementedError
