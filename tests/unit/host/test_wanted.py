# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wanted certificates: refused before anything is changed, or usable as they are."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError, OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.names import verify_name
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.reloads import SERVICE, Reload
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.wanted import (
    WantedCertificate,
    twice,
    verify_home,
)

PROBE = {"address": "localhost", "port": None, "server_name": None, "starttls": None, "timeout": 30}
OPTION = {
    "name": "shop",
    "identifiers": ["Shop.example", "www.shop.example."],
    "challenge": "http-01",
    "webroot": "/srv/www",
    "http_01_listen": None,
    "tls_alpn_01_listen": "443",
    "key_type": "ec256",
    "profile": "",
    "reload": ["nginx", " nginx ", "postfix@-.service"],
    "probe": [],
    "formats": [],
    "owner": None,
    "group": None,
    "mode": "0640",
}


def test_wanted_of_valid_option():
    assert WantedCertificate.of(OPTION) == WantedCertificate(
        name="shop",
        identifiers=["shop.example", "www.shop.example"],
        key_type="ec256",
        profile=None,
        reloads=(Reload(SERVICE, "nginx"), Reload(SERVICE, "postfix@-")),
        attributes=Attributes(0o640, -1, -1),
        webroots=frozenset(["/srv/www"]),
    )
    assert WantedCertificate.of({**OPTION, "webroot": "", "profile": "shortlived"}).profile == "shortlived"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"name": "../shop"}, "the name is invalid"),
        ({"identifiers": []}, "no identifiers"),
        ({"identifiers": ["https://shop.example"]}, "is a URL or a path"),
        ({"identifiers": ["*.shop.example"]}, "Use dns-01"),
        ({"http_01_listen": "http"}, "invalid listen address 'http'"),
        ({"tls_alpn_01_listen": "0"}, "invalid listen address '0'"),
        ({"reload": ["rm -rf /"]}, "is not the name of a service"),
        ({"probe": [PROBE], "reload": [{"notify": "restart it"}]}, "probe cannot be used with notify in reload"),
        ({"probe": [{**PROBE, "port": 70000}]}, "probe has the port 70000"),
        ({"owner": "no-such-user"}, "is not a user"),
        ({"group": "no-such-group"}, "is not a group"),
        ({"mode": "644"}, "mode '644' is invalid"),
    ],
)
def test_wanted_of_invalid_option_raises(change, what):
    with pytest.raises(CollectionError, match=what):
        WantedCertificate.of({**OPTION, **change})


@pytest.mark.parametrize("name", ["shop", "a", "0", "Shop.example_2-x", "a.b", "a" * 100, "a-", "a."])
def test_verify_name_valid(name):
    verify_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".shop",
        "-shop",
        "_shop",
        "a..b",
        "a/b",
        "/a",
        "a\\b",
        "a b",
        "a\n",
        "\n",
        "ä",
        "a" * 101,
        "a\x00",
    ],
)
def test_verify_name_invalid_raises(name):
    with pytest.raises(OptionError, match="the name is invalid"):
        verify_name(name)


def test_verify_home_absolute_path_only():
    verify_home("/etc/acme")
    for home in ("", "acme", "./acme", "~/acme"):
        with pytest.raises(OptionError, match="is not an absolute path"):
            verify_home(home)


def test_twice_returns_repeated_names():
    assert twice([]) == set()
    assert twice([{"name": name} for name in "abcba"]) == {"a", "b"}
