# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose a certificate is, as tables: by the record, else by the names in the inventory."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedCertificate
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.ownership import (
    UNVERIFIED,
    Certificate,
    ClaimedCertificate,
    Inventory,
    hexadecimal,
    objection,
)

A, B, NOBODYS = "a.example", "b.example", "nobody.example"


def entry(*identifiers, name="shop", **more):
    return {"acme_certificates": [{"name": name, "identifiers": list(identifiers), **more}]}


#: web1 and web2 have a name in common, web3 and web4 share their certificate.
INVENTORY = Inventory(
    {
        "web1": entry(A, "both.example"),
        "web2": entry(B, "both.example"),
        "web3": entry("shared.example", shared=True),
        "web4": entry("shared.example", shared="yes"),
    }
)


class Record:
    """A record in which each certificate was issued for these hosts."""

    def __init__(self, *hosts):
        self._hosts = hosts

    def of(self, _certificate):
        texts = dict.fromkeys(("time", "serial", "not_after", "directory", "account_uri", "certificate"), "")
        return [RecordedCertificate(host=host, name="shop", names=(), **texts) for host in self._hosts]


def claim(host, *identifiers, **more):
    certificate = Certificate("PEM", b"digest", 5, datetime(2026, 9, 1, tzinfo=timezone.utc), frozenset(identifiers))
    return ClaimedCertificate(host, "shop", certificate, **more)


OF_WEB2 = "it is for b.example, which acme_certificates has for web2 and not for this host"
SAME_NAMES = f"it may be that of {{}}, which has the same names in acme_certificates. {UNVERIFIED}"
UNLISTED = f"it is for {NOBODYS}, which no host of the inventory has in acme_certificates. {UNVERIFIED}"


@pytest.mark.parametrize(
    ("claimed", "expected", "unverified"),
    [
        # Without a record: what is said, and what is said with acme_revoke_unverified.
        (claim("web1", A), "", ""),
        (claim("web1", A, "both.example"), "", ""),
        (claim("web1", B), OF_WEB2, OF_WEB2),
        (claim("web1", A, B), OF_WEB2, OF_WEB2),
        (claim("web1", "both.example"), SAME_NAMES.format("web2"), ""),
        (claim("web1", NOBODYS), UNLISTED, ""),
        (claim("web1", A, NOBODYS), UNLISTED, ""),
        (claim("web1"), "it has no names", "it has no names"),
        (claim("web3", "shared.example"), "", ""),
    ],
)
def test_objection_by_names(claimed, expected, unverified):
    assert objection(claimed, INVENTORY, Record()) == expected
    assert objection(claimed, INVENTORY, Record(), unverified=True) == unverified


def test_objection_to_name_of_host_outside_of_sharing_hosts():
    several = Inventory({"web1": entry(A, shared=True), "web2": entry(A, shared=True), "web3": entry(A)})
    assert objection(claim("web1", A), several, Record()) == SAME_NAMES.format("web3")
    assert objection(claim("web3", A), several, Record()) == SAME_NAMES.format("web1")


@pytest.mark.parametrize(
    ("value", "is_shared"),
    [
        *((value, True) for value in (True, 1, "y", "Yes", "on", "1", "t", "True")),
        *((value, False) for value in (False, 0, "n", "no", "off", "false", None, "perhaps", [], {})),
    ],
)
def test_sharing_reads_values_as_ansible_does(value, is_shared):
    inventory = Inventory({"web1": entry(A, shared=value), "web2": entry(A, shared=True)})
    assert inventory.sharing("web1", "shop") == ({"web1", "web2"} if is_shared else {"web1"})


NOT_SHOWN = (
    f"acme_history has it and the host does not show it; it is for {B}, which acme_certificates does not have for this "
    f"host. {UNVERIFIED}"
)


@pytest.mark.parametrize(
    ("claimed", "record", "expected", "unverified"),
    [
        (claim("web1", B), Record("web1"), "", ""),
        (claim("web1", B, is_shown=False), Record("web1"), NOT_SHOWN, ""),
        (claim("web1", A, is_shown=False), Record("web1"), "", ""),
        (claim("web1", A), Record("web2"), *["it was issued for web2 (acme_history)"] * 2),
        (claim("web1", A), Record("web2", "web1"), "", ""),
        (claim("web4", "shared.example"), Record("web3"), "", ""),
        # The record is of another inventory, so the names decide.
        (claim("web1", B), Record("elsewhere"), OF_WEB2, OF_WEB2),
        (claim("web1", B), Record("elsewhere", "web1"), "", ""),
    ],
)
def test_objection_by_record(claimed, record, expected, unverified):
    assert objection(claimed, INVENTORY, record) == expected
    assert objection(claimed, INVENTORY, record, unverified=True) == unverified


@pytest.mark.parametrize(("number", "expected"), [(0, "00"), (10, "0a"), (0x4A1F, "4a1f"), (0x100, "0100")])
def test_hexadecimal_text_of_number(number, expected):
    assert hexadecimal(number) == expected
