# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of dns-persist-01 that an account's new key needs."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.directory import Directory
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.persistent_records import records_for, warning

URL = "https://ca.example/directory"
META = {
    "accountHashPrefix": "https://ca.example/account-hash/",
    "issuerDomainNames": ["b.example", "authority.example"],
}
ACCOUNT, THUMBPRINT = "https://ca.example/acct/123", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
# draft-ietf-acme-dns-persist-02 section 10.2
VALUE = (
    "authority.example; accounturi=https://ca.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
)


def directory(**meta):
    return Directory(url=URL, new_nonce=URL, new_account=URL, new_order=URL, meta=meta)


@pytest.mark.parametrize(
    ("names", "values"),
    [
        ([], []),
        (["example.com"], [VALUE]),
        (["Example.com."], [VALUE]),
        (["*.example.com"], [f"{VALUE}; policy=wildcard"]),
        (["example.com", "*.example.com"], [f"{VALUE}; policy=wildcard"]),
    ],
)
def test_records_for_names_return_one_for_each_domain(names, values):
    found = records_for(directory(**META), ACCOUNT, THUMBPRINT, names)
    assert [record.value for record in found] == values
    assert {record.name for record in found} <= {"_validation-persist.example.com"}


@pytest.mark.parametrize("missing", META)
def test_records_for_ca_without_draft_02_are_none(missing):
    meta = {name: value for name, value in META.items() if name != missing}
    assert records_for(directory(**meta), ACCOUNT, THUMBPRINT, ["example.com"]) == []


def test_records_for_malformed_name_raises():
    with pytest.raises(AcmeError, match="dns_persist_names: "):
        records_for(directory(**META), ACCOUNT, THUMBPRINT, ["two words"])


def test_warning_names_records_or_else_the_thumbprint():
    records = records_for(directory(**META), ACCOUNT, THUMBPRINT, ["example.com"])
    assert warning(directory(**META), ACCOUNT, THUMBPRINT, records) == (
        f"account {ACCOUNT} has another key, and its TXT records for dns-persist-01 (draft 02) have the former one: "
        f'publish _validation-persist.example.com TXT "{VALUE}"'
    )
    assert warning(directory(**META), ACCOUNT, THUMBPRINT, []).endswith(f"with the thumbprint {THUMBPRINT}")
    assert warning(directory(), ACCOUNT, THUMBPRINT, []) == ""
