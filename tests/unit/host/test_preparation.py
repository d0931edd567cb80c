# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pending versions: made if none matches, reused if one does, and their orders journaled."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.errors import DiskError, StateError
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import preparation
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.preparation import (
    JournaledOrder,
    PreparedRequest,
)
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import read_versions
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import Attributes
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.claim import DEFAULT_CLAIM
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.wanted import WantedCertificate
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import csr, keys
from tests.unit.host import ca, host
from tests.unit.host.host import ACCOUNT, DIRECTORY, ORDER, ORDER_2, WANTED, prepare


def key_of(home, number):
    path = str(home / "versions" / "shop" / number / "privkey.pem")
    with open(path, "rb") as file:
        return keys.load(file.read(), path)


def same_run(home, **options):
    """Run in check mode, then for real; verify that both report the same, but for what does not exist yet."""
    before = host.snapshot(home)
    foreseen = prepare(home, check=True, **options)
    assert host.snapshot(home) == before, "a check changes nothing"
    done = prepare(home, **options)
    if foreseen.reused:
        assert foreseen == done
    else:
        assert foreseen == replace(done, version=None, request=None)
    assert done.changed == (host.snapshot(home) != before)
    return done


def test_prepare_makes_key_request_and_manifest(home, any_umask):
    prepared = same_run(home)
    assert prepared == PreparedRequest("0001", prepared.request, None, reused=False, changed=True)
    folder = home / "versions" / "shop" / "0001"
    assert sorted(os.listdir(folder)) == ["privkey.pem", "request.csr", "version.json"]
    assert (folder / "request.csr").read_bytes() == prepared.request
    assert csr.matches(prepared.request, key_of(home, "0001"), WANTED.identifiers)
    modes = {name: (folder / name).stat().st_mode & 0o7777 for name in os.listdir(folder)}
    assert modes == {"privkey.pem": 0o640, "request.csr": 0o644, "version.json": 0o644}
    assert host.manifest(home, "0001") == {
        "format": 1,
        "schema": 1,
        "name": "shop",
        "list": "default",
        "former_lists": [],
        "identifiers": WANTED.identifiers,
        "key_type": "ec256",
        "profile": None,
        "directory": DIRECTORY,
        "account_uri": None,
        "order_uri": None,
        "created": "2026-11-23T12:00:00Z",
        "reloaded": False,
    }
    assert not os.path.lexists(home / "live")


@pytest.mark.parametrize("key_type", ["ec256", "ec384", "rsa2048"])
def test_prepare_key_has_wanted_type(home, key_type):
    wanted = replace(WANTED, key_type=key_type)
    prepared = same_run(home, wanted=wanted)
    size = key_of(home, "0001").key_size
    assert key_type.endswith(str(size))
    assert csr.matches(prepared.request, key_of(home, "0001"), WANTED.identifiers)


def test_prepare_matching_pending_version_is_reused(home):
    first = prepare(home)
    again = same_run(home)
    assert again == PreparedRequest("0001", first.request, None, reused=True, changed=False)
    assert same_run(home, wanted=replace(WANTED, identifiers=WANTED.identifiers[::-1])).reused
    assert same_run(home, wanted=replace(WANTED, reloads=())).reused, "the CA does not see this difference"


PROFILED = replace(WANTED, profile="shortlived")


@pytest.mark.parametrize(
    ("before", "options"),
    [
        (WANTED, {"wanted": replace(WANTED, identifiers=["shop.example"])}),
        (WANTED, {"wanted": replace(WANTED, identifiers=[*WANTED.identifiers, "more.example"])}),
        (WANTED, {"wanted": replace(WANTED, key_type="ec384")}),
        (WANTED, {"wanted": PROFILED}),
        (PROFILED, {"wanted": WANTED}),
        (WANTED, {"directory": "https://other.example/directory"}),
    ],
    ids=["fewer names", "more names", "key type", "profile", "no profile", "CA"],
)
@pytest.mark.parametrize("live", [False, True])
def test_prepare_other_pending_version_is_replaced(home, before, options, live):
    if live:
        host.make_live(home)
    first = prepare(home, before, ORDER)
    done = same_run(home, **options)
    assert (done.reused, done.changed, done.order) == (False, True, None)
    assert int(done.version) == int(first.version) + 1, "a number is never used twice"
    assert done.request != first.request
    assert host.versions(home) == (["0001", "0003"] if live else ["0002"])
    assert read_versions(str(home), "shop").live == ("0001" if live else None)


@pytest.mark.parametrize(
    ("before", "order", "reused"), [(ORDER, ORDER, True), (ORDER, ORDER_2, False), (None, ORDER, False)]
)
def test_prepare_new_key_reuses_pending_version_of_same_order_only(home, before, order, reused):
    first = prepare(home, order=before)
    done = same_run(home, order=order, new_key=True)
    assert (done.reused, done.request == first.request, done.order) == (reused, reused, order)


def overwrite(name, data):
    def damage(folder):
        (folder / name).write_bytes(data)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "privkey.pem").unlink(),
        lambda folder: (folder / "request.csr").unlink(),
        lambda folder: (folder / "version.json").unlink(),
        overwrite("privkey.pem", b""),
        overwrite("privkey.pem", b"\0" * 200),
        overwrite("privkey.pem", keys.pem(ca.ec_key())),
        overwrite("request.csr", b""),
        overwrite("request.csr", b"\0" * 200),
        overwrite("request.csr", csr.build(ca.ec_key(), WANTED.identifiers)),
        overwrite("version.json", b"{"),
    ],
    ids=range(10),
)
def test_prepare_damaged_pending_version_is_replaced(home, damage):
    host.make_live(home)
    prepare(home, order=ORDER)
    damage(home / "versions" / "shop" / "0002")
    done = same_run(home)
    assert (done.version, done.reused, done.order) == ("0003", False, None)
    assert host.versions(home) == ["0001", "0003"]


def test_prepare_request_for_other_names_is_replaced(home):
    prepare(home)
    other = csr.build(key_of(home, "0001"), ["other.example"])
    overwrite("request.csr", other)(home / "versions" / "shop" / "0001")
    assert same_run(home).version == "0002"


def test_prepare_manifest_for_other_names_is_replaced(home):
    prepare(home)
    path = home / "versions" / "shop" / "0001" / "version.json"
    path.write_text(path.read_text().replace('"shop.example"', '"other.example"'))
    assert host.manifest(home, "0001")["identifiers"] == ["other.example", "www.shop.example"]
    assert same_run(home).version == "0002"


def test_prepare_repairs_drift_of_pending_key(home):
    prepare(home)
    key = home / "versions" / "shop" / "0001" / "privkey.pem"
    key.chmod(0o644)
    done = same_run(home)
    assert (done.reused, done.changed) == (True, True)
    assert host.key_drift(home, "0001") == []
    assert not same_run(home).changed
    wanted = replace(WANTED, attributes=Attributes(0o600))
    assert same_run(home, wanted=wanted).changed
    assert key.stat().st_mode & 0o7777 == 0o600


# --- the order's journal


def test_prepare_journals_order_with_new_version(home):
    done = same_run(home, order=ORDER)
    assert done.order == ORDER
    assert host.pending(home)[1] == ORDER.order_uri
    assert host.manifest(home, "0001")["account_uri"] == ACCOUNT


@pytest.mark.parametrize(
    ("journaled", "given", "after", "changed"),
    [
        (None, None, None, False),
        (None, ORDER, ORDER, True),
        (ORDER, None, ORDER, False),
        (ORDER, ORDER, ORDER, False),
        (ORDER, ORDER_2, ORDER_2, True),
        (ORDER, replace(ORDER, account_uri=None), replace(ORDER, account_uri=None), True),
    ],
)
def test_prepare_journals_order_in_pending_version(home, journaled, given, after, changed):
    first = prepare(home, order=journaled)
    done = same_run(home, order=given)
    assert done == PreparedRequest("0001", first.request, after, reused=True, changed=changed)
    assert not same_run(home, order=given).changed
    assert prepare(home).order == after


def test_journal_writes_order_once(home):
    prepare(home)
    for changed in (True, False):
        before = host.snapshot(home)
        assert preparation.journal(str(home), "shop", ORDER, True) is changed
        assert host.snapshot(home) == before
        assert preparation.journal(str(home), "shop", ORDER, False) is changed
    assert host.pending(home)[1] == ORDER.order_uri
    assert preparation.journal(str(home), "shop", ORDER_2, False) is True
    assert host.pending(home)[1] == ORDER_2.order_uri


def test_journal_keeps_unknown_fields_of_manifest(home):
    prepare(home)
    path = home / "versions" / "shop" / "0001" / "version.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 1, "unknown": [1]'))
    preparation.journal(str(home), "shop", ORDER, False)
    assert host.manifest(home, "0001")["unknown"] == [1]


def test_journal_without_pending_version_raises(home):
    host.make_live(home)
    with pytest.raises(StateError, match=r"the certificate has no pending version\. Run certificate_request first"):
        preparation.journal(str(home), "shop", ORDER, False)


@pytest.mark.parametrize(
    ("journaled", "named", "forgotten"),
    [
        (ORDER, ORDER.order_uri, True),
        (ORDER, None, True),
        (ORDER, "", True),
        (ORDER, ORDER_2.order_uri, False),
        (None, ORDER.order_uri, False),
        (None, None, False),
    ],
)
def test_forget_order_removes_named_order(home, journaled, named, forgotten):
    prepare(home, order=journaled)
    before = host.snapshot(home)
    key = host.pending(home)[2]
    assert preparation.forget_order(str(home), "shop", named, DEFAULT_CLAIM, True) is forgotten
    assert host.snapshot(home) == before
    assert preparation.forget_order(str(home), "shop", named, DEFAULT_CLAIM, False) is forgotten
    assert (host.snapshot(home) != before) is forgotten
    assert prepare(home).order == (None if forgotten else journaled)
    assert host.pending(home)[2] == key, "the next order is for the same key"


def test_forget_order_without_pending_version_makes_nothing(home):
    assert preparation.forget_order(str(home), "shop", None, DEFAULT_CLAIM, False) is False
    assert not home.exists()
    host.make_live(home)
    assert preparation.forget_order(str(home), "shop", None, DEFAULT_CLAIM, False) is False


# --- what stops it


def test_prepare_foreign_live_link_raises(home):
    (home / "live").mkdir(parents=True)
    (home / "live" / "shop").symlink_to("/etc/letsencrypt/live/shop")
    with pytest.raises(StateError, match=r"live/shop is not a link to one of its versions. Move it away"):
        prepare(home)
    assert os.readlink(home / "live" / "shop") == "/etc/letsencrypt/live/shop"
    assert host.versions(home) == []


def test_prepare_invalid_name_raises(home):
    """Refused by the options already; this is the last door."""
    for name in ("..", "../../etc/cron.d/x", "a/b", ""):
        evil = WantedCertificate(**{**vars(WANTED), "name": name})
        for check in (True, False):
            with pytest.raises(OptionError, match="the name is invalid"):
                prepare(home, evil, check=check)
        with pytest.raises(OptionError, match="the name is invalid"):
            preparation.journal(str(home), name, ORDER, False)
        with pytest.raises(OptionError, match="the name is invalid"):
            preparation.forget_order(str(home), name, None, DEFAULT_CLAIM, False)
    assert not home.exists()


def test_prepare_home_that_is_a_file_raises(home):
    home.write_bytes(b"mine")
    with pytest.raises(DiskError, match="acme") as raised:
        prepare(home)
    assert len(str(raised.value).splitlines()) == 1
    assert home.read_bytes() == b"mine"


def test_prepare_number_grows_beyond_four_digits(home):
    prepare(home)
    (home / "versions" / "shop" / "0001").rename(home / "versions" / "shop" / "9999")
    done = prepare(home, wanted=host.OTHER)
    assert done.version == "10000"
    assert host.versions(home) == ["10000"]


def test_prepare_two_certificates_are_independent(home):
    prepare(home, order=ORDER)
    other = replace(host.OTHER, name="shop2")
    prepare(home, other, JournaledOrder("https://ca.example/order/other", None))
    assert host.versions(home, "shop") == host.versions(home, "shop2") == ["0001"]
    assert host.pending(home, "shop")[1] == ORDER.order_uri
