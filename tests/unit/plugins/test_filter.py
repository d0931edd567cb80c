# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the filter dns_persist_record."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.certfleet.tls.plugins.filter import dns_persist_record as plugin

dns_persist_record = plugin.FilterModule().filters()["dns_persist_record"]


def test_filters_only_one_and_documented():
    assert {path.name for path in Path(plugin.__file__).parent.glob("*.*")} == {
        "dns_persist_record.py",
        "dns_persist_record.yml",
    }


def test_dns_persist_record_wildcard_in_normalized_form():
    record = dns_persist_record("*.Bücher.example", "https://ca/acct/1", "ca.example", persist_until=1893456000)
    assert record == {
        "name": "_validation-persist.xn--bcher-kva.example",
        "value": "ca.example; accounturi=https://ca/acct/1; policy=wildcard; persistUntil=1893456000",
    }


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("a b", "https://ca/acct/1", "ca.example"), "contains a space"),
        (("a.example", "https://ca/acct/1", "ca; x"), "issuer domain name"),
        (("a.example", "https://ca/ acct", "ca.example"), "has characters that a TXT record"),
    ],
)
def test_dns_persist_record_invalid_argument_refused(arguments, what):
    with pytest.raises(AnsibleFilterError, match=what):
        dns_persist_record(*arguments)
