# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unlisted certificates are found, and removed permanently if the options say so."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import StateError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.inspection import unlisted
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.removal import remove
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.claim import DEFAULT_CLAIM
from tests.unit.host import ca, faults, host
from tests.unit.host.format_options import option, wanted
from tests.unit.host.host import ORDER_2, WANTED

MAIL = replace(WANTED, name="mail", identifiers=["mail.example"])


@pytest.fixture
def place(quick_path):
    (quick_path / "srv").mkdir()
    return quick_path / "srv"


def test_unlisted_names_certificates_not_listed(home):
    assert unlisted(str(home), [], DEFAULT_CLAIM) == []
    host.make_live(home)
    host.prepare(home, MAIL)
    (home / "versions" / ".odd").mkdir()
    assert unlisted(str(home), ["shop", "mail"], DEFAULT_CLAIM) == []
    assert unlisted(str(home), ["shop", "other"], DEFAULT_CLAIM) == ["mail"]
    assert unlisted(str(home), [], DEFAULT_CLAIM) == ["mail", "shop"]


def test_remove_leaves_other_certificates(home, place):
    asked = wanted(option("combined", place / "shop.pem"), option("der", place / "shop.der"))
    deployed = host.make_live(home, asked)
    host.make_live(home, MAIL)
    host.prepare(home, asked, ORDER_2)
    (place / "shop.der").write_text("somebody else's by now")
    before = host.snapshot(home)

    foreseen = remove(str(home), "shop", DEFAULT_CLAIM, check=True)
    assert host.snapshot(home) == before
    removed = remove(str(home), "shop", DEFAULT_CLAIM, check=False)
    assert removed == foreseen
    assert (removed.changed, removed.version, removed.serial) == (True, "0001", deployed.serial)
    assert {path: facts for path, facts in before.items() if "shop" not in path} == host.snapshot(home)
    assert os.listdir(place) == ["shop.der"]
    assert remove(str(home), "shop", DEFAULT_CLAIM, check=False) is None
    assert host.served(home, "mail")


def test_remove_keeps_format_file_of_other_certificate(home, place):
    host.make_live(home, wanted(option("combined", place / "shop.pem"), option("der", place / "shop.der")))
    (place / ".shop.pem.aside").write_text("the other's")
    remove(str(home), "shop", DEFAULT_CLAIM, check=False, kept=[str(place / "shop.pem")])
    assert sorted(os.listdir(place)) == [".shop.pem.aside", "shop.pem"]


def test_remove_format_that_cannot_be_removed_warns_and_removes_rest(home, place):
    host.make_live(home, wanted(option("combined", place / "shop.pem")))
    (place / ".shop.pem.aside").mkdir()
    removed = remove(str(home), "shop", DEFAULT_CLAIM, check=False)
    assert removed.warning.startswith(f"cannot remove {place}/shop.pem: ")
    assert not (home / "versions" / "shop").exists()


def test_remove_foreign_live_link_raises(home):
    host.make_live(home)
    (home / "live" / "shop").unlink()
    (home / "live" / "shop").symlink_to("/etc")
    with pytest.raises(StateError, match="is not a link to one of its versions"):
        remove(str(home), "shop", DEFAULT_CLAIM, check=False)
    assert host.versions(home) == ["0001"]


def test_remove_crash_at_any_step_is_completed_by_next_run(home, place, disk):
    def begin():
        host.make_live(home, wanted(option("combined", place / "shop.pem")))
        host.make_live(home, wanted(option("combined", place / "shop.pem")), ORDER_2)

    begin()
    count = disk()
    remove(str(home), "shop", DEFAULT_CLAIM, check=False)
    assert len(count.changes) > 10
    for step in range(1, len(count.changes) + 1):
        disk()
        begin()
        disk(at=step, fault=faults.crash)
        with pytest.raises(faults.Crash):
            remove(str(home), "shop", DEFAULT_CLAIM, check=False)
        disk()
        if unlisted(str(home), [], DEFAULT_CLAIM):
            remove(str(home), "shop", DEFAULT_CLAIM, check=False)
        assert os.listdir(place) == []
        assert os.listdir(home / "live") == []
        left = [path for path in host.everything(home / "versions") if "privkey" in path]
        assert left == [], step


def test_remove_then_prepare_begins_at_first_version(home):
    host.make_live(home)
    remove(str(home), "shop", DEFAULT_CLAIM, check=False)
    assert host.make_live(home).version == "0001"
    assert host.served(home)
    assert deployment.repair(str(home), WANTED, ca.NOW, False).changed is False
