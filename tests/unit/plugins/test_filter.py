# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that users have."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.certfleet.tls.plugins.filter import dns_persist_record as plugin

dns_persist_record = plugin.FilterModule().filters()["dns_persist_record"]


def test_there_is_no_other_filter_and_it_is_documented():
    assert {path.name for path in Path(plugin.__file__).parent.glob("*.*")} == {
        "dns_persist_record.py",
        "dns_persist_record.yml",
    }


def test_the_record_to_publish_for_dns_persist_01():
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
        (("a.example", "https://ca/ acct", "ca.example"), "cannot stand in a TXT record"),
    ],
)
def test_what_cannot_be_published_is_refused(arguments, what):
    with pytest.raises(AnsibleFilterError, match=what):
        dns_persist_record(*arguments)
