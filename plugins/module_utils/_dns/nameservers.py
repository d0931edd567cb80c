# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parse the addresses of resolvers. Standard library only: the variables of the role are validated with it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .errors import DnsError


def parse(texts: Sequence[str]) -> dict[str, int]:
    """Return the port of each address, from texts like "192.0.2.1" or "[2001:db8::1]:53". Raises DnsError."""
    given = [_server(text) for text in texts]
    ports = dict(given)
    # dnspython distinguishes servers by their addresses only.
    if len(ports) < len(set(given)):
        raise DnsError("resolver has an address twice with different ports: keep one of them")
    return ports


def _server(text: str) -> tuple[str, int]:
    """Return the address and the port of a resolver. Raises DnsError."""
    host, port = text.strip(), "53"
    if "://" in host:
        raise DnsError(
            f"resolver {text[:80]!r} is a URL: DNS over HTTPS, TLS and QUIC are not supported. Give an IP address"
        )
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
        raise DnsError(f"invalid resolver {text[:80]!r}: expected ADDRESS, IPV4:PORT or [IPV6]:PORT")
    return address, int(port)
