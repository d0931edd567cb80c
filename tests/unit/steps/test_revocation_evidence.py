# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions that hosts and the record show of a certificate, each once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.ownership import Certificate
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.revocation_evidence import (
    ShownVersion,
    made_at,
    merged,
    serial_of,
)
from tests.unit import contracts

A, B = (Certificate(name, name.encode(), 5, datetime(2026, 9, 1, tzinfo=timezone.utc), frozenset()) for name in "AB")
OLD, NEW = "2026-05-01T00:00:00Z", "2026-06-02T00:00:00Z"
SHOP = ShownVersion("shop", A, live=True, created=NEW, recorded_at=OLD)


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([], []),
        ([SHOP, SHOP], [SHOP]),
        ([SHOP, replace(SHOP, name="mail")], [SHOP, replace(SHOP, name="mail")]),
        ([SHOP, replace(SHOP, certificate=B)], [SHOP, replace(SHOP, certificate=B)]),
        # Live if any is, whichever comes first.
        ([SHOP, replace(SHOP, live=False)], [SHOP]),
        ([replace(SHOP, live=False), SHOP], [SHOP]),
        # The oldest time counts; a version without one may be older than any.
        ([SHOP, replace(SHOP, created=OLD)], [replace(SHOP, created=OLD)]),
        ([replace(SHOP, created=OLD), SHOP], [replace(SHOP, created=OLD)]),
        ([SHOP, replace(SHOP, created="")], [replace(SHOP, created="")]),
        # Shown if the host shows it, although the record has it, too.
        ([SHOP, replace(SHOP, is_shown=False)], [SHOP]),
        ([replace(SHOP, is_shown=False), SHOP], [SHOP]),
    ],
)
def test_merged_versions_are_one_for_each_certificate(versions, expected):
    assert merged(iter(versions)) == expected


@pytest.mark.parametrize(
    ("version", "serial", "made"),
    [
        (contracts.live(), 0x4A1F, contracts.utc(contracts.ISSUED)),
        (contracts.live(created=None, not_before=OLD), 0x4A1F, OLD),
        (contracts.unknown(), -1, ""),
    ],
)
def test_version_without_a_manifest_has_no_serial_and_no_time(version, serial, made):
    assert (serial_of(version), made_at(version)) == (serial, made)
