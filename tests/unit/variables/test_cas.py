# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.certfleet.tls.plugins.plugin_utils._variables.cas import alternatives, ca


@pytest.mark.parametrize("directory", ["letsencrypt", ["letsencrypt"], [{"directory": "letsencrypt"}]])
def test_one_ca(directory):
    assert ca(directory, "directory") == "letsencrypt"
    assert ca(directory, "ca_path", "/ca.pem") == "/ca.pem"
    assert alternatives(directory, {"terms_agreed": True}) == []


def test_several_cas_each_with_what_is_its_own():
    own = {"directory": "https://ca.internal/dir", "ca_path": "/own.pem", "eab": {"kid": "2", "key": "x"}}
    cas = [{"directory": "zerossl", "contact": ["ops@a.example"]}, "letsencrypt", own]
    assert ca(cas, "contact", ["role@a.example"]) == ["ops@a.example"]
    common = {"account_key_src": "key.pem", "terms_agreed": True}
    assert alternatives(cas, {**common, "account_key_content": "", "contact": []}) == [
        {**common, "acme_directory": "letsencrypt"},
        {
            **common,
            "acme_directory": "https://ca.internal/dir",
            "ca_path": "/own.pem",
            "external_account_binding": {"kid": "2", "key": "x"},
        },
    ]


def test_a_ca_with_a_key_file_of_its_own_does_not_get_the_key_that_is_given():
    own = {"directory": "zerossl", "account_key_src": "own.pem"}
    assert ca(["letsencrypt", own], "account_key_content", "PEM") == "PEM"
    assert ca([own], "account_key_content", "PEM") == ""
    role = {"account_key_src": "key.pem", "account_key_content": "PEM"}
    assert [
        (item["account_key_src"], item.get("account_key_content")) for item in alternatives(["a", own, "b"], role)
    ] == [
        ("own.pem", None),
        ("key.pem", "PEM"),
    ]


@pytest.mark.parametrize(
    ("directory", "what"),
    [([], "is an empty list"), ([{"url": "x"}], "has 'url'"), ([{"ca_path": "x"}], "lacks 'directory'")],
)
def test_what_is_no_list_of_cas(directory, what):
    with pytest.raises(AnsibleActionFail, match=what):
        ca(directory, "directory")
