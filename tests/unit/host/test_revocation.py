# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A revocation on a host: its key signs just that, and what is revoked is marked and never becomes live again."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import deployment, revocation
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.inspection import inventory
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import certificates, revocation_request
from tests.unit.host import ca, faults, host
from tests.unit.host.format_options import option, wanted
from tests.unit.host.host import ORDER, ORDER_2, WANTED

AT = "2026-11-23T12:00:00Z"
NONCES = {"https://ca.example/revoke": "abc", "https://second.example/revoke": "def"}


def leaf(home, number="0001"):
    return certificates.load_all((home / "versions" / "shop" / number / "cert.pem").read_text(), "it")[0]


def sign(home, serial, reason=1, nonces=None):
    return revocation.sign(str(home), "shop", serial, reason, nonces or NONCES)


def mark(home, serial, remove_live=False, check=False, at=AT):
    return revocation.mark(str(home), "shop", serial, at, remove_live, check)


@pytest.mark.parametrize("key_type", ["ec256", "ec384", "rsa2048"])
def test_sign_is_by_the_key_of_that_version_and_for_each_url(home, key_type):
    host.make_live(home, replace(WANTED, key_type=key_type))
    host.make_live(home, replace(WANTED, key_type="ec256"))
    old = leaf(home)
    signatures = sign(home, certificates.serial(old))
    assert set(signatures) == set(NONCES)
    for url, nonce in NONCES.items():
        message = revocation_request.signing_input(old, 1, url, nonce)
        revocation_request.verify(old, message, signatures[url])


def test_sign_needs_no_manifest(home):
    host.make_live(home)
    (home / "versions" / "shop" / "0001" / "version.json").write_text("{")
    assert sign(home, certificates.serial(leaf(home)))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "privkey.pem").unlink(), "privkey.pem: No such file"),
        (
            lambda folder: (folder / "privkey.pem").write_bytes(ca.pem(host.authority().certificate).encode()),
            "cannot read",
        ),
        (lambda folder: (folder / "cert.pem").unlink(), "no version here has the serial number"),
        (lambda folder: (folder / "cert.pem").write_text("x"), "no version here has the serial number"),
    ],
    ids=["no key", "no such key", "no certificate", "no PEM"],
)
def test_sign_without_key_or_certificate_raises(home, spoil, message):
    host.make_live(home)
    serial = certificates.serial(leaf(home))
    spoil(home / "versions" / "shop" / "0001")
    with pytest.raises(CollectionError, match=message):
        sign(home, serial)


def test_sign_key_of_another_certificate_raises(home):
    host.make_live(home)
    host.make_live(home)
    folder = home / "versions" / "shop"
    (folder / "0001" / "privkey.pem").write_bytes((folder / "0002" / "privkey.pem").read_bytes())
    with pytest.raises(CollectionError, match=r"0001/privkey.pem is not the key of cert.pem beside it"):
        sign(home, certificates.serial(leaf(home)))


def test_sign_unknown_certificate_changes_nothing(home):
    with pytest.raises(CollectionError, match="no version here has the serial number 4a1f"):
        sign(home, "4a1f")
    with pytest.raises(CollectionError, match="no version here has the serial number 4a1f"):
        mark(home, "4a1f")
    assert not home.exists()


def test_mark_is_reported_and_keeps_the_first_instant(home):
    host.make_live(home)
    serial = certificates.serial(leaf(home))
    before = host.snapshot(home)
    assert mark(home, serial, check=True) == (True, False, "")
    assert host.snapshot(home) == before
    assert inventory(str(home))[0]["live"]["revoked"] is None
    assert mark(home, serial) == (True, False, "")
    assert mark(home, serial, at="2026-11-24T12:00:00Z") == (False, False, "")
    assert mark(home, serial, check=True) == (False, False, "")
    (found,) = inventory(str(home))
    assert (found["live"]["revoked"], found["live"]["damaged"]) == (AT, [])
    assert host.served(home), "it is live until it is replaced"


def test_mark_concerns_that_certificate_only(home):
    host.make_live(home)
    host.make_live(home)
    mark(home, certificates.serial(leaf(home)))
    assert [host.manifest(home, number).get("revoked") for number in ("0001", "0002")] == [AT, None]
    assert inventory(str(home))[0]["live"]["revoked"] is None


def test_mark_pending_version_is_not_switched_to(home):
    host.make_live(home)
    host.prepare(home, WANTED, ORDER_2)
    host.deploy(home)
    host.go_back(home)
    assert read_versions(str(home), "shop").pending == "0002"
    mark(home, certificates.serial(leaf(home, "0002")))
    assert read_versions(str(home), "shop").pending is None
    assert deployment.switch(str(home), WANTED, ca.NOW, check=False) is None
    assert read_versions(str(home), "shop").live == "0001"


def test_mark_and_remove_live_takes_link_and_formats_away(home, quick_path):
    place = quick_path / "srv"
    place.mkdir()
    asked = wanted(option("combined", place / "shop.pem"), option("der", place / "shop.der"))
    host.make_live(home, asked)
    (place / "shop.der").write_text("somebody else's by now")
    serial = certificates.serial(leaf(home))
    before = host.snapshot(home)
    assert mark(home, serial, remove_live=True, check=True) == (True, True, "")
    assert host.snapshot(home) == before
    assert mark(home, serial, remove_live=True) == (True, True, "")
    assert os.listdir(place) == ["shop.der"]
    found = read_versions(str(home), "shop")
    assert (found.live, found.pending, found.numbers) == (None, None, ["0001"])
    assert mark(home, serial, remove_live=True) == (False, False, "")
    # The next one is put in place as usual, and there is nothing to go back to.
    host.prepare(home, asked, ORDER)
    host.deploy(home, asked)
    assert read_versions(str(home), "shop").live == "0002"
    with pytest.raises(deployment.StateError, match="no earlier version is still valid"):
        host.go_back(home, asked)


def test_mark_and_remove_live_killed_at_any_step_can_be_repeated(home, quick_path, disk):
    place = quick_path / "srv"
    place.mkdir()
    asked = wanted(option("combined", place / "shop.pem"))
    steps, is_killed = 0, True
    while is_killed:
        disk()
        host.make_live(home, asked)
        serial = certificates.serial(leaf(home, read_versions(str(home), "shop").live))
        steps += 1
        disk(at=steps, fault=faults.crash)
        try:
            mark(home, serial, remove_live=True)
            is_killed = False
        except faults.Crash:
            disk()
            mark(home, serial, remove_live=True)
        assert (read_versions(str(home), "shop").live, os.listdir(place)) == (None, [])
    assert steps > 5


def test_mark_live_version_that_nobody_reloaded_stays_away(home):
    """Not confirmed, it would be a pending version once the link is gone."""
    host.prepare(home, WANTED, ORDER)
    host.deploy(home)
    mark(home, certificates.serial(leaf(home)), remove_live=True)
    assert read_versions(str(home), "shop").pending is None


def test_mark_damaged_manifest_is_removed_and_reported(home):
    host.make_live(home)
    (home / "versions" / "shop" / "0001" / "version.json").write_text("{")
    with pytest.raises(CollectionError, match="it is damaged"):
        mark(home, certificates.serial(leaf(home)), remove_live=True)
    assert read_versions(str(home), "shop").live is None


def test_mark_other_version_of_old_names_leaves_live_one(home):
    host.make_live(home)
    host.make_live(home)
    assert mark(home, certificates.serial(leaf(home)), remove_live=True) == (True, False, "")
    assert read_versions(str(home), "shop").live == "0002"
