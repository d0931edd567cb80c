# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registered domains, by the Public Suffix List in the package tldextract."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import registered_domain as module
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.registered_domain import (
    counted_by,
    registered_domain,
)


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("shop.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("www.example.co.uk", "example.co.uk"),
        ("www.example.com.au", "example.com.au"),
        # No guess by the look of the name has these.
        ("www.city.kawasaki.jp", "city.kawasaki.jp"),
        ("a.b.example.kawasaki.jp", "b.example.kawasaki.jp"),
        ("www.example.gov.pl", "example.gov.pl"),
        # Private domains of the list.
        ("me.github.io", "me.github.io"),
        ("a.me.github.io", "me.github.io"),
        # Public suffixes themselves.
        ("co.uk", "co.uk"),
        ("github.io", "github.io"),
        # Names that no rule of the list matches.
        ("web1.lab.test", "lab.test"),
        ("a.b.c.internal", "c.internal"),
        ("localhost", "localhost"),
    ],
)
def test_registered_domain_by_the_list(name, domain):
    assert registered_domain(name) == domain


@pytest.mark.parametrize(
    ("identifier", "counted"),
    [
        ("*.a.b.example.com", "example.com"),
        ("www.example.co.uk", "example.co.uk"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_counted_by_returns_domain_or_network(identifier, counted):
    assert counted_by(identifier) == counted


@pytest.fixture
def _not_loaded():
    module._extractor.cache_clear()
    yield
    module._extractor.cache_clear()


@pytest.mark.usefixtures("_not_loaded")
def test_registered_domain_fetches_and_writes_nothing(monkeypatch):
    def refuse(*_args, **_more):
        raise AssertionError("the network or the disk is used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(os, "makedirs", refuse)
    monkeypatch.setattr(os, "mkdir", refuse)
    assert registered_domain("www.example.co.uk") == "example.co.uk"


@pytest.mark.usefixtures("_not_loaded")
def test_registered_domain_library_missing_raises_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tldextract", None)
    with pytest.raises(AcmeError) as error:
        registered_domain("www.example.co.uk")
    assert str(error.value) == (
        f"the Python that does this work ({sys.executable}) lacks tldextract: "
        f"install with '{sys.executable} -m pip install tldextract', or add to the execution environment"
    )
