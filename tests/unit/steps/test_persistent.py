# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identifiers of an inventory that are proved by dns-persist-01."""

from __future__ import annotations

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps import persistent


def test_names_of_all_hosts_with_this_challenge():
    own = {"value": "B.example", "challenge": "dns-persist-01"}
    hostvars = {
        "web1": {"acme_certificates": [{"identifiers": ["a.example", "*.a.example"], "challenge": "dns-persist-01"}]},
        "web2": {"acme_certificates": [{"identifiers": [own, "c.example"]}, {"identifiers": ["a.example"]}]},
        "web3": {"acme_certificates": [{"identifiers": ["two words"], "challenge": "dns-persist-01"}, "x", {}]},
        "web4": {"acme_certificates": "no list"},
        "web5": {},
    }
    assert persistent.names(hostvars) == ["*.a.example", "a.example", "b.example"]
