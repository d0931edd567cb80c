# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate on several hosts: the key passes sealed; what arrives is checked and live at once, or not at all."""

from __future__ import annotations

import os
import stat
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import StateError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import key_transfer
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.preparation import JournaledOrder
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.versions import Versions
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import sealing
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import (
    CertificateError,
    KeyFileError,
    MisfitError,
    SealError,
)
from tests.unit.host import ca, host
from tests.unit.host.host import ACCOUNT, ORDER, WANTED
from tests.unit.host.key_transfers import HERE, receive, received, receiving


@pytest.fixture
def giver(quick_path):
    """Return the home of a host that has made the key and the certificate."""
    home = quick_path / "giver"
    host.make_live(home)
    return home


def test_receive_gets_certificate_of_other_host(giver, home, any_umask):
    given = received(giver, home)
    (key,) = receiving(home)
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    done = receive(home, given)
    assert (done.changed, done.version, done.reason) == (True, "0001", "received")
    assert host.served(home) == host.served(giver)
    assert receiving(home) == []
    assert host.outstanding(home)
    host.keys_are_closed(home, allowed=0o600)
    here, there = host.manifest(home, "0001"), host.manifest(giver, "0001")
    same = ("identifiers", "key_type", "profile", "directory", "account_uri", "serial", "issuer", "not_after", "ari_id")
    assert {field: here[field] for field in same} == {field: there[field] for field in same}
    assert here["order_uri"] is None
    # The next certificate gets a key of its own on any host.
    host.confirm(home)
    assert not host.prepare(home, order=JournaledOrder("https://ca.example/order/9", ACCOUNT)).reused


@pytest.mark.parametrize(
    ("told", "noted"),
    [("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"), ("", "2026-11-22T12:00:00Z"), ("soon", "2026-11-22T12:00:00Z")],
    ids=["as the giver has it", "missing", "malformed"],
)
def test_receive_keeps_creation_time_of_key(giver, home, told, noted):
    """Otherwise a compromised key would count as new from the day of its transfer, and would not be replaced."""
    Versions(str(giver), "shop").note("0001", created=told)
    receive(home, received(giver, home))
    assert host.manifest(home, "0001")["created"] == noted


def test_receive_removes_receiving_key(giver, home):
    for how in (lambda given: receive(home, given), lambda given: key_transfer.discard_key(str(home), "shop")):
        received(giver, home)
        (path,) = receiving(home)
        first = Path(path).read_bytes()
        given = received(giver, home)
        assert Path(path).read_bytes() != first, "each run has its own"
        how(given)
        assert receiving(home) == []
    untouched = host.snapshot(home)
    key_transfer.discard_key(str(home), "shop")
    key_transfer.discard_key(str(home), "other")
    assert host.snapshot(home) == untouched


def test_give_damaged_receiving_key_does_not_affect_others(giver, home):
    public = key_transfer.await_key(str(home), "shop")
    off_the_curve = b64encode(b"\4" + b"\1" * 64).decode()
    receivers = {"here": public, "short": "AAAA", "odd": off_the_curve, "text": "???"}
    given = key_transfer.give(str(giver), "shop", host.manifest(giver, "0001")["serial"], receivers)
    assert set(given.sealed) == {"here"}
    assert set(given.refused) == {"short", "odd", "text"}
    assert all("damaged" in why for why in given.refused.values())


def test_give_key_of_pending_version(quick_path, home):
    giver = quick_path / "giver"
    host.prepare(giver, order=ORDER)
    with open(giver / "versions" / "shop" / "0001" / "request.csr", "rb") as file:
        issued = host.issued(file.read())
    given = received(giver, home, issued.certificate, issued.chain, serial=None)
    receive(home, given)
    host.deploy(giver)
    assert host.served(home) == host.served(giver)


def test_give_version_that_awaits_its_switch(giver, home):
    host.prepare(giver, WANTED, JournaledOrder("https://ca.example/order/2", ACCOUNT))
    host.deploy(giver)
    host.go_back(giver)
    serial = host.manifest(giver, "0002")["serial"]
    receive(home, received(giver, home, serial=serial))
    assert host.manifest(home, "0001")["serial"] == serial


def test_give_other_serial_raises(giver):
    with pytest.raises(StateError, match="no version here has the serial number 0bad"):
        key_transfer.give(str(giver), "shop", "0bad", {})
    with pytest.raises(StateError, match="the certificate has no pending version"):
        key_transfer.give(str(giver), "shop", None, {})


def test_receive_same_again_changes_nothing(giver, home):
    receive(home, received(giver, home))
    host.confirm(home)
    before = host.snapshot(home)
    done = receive(home, received(giver, home))
    assert (done.changed, done.version, done.reason) == (False, "0001", "unchanged")
    assert host.snapshot(home) == before


@pytest.mark.parametrize("file", ["privkey.pem", "chain.pem", "version.json"])
def test_receive_replaces_damaged_version(giver, home, file):
    receive(home, received(giver, home))
    host.confirm(home)
    (home / "live" / "shop" / file).write_text("damaged")
    assert receive(home, received(giver, home)).changed
    assert host.served(home) == host.served(giver)


def test_receive_replaces_pending_version(giver, home):
    host.prepare(home, order=ORDER)
    receive(home, received(giver, home))
    assert host.pending(home) is None
    assert host.versions(home) == ["0002"]
    assert read_versions(str(home), "shop").live == "0002"


def sealed_to_another():
    return sealing.seal(b"x", sealing.public_text(sealing.make_receiving_key()), "shop")


def other_leaf(names, **options):
    return ca.pem(host.authority().leaf(ca.ec_key().public_key(), names, **options))


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda given: replace(given, sealed="AAAA"), SealError, "truncated"),
        (
            lambda given: replace(given, sealed=sealed_to_another()),
            SealError,
            "for another host",
        ),
        (
            lambda given: replace(given, issued=replace(given.issued, certificate=other_leaf(WANTED.identifiers))),
            MisfitError,
            "does not match the pending private key",
        ),
        (
            lambda given: replace(given, issued=replace(given.issued, chain=ca.pem(ca.Authority.root().certificate))),
            CertificateError,
            "has a gap",
        ),
        (
            lambda given: replace(given, issued=replace(given.issued, certificate="")),
            CertificateError,
            "0 certificates",
        ),
    ],
)
def test_receive_invalid_certificate_or_key_raises(giver, home, change, error, text):
    given = change(received(giver, home))
    with pytest.raises(error, match=text):
        receive(home, given)
    assert read_versions(str(home), "shop")[:4] == (None, False, None, [])
    host.make_live(home)  # and it stands in nobody's way
    before = host.served(home)
    with pytest.raises(error, match=text):
        receive(home, change(received(giver, home)))
    assert host.served(home) == before
    assert receiving(home) == []


@pytest.mark.parametrize(
    ("wanted", "error", "text"),
    [
        (replace(HERE, identifiers=["other.example"]), MisfitError, "instead of other.example"),
        (replace(HERE, key_type="rsa2048"), KeyFileError, "is ec256, not rsa2048"),
    ],
)
def test_receive_other_terms_raises(giver, home, wanted, error, text):
    with pytest.raises(error, match=text):
        receive(home, received(giver, home), wanted)
    assert host.served(home) is None


def test_receive_without_receiving_key_raises(giver, home):
    given = received(giver, home)
    receive(home, given)
    with pytest.raises(StateError, match="certificate_request with 'receive'"):
        receive(home, given)


def test_receive_check_mode_changes_nothing(giver, home):
    given = received(giver, home)
    before = host.snapshot(home)
    assert receive(home, given, check=True).changed
    assert host.snapshot(home) == before
    receive(home, given)
    assert not receive(home, given, check=True).changed
