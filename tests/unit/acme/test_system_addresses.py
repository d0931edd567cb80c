# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses by the system's resolver, used again for a minute."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import bounded

PLACE = ("192.0.2.7", 443)


@pytest.fixture
def asked(monkeypatch):
    """Return the hosts that the system was asked for; each has one address, found by two protocols."""
    hosts = []
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", PLACE)

    def look_up(host, _port, **_more):
        hosts.append(host)
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [found, found]

    monkeypatch.setattr(bounded.socket, "getaddrinfo", look_up)
    return hosts


@pytest.mark.parametrize(("seconds", "questions"), [(0, 1), (60, 1), (61, 2)])
def test_system_addresses_are_kept_for_a_minute(asked, monkeypatch, seconds, questions):
    for now in (1000, 1000 + seconds):
        monkeypatch.setattr(bounded, "monotonic", lambda now=now: now)
        assert bounded.system_addresses("ca.example", 443) == [PLACE]
    assert len(asked) == questions


def test_system_addresses_that_are_forgotten_are_asked_for(asked):
    for _unused in range(2):
        bounded.system_addresses("ca.example", 443)
        bounded.forget_addresses("ca.example", 443)
    bounded.forget_addresses("ca.example", 443)
    assert len(asked) == 2


def test_system_addresses_of_other_hosts_and_ports_are_asked_for(asked):
    for host, port in (("ca.example", 443), ("ca.example", 80), ("other.example", 443)):
        bounded.system_addresses(host, port)
    assert asked == ["ca.example", "ca.example", "other.example"]


def test_system_addresses_failure_is_not_kept(asked):
    for _unused in range(2):
        with pytest.raises(socket.gaierror):
            bounded.system_addresses("nowhere.example", 443)
    assert len(asked) == 2
