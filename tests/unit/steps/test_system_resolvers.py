# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options for the system's resolvers: only where there are several, and where nobody has said how long to wait."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import system_resolvers

TWO = "nameserver 192.0.2.1\nnameserver 2001:db8::1\n"
OURS = "timeout:1 attempts:5"


@pytest.mark.parametrize(
    ("resolv_conf", "given", "expected"),
    [
        (TWO, {}, OURS),
        ("# by hand\n\nsearch example.com\n\tnameserver\t192.0.2.1 \n" + TWO, {}, OURS),
        (TWO + "options edns0 rotate\n", {}, OURS),
        (TWO, {"RES_OPTIONS": ""}, OURS),
        (TWO, {"RES_OPTIONS": "timeout:9"}, f"{OURS} timeout:9"),
        (TWO + "options timeout:3\n", {}, None),
        (TWO + "options edns0 attempts:1\n", {}, None),
        ("nameserver 127.0.0.53\noptions edns0\n", {}, None),
        ("nameserver 192.0.2.1\n# nameserver 192.0.2.2\n;nameserver 192.0.2.3\n", {}, None),
        ("", {"RES_OPTIONS": "edns0"}, None),
    ],
)
def test_environment_leaves_dead_resolver_early_where_there_is_another(resolv_conf, given, expected):
    assert system_resolvers.environment(resolv_conf, given).get("RES_OPTIONS") == expected
