# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two lists of certificates on one host, as where the role is included twice, and manifests of other releases."""

from __future__ import annotations

import json

import pytest

from tests.integration.hosts import DIRECTORY, HOME, ORDER, Host, Issuer, msg_of, wanted
from tests.parameters import hard_after

SHOP, MAIL = wanted("shop"), wanted("mail")


def look(host: Host, *certificates, **options):
    """certificate_info's result."""
    return host("certificate_info", certificates=list(certificates), **options)


def make_live(host: Host, issuer: Issuer, certificate, **options) -> None:
    """A whole run of one list for one certificate."""
    requests = host.request(certificate, orders=[{"name": certificate["name"], **ORDER}], **options)["requests"]
    assert host.deploy([issuer.issue(request) for request in requests], certificate, **options).ok


def manifest(host: Host, name: str = "shop"):
    return json.loads(host.read(f"{host.live(name)}/version.json"))


@pytest.fixture
def two(host: Host, issuer: Issuer) -> Host:
    """Return a host with two lists: the list 'web', which has shop, and the list 'imap', which has mail."""
    make_live(host, issuer, SHOP, list="web")
    make_live(host, issuer, MAIL, list="imap")
    return host


@pytest.mark.hard
def test_lists_unlisted_are_of_own_list_only(two: Host) -> None:
    assert (manifest(two)["list"], manifest(two, "mail")["list"]) == ("web", "imap")
    assert look(two, SHOP, list="web")["unlisted"] == []
    assert look(two, MAIL, list="imap")["unlisted"] == []
    assert look(two, list="web")["unlisted"] == ["shop"]
    assert look(two, MAIL, list="web")["unlisted"] == ["shop"]
    assert look(two)["unlisted"] == []
    assert {item["name"]: item["list"] for item in two("certificate_info")["certificates"]} == {
        "shop": "web",
        "mail": "imap",
    }


def test_lists_remove_by_owner_only(two: Host) -> None:
    before = two.tree()
    removal = [{"name": "shop", "action": "remove"}]
    for check in (True, False):
        for other in ({}, {"list": "imap"}, {"list": "imap", "reassign": True}):
            refused = two.deploy(removal, MAIL, check=check, **other)
            name = other.get("list", "default")
            line = f"certificate shop: it is not removed: it belongs to list 'web', not to '{name}'"
            assert msg_of(refused) == line
            assert not refused["changed"]
    assert two.tree() == before
    done = two.deploy(removal, wanted("other"), list="web")
    assert (done.ok, done["changed"]) == (True, True)
    assert two.names(f"{HOME}/versions") == ["mail"]
    assert two.names(f"{HOME}/live") == ["mail"]


@pytest.mark.hard
def test_lists_renamed_list_keeps_its_certificates(two: Host) -> None:
    serial = manifest(two)["serial"]
    (found,) = look(two, SHOP, list="shops")["certificates"]
    assert (found["invalid"], found["problems"]) == ([], [])
    assert found["live"]["attributes"] == ["it belongs to list 'web' instead of 'shops'"]
    repair = [{"name": "shop", "action": "repair"}]
    before = two.tree()
    foreseen = two.deploy(repair, SHOP, check=True, list="shops")
    assert two.tree() == before
    done = two.deploy(repair, SHOP, list="shops")
    assert foreseen["changed"]
    assert foreseen["certificates"] == done["certificates"]
    assert (manifest(two)["list"], manifest(two)["serial"]) == ("shops", serial)
    assert not two.deploy(repair, SHOP, list="shops")["changed"]
    assert look(two, SHOP, list="shops")["certificates"][0]["live"]["attributes"] == []
    assert look(two, list="web")["unlisted"] == []


@pytest.mark.hard
def test_lists_same_certificate_in_two_lists_is_refused(two: Host) -> None:
    two.deploy([{"name": "shop", "action": "repair"}], SHOP, list="imap")
    before = two.tree()
    line = (
        "two lists of this host have it: it moved from list 'web' to list 'imap'; remove it from this "
        "list, or set reassign: true for one run and remove it from list 'imap' after that"
    )
    (found,) = look(two, SHOP, list="web")["certificates"]
    assert found["invalid"] == [line]
    for check in (True, False):
        assert msg_of(two.request(SHOP, check=check, list="web")) == f"certificate shop: {line}"
        refused = two.deploy([{"name": "shop", "action": "repair"}], SHOP, check=check, list="web")
        assert msg_of(refused) == f"certificate shop: {line}"
    # The role passes refused ones on like this: nothing of the other list is changed.
    failed = {"name": "shop", "status": "failed", "problem": line, "resumable": False}
    assert msg_of(two.deploy([failed], SHOP, list="web")) == f"certificate shop: {line}"
    assert two.tree() == before
    assert two.deploy([{"name": "shop", "action": "repair"}], SHOP, list="web", reassign=True)["changed"]
    assert manifest(two)["list"] == "web"


@pytest.mark.hard
def test_lists_certificate_name_of_other_list_is_refused(two: Host) -> None:
    namesake = wanted("shop", "other.lab.test")
    before = two.tree()
    line = (
        "list 'web' of this host has a certificate of this name for shop.lab.test; choose another name, or set "
        "reassign: true for one run to replace that one"
    )
    (found,) = look(two, namesake, list="imap")["certificates"]
    assert found["invalid"] == [line]
    assert msg_of(two.request(namesake, list="imap")) == f"certificate shop: {line}"
    assert two.tree() == before
    assert two.request(namesake, list="imap", reassign=True).ok


@pytest.mark.parametrize(
    "module", hard_after(1, ["certificate_request", "certificate_info", "certificate", "certificate_adopt"])
)
def test_lists_invalid_name_is_refused(host: Host, module: str) -> None:
    more = {"certificate_request": {"directory": DIRECTORY}, "certificate_adopt": {"directories": [DIRECTORY]}}
    refused = host(module, certificates=[SHOP], list="../web", **more.get(module, {}))
    assert msg_of(refused).startswith("list '../web': the name is invalid")
    assert host.names(HOME) == []


def as_0_3_0(host: Host) -> None:
    """Make the live manifest one of 0.3.0, which has no schema and no list."""
    old = {name: value for name, value in manifest(host).items() if name not in ("schema", "list", "former_lists")}
    host.path(f"{host.live()}/version.json").write_text(json.dumps(old, indent=2, sort_keys=True) + "\n")


@pytest.mark.hard
def test_lists_certificate_of_0_3_0_is_in_default_list(host: Host, issuer: Issuer) -> None:
    make_live(host, issuer, SHOP)
    as_0_3_0(host)
    (found,) = look(host, SHOP)["certificates"]
    assert (found["list"], found["invalid"], found["live"]["damaged"]) == ("default", [], [])
    assert found["live"]["attributes"] == []
    assert look(host)["unlisted"] == ["shop"]
    assert look(host, list="web")["unlisted"] == []
    assert not host.deploy([{"name": "shop", "action": "repair"}], SHOP)["changed"]
    # Where 0.3.0 had two lists, the second one has a name now.
    assert host.deploy([{"name": "shop", "action": "repair"}], SHOP, list="web")["changed"]
    assert (manifest(host)["schema"], manifest(host)["list"], manifest(host)["former_lists"]) == (1, "web", ["default"])


@pytest.mark.hard
def test_lists_certificate_of_newer_release_alone_is_refused(host: Host, issuer: Issuer) -> None:
    make_live(host, issuer, SHOP)
    make_live(host, issuer, MAIL)
    path = f"{host.live()}/version.json"
    newer = {"schema": 2, "keys": {"ec256": manifest(host)}}
    host.path(path).write_text(json.dumps(newer))
    before = host.tree()
    line = (
        f"{HOME}/versions/shop/0001/version.json was written by a newer certfleet.tls (schema 2, this release knows "
        "1). Upgrade certfleet.tls on the controller"
    )
    looked = look(host, SHOP, MAIL)
    assert [item["invalid"] for item in looked["certificates"]] == [[line], []]
    assert look(host, MAIL)["unlisted"] == []
    for check in (True, False):
        assert msg_of(host.request(SHOP, check=check)) == f"certificate shop: {line}"
        for action in ("repair", "switch", "remove"):
            certificates = [MAIL] if action == "remove" else [SHOP, MAIL]
            refused = host.deploy([{"name": "shop", "action": action}], *certificates, check=check)
            assert msg_of(refused) == f"certificate shop: {line}"
    failed = {"name": "shop", "status": "failed", "problem": line, "resumable": False}
    assert msg_of(host.deploy([failed], SHOP)) == f"certificate shop: {line}"
    assert host.tree() == before
    assert host.deploy([{"name": "mail", "action": "repair"}], SHOP, MAIL).ok
