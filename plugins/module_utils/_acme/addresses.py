# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Classes of IP addresses, and to which of them requests for a name may be sent.

The owner of a name chooses its addresses and its redirects. The controller may be in networks that this owner cannot
reach. So a request goes to an address that is not public only if the name itself has addresses of the same class.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Union

Address = Union[IPv4Address, IPv6Address]

PUBLIC, LOOPBACK, LINK_LOCAL = "public", "loopback", "link-local"
PRIVATE, UNIQUE_LOCAL, SHARED = "private", "unique-local", "shared"
UNSPECIFIED, MULTICAST, RESERVED = "unspecified", "multicast", "reserved"

# Classes, besides public addresses, in which fleets have their servers.
_OF_FLEETS = (PRIVATE, UNIQUE_LOCAL, SHARED)
# No server has such an address; some systems connect 0.0.0.0 to themselves.
_OF_NOBODY = (UNSPECIFIED, MULTICAST)

# IANA's registries of special-purpose addresses. The properties of the ipaddress module are not used: they differ
# between versions of Python, and lack some of these classes.
_DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
_NETWORKS = {
    UNSPECIFIED: ("0.0.0.0/8", "::/128"),
    LOOPBACK: ("127.0.0.0/8", "::1/128"),
    LINK_LOCAL: ("169.254.0.0/16", "fe80::/10"),
    PRIVATE: ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    UNIQUE_LOCAL: ("fc00::/7",),
    SHARED: ("100.64.0.0/10",),
    MULTICAST: ("224.0.0.0/4", "ff00::/8"),
    RESERVED: (*_DOCUMENTATION, "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4", "2001::/23"),
    # Last, since reserved networks are in it.
    PUBLIC: ("2000::/3",),
}
_CLASSES = tuple((ip_network(network), name) for name, networks in _NETWORKS.items() for network in networks)
# Networks whose addresses contain an IPv4 address, and how many bits follow it: mapped and compatible (RFC 4291),
# NAT64 (RFC 6052), 6to4 (RFC 3056).
_CARRIERS = (
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("::/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("2002::/16"), 80),
)


def parse_address(text: str) -> Address:
    """Return the address. A zone, as in 'fe80::1%eth0', is ignored. Raises ValueError."""
    return ip_address(text.partition("%")[0])


def address_class(address: Address) -> str:
    """Return the class of an address, PUBLIC if it has no special purpose."""
    # :: and ::1 are in ::/96, too, but have a class of their own.
    if isinstance(address, IPv6Address) and int(address) > 1:
        for network, behind in _CARRIERS:
            if address in network:
                return address_class(IPv4Address(int(address) >> behind & 0xFFFFFFFF))
    # Other IPv6 addresses are not allocated.
    other = PUBLIC if isinstance(address, IPv4Address) else RESERVED
    return next((name for network, name in _CLASSES if address in network), other)


def is_public(address: Address) -> bool:
    """Return True if public CAs send requests to this address."""
    return address_class(address) == PUBLIC


def is_allowed(address: Address, own: Collection[Address], redirected: bool) -> bool:
    """Return True if a request for a name may be sent to *address*; *own* are the addresses of the name itself.

    A name may have both public and private addresses. Then only the first request may go to the private ones, as the
    ACME specifications fix its port and path: the owner of the public address may have chosen the private ones, and a
    redirect would choose the path there. Loopback and other classes are allowed only if the name has no others.
    """
    name = address_class(address)
    if name == PUBLIC:
        return True
    if name in _OF_NOBODY:
        return False
    classes = {address_class(one) for one in own}
    if name in _OF_FLEETS:
        return name in classes and not (redirected and PUBLIC in classes)
    return classes == {name}
