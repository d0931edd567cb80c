# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates on hosts that no list has any more."""

from __future__ import annotations

from ansible_collections.certfleet.tls.plugins.module_utils._fleet import unlisted
from tests.unit.contracts import found
from tests.unit.fleet.plans import decide_all, on


def test_plan_removals_keeps_certificates_where_nothing_is_listed():
    planned = decide_all(on("web1", found()))
    there = {"web1": ["old", "older"], "web2": ["shop"]}
    removals, warnings = unlisted.plan_removals(planned, there, remove=())
    assert removals == []
    assert warnings == [
        "these hosts have certificates that are not listed and nobody renews: web1 (old, older), web2 (shop); "
        "acme_remove_unlisted: true would remove them"
    ]
    removals, warnings = unlisted.plan_removals(planned, there, remove=["web1", "web2"])
    assert [(item.host, item.name, item.decided().action) for item in removals] == [
        ("web1", "old", "remove"),
        ("web1", "older", "remove"),
    ]
    assert removals[0].line() == "web1: certificate old: remove (not listed)"
    assert warnings == [
        "these hosts have certificates that are not listed and nobody renews: "
        "web2 (shop; no certificate at all is listed there)"
    ]


def test_plan_removals_of_some_hosts_keeps_others():
    planned = decide_all(on("web1", found()), on("web2", found()))
    there = {"web1": ["old"], "web2": ["older"]}
    removals, warnings = unlisted.plan_removals(planned, there, remove=["web1"])
    assert [(item.host, item.name) for item in removals] == [("web1", "old")]
    assert warnings == [
        "these hosts have certificates that are not listed and nobody renews: web2 (older); "
        "acme_remove_unlisted: true would remove them"
    ]


def test_plan_removals_with_all_listed_is_empty():
    planned = decide_all(on("web1", found()))
    assert unlisted.plan_removals(planned, {}, remove=["web1"]) == ([], [])
