# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revoked certificates in the plan: those that are looked up, and the reasons and warnings that follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._fleet.issuance_history import RecordedRevocation
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.revoked_certificates import marked, revoked
from ansible_collections.certfleet.tls.plugins.module_utils._status.revocation_status import RevocationStatus
from tests.unit import contracts

SINCE = datetime(2026, 11, 23, 9, tzinfo=timezone.utc)


def live(host, content="PEM", **more):
    return contracts.found(live={"content": content, **more}, host=host)


def awaiting(host, content, **more):
    return replace(live(host, **more), pending=contracts.awaiting(content=content))


def test_revoked_asks_about_live_and_pending_certificates():
    asked = []

    def ask(contents):
        asked.extend(contents)
        says = {
            "bad": RevocationStatus("revoked", "crl", "http://ca/1", "superseded", SINCE),
            "odd": RevocationStatus("unknown", problem="no"),
        }
        return [says.get(content, RevocationStatus("good")) for content in contents]

    found = [
        live("web1", "bad"),
        live("web2", "fine"),
        live("web3", "odd"),
        live("web4", "bad", damaged=["cert.pem"]),
        live("web5", "bad", missing=["chain.pem"]),
        contracts.found(live=None),
        live("web7", None),
        live("web8", ""),
        awaiting("web9", "bad"),
        awaiting("web10", "fine", damaged=["cert.pem"]),
        contracts.found(pending=contracts.pending()),
    ]
    reasons, warnings = revoked(found, ask)
    assert asked == ["bad", "fine", "odd", "PEM", "bad", "fine"]
    why = "superseded since 2026-11-23T09:00:00Z, according to http://ca/1"
    assert reasons == {("web1", "shop", "live"): why, ("web9", "shop", "pending"): why}
    assert warnings == [
        "revocation status unknown for 4 of 9 certificates (web3: certificate shop: no)",
    ]


RECORD = RecordedRevocation(
    "2026-11-22T00:00:00Z", "web9", "old", "4a1f", contracts.utc(contracts.END), "https://ca/dir"
)
MARKED = "2026-11-23T09:00:00Z"
BY_HOST = f"since {MARKED}, as the host has marked it"
BY_RECORD = "since 2026-11-22T00:00:00Z, according to acme_history"


@pytest.mark.parametrize(
    ("item", "recorded", "expected"),
    [
        (live("web1"), [], {}),
        (live("web1", revoked=MARKED), [], {"live": BY_HOST}),
        # On any host: the record names that of the run that revoked it.
        (live("web1"), [RECORD], {"live": BY_RECORD}),
        (live("web1", revoked=MARKED), [RECORD], {"live": BY_HOST}),
        # Serial numbers are unique at one CA only.
        (live("web1"), [replace(RECORD, not_after="2027-01-01T00:00:00Z")], {}),
        (live("web1"), [replace(RECORD, serial="4a20")], {}),
        (awaiting("web1", "PEM"), [replace(RECORD, serial="4a20")], {"pending": BY_RECORD}),
        # A damaged one is due anyway, and its serial number is unknown.
        (live("web1", damaged=["cert.pem"]), [RECORD], {}),
        (contracts.found(contracts.wanted().to_result(), contracts.unknown()), [RECORD], {}),
        (contracts.found(live=None, pending=contracts.pending()), [RECORD], {}),
    ],
)
def test_marked_by_host_or_record(item, recorded, expected):
    revocations = {record.certificate: record for record in recorded}
    assert marked([item], revocations) == {("web1", "shop", which): why for which, why in expected.items()}


def test_revoked_asks_not_about_marked_ones():
    asked = []

    def ask(contents):
        asked.extend(contents)
        return [RevocationStatus("good") for _content in contents]

    known = {("web1", "shop", "live"): BY_HOST, ("web3", "shop", "live"): BY_RECORD}
    items = [live("web1", "one", revoked=MARKED), live("web2", "two"), live("web3", None)]
    assert revoked(items, ask, known) == (known, [])
    assert asked == ["two"]


NOT_ASKED = {
    None: "certificate_info was not asked for its content",
    "": "its fullchain.pem cannot be read: does the task lack 'become: true'?",
}


@pytest.mark.parametrize("content", NOT_ASKED)
def test_revoked_unknown_status_has_reason(content):
    said = f"(web1: certificate shop: {NOT_ASKED[content]})"
    assert revoked([live("web1", content)], lambda _contents: 1 / 0) == (
        {},
        [f"revocation status unknown for 1 of 1 certificates {said}"],
    )


def test_revoked_without_live_certificate_asks_nothing():
    assert revoked([contracts.found(live=None)], lambda _contents: 1 / 0) == ({}, [])
