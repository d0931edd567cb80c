# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endpoints that have to serve a certificate (the option probe). Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..._common.errors import OptionError
from ..._common.identifiers import is_address, normalize

#: The protocols that start in plain text, and the port of each.
STARTTLS = {"smtp": 25, "imap": 143, "pop3": 110, "ldap": 389, "postgres": 5432}
_PORT = 443
# A name, an IPv4 address, or an IPv6 address with brackets or without.
_ZONE = r"(%[^\s/\[\]%]+)?"
_ADDRESS = re.compile(
    rf"[^\s/:\[\]]+|\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*{_ZONE}\]|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*{_ZONE}"
)
_LIKE_IPV4 = re.compile(r"[0-9.]+")
_IPV4 = re.compile(r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}")


class Endpoint(NamedTuple):
    """An endpoint. server_name: for SNI, or None. starttls: of STARTTLS, or None. timeout: seconds for the probe."""

    address: str
    port: int
    server_name: str | None
    starttls: str | None
    timeout: int

    def __str__(self) -> str:
        where = f"[{self.address}]" if ":" in self.address else self.address
        return f"{where}:{self.port}" + (f" ({self.server_name})" if self.server_name else "")


def parse_all(options: Iterable[Mapping[str, Any]], identifiers: Sequence[str]) -> tuple[Endpoint, ...]:
    """Parse the endpoints of a certificate for *identifiers* (normalized), each once. Raises OptionError."""
    return tuple(dict.fromkeys(parse(option, identifiers) for option in options))


def parse(option: Mapping[str, Any], identifiers: Sequence[str]) -> Endpoint:
    """Parse one element of the option. Raises OptionError."""
    starttls = option["starttls"] or None
    usual = STARTTLS[starttls] if starttls else _PORT
    port = usual if option["port"] is None else option["port"]
    if not 0 < port < 65536:
        raise OptionError(f"probe has the port {port}, which is not from 1 to 65535")
    if option["timeout"] < 1:
        raise OptionError(f"probe has the timeout {option['timeout']}: give a number of seconds")
    address = option["address"].strip()
    if not _ADDRESS.fullmatch(address) or (_LIKE_IPV4.fullmatch(address) and not _IPV4.fullmatch(address)):
        raise OptionError(f"probe has the address {address[:80]!r}: give a name or an IP address, and the port as port")
    name = normalize(option["server_name"]) if option["server_name"] else _server_name(identifiers)
    server_name = None if name is None or is_address(name) else name  # RFC 6066 section 3: not an address
    return Endpoint(address.strip("[]"), port, server_name, starttls, option["timeout"])


def _server_name(identifiers: Sequence[str]) -> str | None:
    """Return a name that the certificate is served for."""
    names = [name for name in identifiers if not is_address(name)]
    plain = [name for name in names if not name.startswith("*.")]
    return plain[0] if plain else names[0].replace("*", "www", 1) if names else None
