# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings that hosts keep a digest of: all that may mend an order, and no secret."""

from __future__ import annotations

import copy

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.order_settings import NAMES, order_settings
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.role_variables import VARIABLES

OPTIONS = {
    **{name: variable.default for name, variable in VARIABLES.items() if not variable.of_host},
    "acme_directory": [
        "letsencrypt",
        {
            "directory": "https://ca.example/directory",
            "account_key_content": "SECRET",
            "account_key_passphrase": "SECRET",
            "contact": ["mailto:a@b.example"],
            "eab": {"kid": "k1", "key": "SECRET"},
        },
    ],
    "acme_dns": {
        "example.com": {"provider": "rfc2136", "server": "192.0.2.1", "tsig_name": "k", "tsig_secret": "SECRET"},
        "example.net": {"provider": "route53", "access_key": "SECRET", "secret_key": "SECRET"},
        "example.org": {"provider": "tasks", "token": "SECRET"},
    },
    "acme_eab": {"kid": "k2", "key": "SECRET"},
}


def changed(*path, value):
    """Return the settings with one value changed."""
    options = copy.deepcopy(OPTIONS)
    place = options
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return order_settings(options)


def test_order_settings_have_no_secret():
    assert "SECRET" not in str(order_settings(OPTIONS))
    assert not [name for name in NAMES if VARIABLES[name].secret or VARIABLES[name].of_host]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("acme_contact",), ["mailto:x@b.example"]),
        (("acme_eab", "kid"), "k3"),
        (("acme_directory", 0), "zerossl"),
        (("acme_directory", 1, "contact"), []),
        (("acme_directory", 1, "eab", "kid"), "k3"),
        (("acme_dns", "example.com", "server"), "192.0.2.2"),
        (("acme_dns", "example.org", "provider"), "rfc2136"),
        (("acme_dns", "example.org", "wait"), "none"),
        (("acme_dns", "example.org", "cname"), "a.example.net"),
        (("acme_dns_wait",), "none"),
    ],
    ids=str,
)
def test_order_settings_differ_with_what_may_mend_an_order(path, value):
    assert changed(*path, value=value) != order_settings(OPTIONS)


def test_order_settings_single_ca_and_no_provider():
    found = order_settings({**OPTIONS, "acme_directory": "letsencrypt", "acme_dns": {}, "acme_eab": {}})
    assert (found["acme_directory"], found["acme_dns"], found["acme_eab"]) == (["letsencrypt"], {}, None)
