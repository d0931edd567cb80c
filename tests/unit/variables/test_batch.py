# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of batch.py: options are compared by digests and frozen, and no result has a secret."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ansible.errors import AnsibleError

from ansible_collections.certfleet.tls.plugins.plugin_utils._play.facts import shadowing
from ansible_collections.certfleet.tls.plugins.plugin_utils._variables import batch, role_variables

SECRETS = {
    "acme_account_key_content": "PRIVATE ONE",
    "acme_account_key_passphrase": "sesame-1",
    "acme_directory": [{"directory": "zerossl", "eab": {"kid": "k", "key": "sesame-2"}}],
    "acme_dns": {"example.com": {"provider": "rfc2136", "tsig_secret": "sesame-3"}},
    "acme_eab": {"kid": "k", "key": "sesame-4"},
    "acme_new_account_key_content": "PRIVATE TWO",
    "acme_new_account_key_passphrase": "sesame-5",
}
VARIABLES = {**SECRETS, "acme_order_timeout": 300, "acme_ca_path": "/roots.pem", "acme_limits": {}}


def same(value):
    return value


def digests(**changed):
    return {name: batch.digest({**VARIABLES, **changed}.get(name)) for name in role_variables.BATCH}


def test_frozen_has_no_secret():
    result = str(batch.frozen(VARIABLES, digests())) + str(digests())
    assert "sesame" not in result
    assert "PRIVATE" not in result
    assert "/roots.pem" in result
    assert set(SECRETS) == set(role_variables.SECRET)


def test_digest_other_run_differs():
    code = f"from {batch.__name__} import digest; print(digest('sesame'))"
    path = {"PYTHONPATH": batch.__file__.partition("ansible_collections")[0]}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=path, check=True, capture_output=True) for _unused in range(2)
    ]
    assert runs[0].stdout != runs[1].stdout


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], (1, 2), True),
        ([1, 2], [2, 1], False),
        ({1: "x"}, {"1": "x"}, True),
        ("1", 1, False),
        (True, 1, False),
        (None, "", False),
        ("\udcff", "\udcff", True),
        ({"a": {"b": [None]}}, {"a": {"b": [None]}}, True),
    ],
)
def test_digest_equal_values_same(one, other, equal):
    assert (batch.digest(one) == batch.digest(other)) is equal


@pytest.mark.parametrize("name", role_variables.BATCH)
def test_difference_one_option_named_with_two_hosts(name):
    by_host = {"web1": digests(), "web2": digests(), "web3": digests(**{name: "other"})}
    assert batch.difference(by_host) == (name, "web1", "web3")


@pytest.mark.parametrize("by_host", [{}, {"web1": {}}, {"web1": {"a": "1"}, "web2": {"a": "1"}}])
def test_difference_same_values_none(by_host):
    assert batch.difference(by_host) is None


def test_differs_secret_not_shown():
    seen = {"web1": "sesame-1", "web2": "sesame-2" * 50}.get
    line = batch.differs("acme_ca_path", ("web1", "web2"), seen)
    assert "acme_ca_path differs between web1 ('sesame-1') and web2 ('sesame-2" in line
    assert "..." in line
    assert "sesame" not in batch.differs("acme_eab", ("web1", "web2"), seen)


@pytest.mark.parametrize("name", role_variables.BATCH)
def test_verified_option_changed_since_first_step_refused(name):
    assert batch.verified(VARIABLES, same, digests())[name] == VARIABLES.get(name)
    with pytest.raises(AnsibleError, match=f"^{name} has changed since the run began"):
        batch.verified({**VARIABLES, name: "other"}, same, digests())


@pytest.mark.parametrize("entry_point", ["main", "replace", "revoke"])
def test_of_batch_entry_point_has_its_own_options(entry_point):
    names = set(role_variables.of_batch(entry_point))
    assert ("acme_revoke_before" in names) is (entry_point == "revoke")
    assert ("acme_replace_before" in names) is (entry_point == "replace")
    every = {name for name in role_variables.BATCH if not role_variables.VARIABLES[name].entry_point}
    assert {*role_variables.SECRET, *every} == {name for name in names if not name.startswith(f"acme_{entry_point}")}


def test_values_template_error_variable_named():
    def broken(value):
        raise AnsibleError("'site' is undefined")

    with pytest.raises(AnsibleError, match="acme_dns cannot be used: 'site' is undefined"):
        batch.values({"acme_dns": "{{ site }}"}, broken, ["acme_dns"])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"distribution": "Debian", "hostname": "web1"}, []),
        ({"acme_dns": {}, "acme_certificates": [], "other": 1}, ["acme_certificates", "acme_dns"]),
        ({"_acme_request": {}}, ["_acme_request"]),
    ],
)
def test_shadowing_facts_named_like_variables_found(facts, expected):
    assert shadowing(facts, role_variables.ALL) == expected
