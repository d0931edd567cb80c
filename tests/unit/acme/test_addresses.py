# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classes of addresses, and to which of them requests for a name may be sent."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.addresses import (
    address_class,
    is_allowed,
    parse_address,
)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("9.9.9.9", "public"),
        ("11.0.0.0", "public"),
        ("172.15.255.255", "public"),
        ("172.32.0.0", "public"),
        ("100.63.255.255", "public"),
        ("100.128.0.0", "public"),
        ("223.255.255.255", "public"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.0", "private"),
        ("100.64.0.0", "shared"),
        ("100.127.255.255", "shared"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"),
        ("169.254.0.0", "link-local"),
        ("169.254.169.254", "link-local"),
        ("192.0.0.8", "reserved"),
        ("192.0.2.1", "reserved"),
        ("198.18.0.1", "reserved"),
        ("198.19.255.255", "reserved"),
        ("198.51.100.1", "reserved"),
        ("203.0.113.1", "reserved"),
        ("224.0.0.0", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("2620:fe::fe", "public"),
        ("2a00::1", "public"),
        ("2001:200::1", "public"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("fc00::1", "unique-local"),
        ("fdff::1", "unique-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "reserved"),
        ("ff02::1", "multicast"),
        ("2001:db8::1", "reserved"),
        ("3fff::1", "reserved"),
        ("2001::1", "reserved"),
        ("100::1", "reserved"),
        ("64:ff9b:1::a00:1", "reserved"),
        ("4000::1", "reserved"),
        # An address with an embedded IPv4 address has the class of that one.
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.1.2.3", "private"),
        ("::ffff:9.9.9.9", "public"),
        ("::127.0.0.1", "loopback"),
        ("::169.254.169.254", "link-local"),
        ("64:ff9b::10.1.2.3", "private"),
        ("64:ff9b::9.9.9.9", "public"),
        ("2002:a9fe:a9fe::1", "link-local"),
        ("2002:7f00:1::", "loopback"),
        ("2002:909:909::", "public"),
    ],
)
def test_address_class_address_returns_class(address, expected):
    assert address_class(parse_address(address)) == expected


@pytest.mark.parametrize(
    ("own", "target", "allowed"),
    [
        # From the Internet to the Internet only
        ("9.9.9.9", "8.8.8.8", True),
        ("9.9.9.9", "10.0.0.1", False),
        ("9.9.9.9", "127.0.0.1", False),
        ("9.9.9.9", "169.254.169.254", False),
        ("9.9.9.9", "::ffff:127.0.0.1", False),
        # A fleet's own network, of the same class only
        ("10.0.0.1", "10.200.0.9", True),
        ("10.0.0.1", "192.168.0.1", True),
        ("10.0.0.1", "8.8.8.8", True),
        ("10.0.0.1", "100.64.0.1", False),
        ("10.0.0.1", "fd00::1", False),
        ("10.0.0.1", "127.0.0.1", False),
        ("10.0.0.1", "169.254.169.254", False),
        ("10.0.0.1 fd00::1", "fd00::2", True),
        ("100.64.0.1", "100.64.0.2", True),
        # With a public address, too, no private one, not even its own
        ("10.0.0.1 2620:fe::fe", "10.0.0.1", False),
        ("10.0.0.1 9.9.9.9", "10.0.0.1", False),
        ("fd00::1 9.9.9.9", "fd00::1", False),
        ("100.64.0.1 9.9.9.9", "100.64.0.1", False),
        ("10.0.0.1 2620:fe::fe", "2620:fe::9", True),
        ("10.0.0.1 2620:fe::fe", "10.0.0.2", False),
        # Loopback and the like for a name that has nothing else
        ("127.0.0.1", "127.0.1.1", True),
        ("127.0.0.1 ::1", "::1", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("127.0.0.1 10.0.0.1", "127.0.0.1", False),
        ("127.0.0.1 9.9.9.9", "127.0.0.1", False),
        ("169.254.1.1", "169.254.169.254", True),
        ("169.254.1.1 10.0.0.1", "169.254.169.254", False),
        ("192.0.2.1", "192.0.2.2", True),
        # Nobody's
        ("0.0.0.0", "0.0.0.0", False),
        ("224.0.0.1", "224.0.0.1", False),
        ("::", "::", False),
    ],
)
def test_is_allowed_after_a_redirect(own, target, allowed):
    assert is_allowed(parse_address(target), {parse_address(text) for text in own.split()}, True) is allowed


@pytest.mark.parametrize(
    ("own", "target", "allowed"),
    [
        ("9.9.9.9", "9.9.9.9", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1 2620:fe::fe", "10.0.0.1", True),
        ("fd00::1 9.9.9.9", "fd00::1", True),
        ("100.64.0.1 9.9.9.9", "100.64.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1 9.9.9.9", "127.0.0.1", False),
        ("169.254.169.254 9.9.9.9", "169.254.169.254", False),
        ("192.0.2.1 10.0.0.1", "192.0.2.1", False),
        ("0.0.0.0", "0.0.0.0", False),
    ],
)
def test_is_allowed_at_first(own, target, allowed):
    """Requests to the name's own addresses, without redirects, are allowed."""
    assert is_allowed(parse_address(target), {parse_address(text) for text in own.split()}, False) is allowed
