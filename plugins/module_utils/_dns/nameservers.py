# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Name servers as people write them. Standard library only: variables of the role are checked with it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .errors import DnsError


def parse(texts: Sequence[str]) -> dict[str, int]:
    """Return the port of each address. Raises DnsError."""
    given = [_server(text) for text in texts]
    ports = dict(given)
    # The library tells servers apart by address alone.
    if len(ports) < len(set(given)):
        raise DnsError("resolver has the same address twice, with two ports")
    return ports


def _server(text: str) -> tuple[str, int]:
    """Address and port of a resolver as people write it. Raises DnsError."""
    host, port = text.strip(), "53"
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        port = rest.removeprefix(":") if rest else port if bracket else ""
    elif host.count(":") == 1:
        host, port = host.split(":")
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        address = ""
    if not address or not port.isdecimal() or not 0 < int(port) < 65536:
        raise DnsError(
            f"resolver {text[:80]!r} is not an address, with or without a port: 192.0.2.1, 192.0.2.1:5353, [::1]:53"
        )
    return address, int(port)
