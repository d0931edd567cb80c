# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daily look: what there is, what is wanted otherwise, what would stop an issuance. Nothing is changed by it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._host.steps import inspection
from ansible_collections.certfleet.tls.plugins.module_utils._host.steps.inspection import inspect, inventory
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import availability
from tests.unit.host import host

UNSET = (
    "webroot is not set: http-01 needs the folder that the web server serves, or http_01_listen, a port to answer at "
    "where there is no web server"
)


@pytest.fixture
def option(tmp_path):
    (tmp_path / "www").mkdir()
    return {
        "name": "shop",
        "identifiers": ["shop.example", "www.shop.example"],
        "challenge": "http-01",
        "webroot": str(tmp_path / "www"),
        "http_01_listen": None,
        "tls_alpn_01_listen": "443",
        "key_type": "ec256",
        "profile": None,
        "reload": [],
        "probe": [],
        "formats": [],
        "owner": None,
        "group": None,
        "mode": "0640",
    }


def looked(home, option):
    before = host.snapshot(home)
    (result,) = inspect(str(home), [option])
    assert host.snapshot(home) == before
    return result


def test_inspect_empty_host(home, option):
    assert looked(home, option) == {
        "name": "shop",
        "invalid": [],
        "problems": [],
        "list": None,
        "live": None,
        "pending": None,
        "issued": [],
        "failed": [],
    }
    assert not home.exists()


def test_inspect_live_and_pending_version(home, option):
    host.make_live(home)
    host.prepare(home, order=host.ORDER_2)
    result = looked(home, option)
    assert (result["invalid"], result["problems"]) == ([], [])
    assert result["live"]["version"] == "0001"
    assert result["live"]["identifiers"] == option["identifiers"]
    assert result["live"]["reloaded"] is True
    assert [result["live"][field] for field in ("missing", "damaged", "unreadable", "attributes")] == [[], [], [], []]
    assert result["pending"]["version"] == "0002"
    assert result["pending"]["order_uri"] == host.ORDER_2.order_uri
    assert result["pending"]["account_uri"] == host.ACCOUNT


def test_inspect_drift_of_live_key(home, option):
    host.make_live(home)
    assert looked(home, {**option, "mode": "0600"})["live"]["attributes"] == ["privkey.pem mode 0640 instead of 0600"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"name": "../../etc"}, "the name is invalid"),
        ({"identifiers": ["no good"]}, "contains a space"),
        ({"mode": "0777"}, "would let every user of the host read the private key"),
        ({"owner": "no-such-user"}, "is not a user of this host"),
    ],
)
def test_inspect_invalid_option_is_reported(home, option, change, what):
    host.make_live(home)
    result = looked(home, {**option, **change})
    assert len(result["invalid"]) == 1
    assert what in result["invalid"][0]
    assert result["problems"] == []
    assert (result["live"] is None) == ("name" in change), "an invalid name is not looked up"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"webroot": None}, UNSET),
        ({"webroot": ""}, UNSET),
        ({"webroot": "/none"}, "webroot /none does not exist. Create it, and have the web server serve it"),
        ({"webroot": __file__}, f"webroot {__file__} does not exist. Create it, and have the web server serve it"),
        ({"challenge": "dns-01", "webroot": None}, None),
        ({"webroot": None, "http_01_listen": "80"}, None),
        ({"challenge": "tls-alpn-01", "webroot": None}, None),
        (
            {"webroot": None, "identifiers": ["*.a.example", "b.example"], "challenge": "dns-01"},
            None,
        ),
        (
            {"webroot": None, "identifiers": ["a.example", {"value": "b.example", "challenge": "dns-01"}]},
            UNSET,
        ),
        (
            {"identifiers": [{"value": "a.example", "webroot": "/none"}]},
            "webroot /none does not exist. Create it, and have the web server serve it",
        ),
    ],
)
def test_inspect_problems_of_webroot(home, option, change, problem):
    assert looked(home, {**option, **change})["problems"] == ([problem] if problem else [])


def test_inspect_foreign_live_link_is_a_problem(home, option):
    (home / "live").mkdir(parents=True)
    (home / "live" / "shop").symlink_to("/etc/letsencrypt/live/shop")
    result = looked(home, option)
    assert result["live"] is None
    assert result["problems"] == [f"{home}/live/shop is not a link to one of its versions. Move it away"]


def test_inspect_relative_home_is_a_problem(option):
    (result,) = inspect("acme", [option])
    assert result["problems"] == ["home 'acme' is not an absolute path"]


@pytest.mark.parametrize("below", ["", "live", "versions"])
def test_inspect_file_in_place_of_home_is_a_problem(home, option, below):
    path = home / below if below else home
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    assert looked(home, option)["problems"] == [f"home {home} cannot be used: {path} is not a folder"]


def test_inspect_home_that_cannot_be_written_is_a_problem(home, option, monkeypatch):
    """The system decides whether a home is writable: for root it always is, so the test makes the answer up."""
    asked = []
    monkeypatch.setattr(inspection.os, "access", lambda path, how: asked.append((path, how)))
    problem = f"home {home} cannot be written: {home.parent} is read-only here, or the task lacks 'become: true'"
    assert looked(home, option)["problems"] == [problem]
    assert asked == [(str(home.parent), os.W_OK | os.X_OK)], "the nearest existing folder"


def test_inspect_unreadable_key_is_a_problem_not_damage(home, option, monkeypatch):
    host.make_live(home)
    real = inspection.manifest.live_facts
    facts = {**real(str(home), "shop", "0001"), "unreadable": ["privkey.pem"]}
    monkeypatch.setattr(inspection.manifest, "live_facts", lambda *_unused: facts)
    assert looked(home, option)["problems"] == ["privkey.pem cannot be read: does the task lack 'become: true'?"]


def test_inspect_missing_library_is_a_problem_of_each_certificate(home, option, monkeypatch):
    monkeypatch.setattr(availability, "problem", lambda: "install it")
    results = inspect(str(home), [option, {**option, "name": "b"}])
    assert [result["problems"] for result in results] == [["install it"], ["install it"]]


def test_inspect_several_problems_are_all_reported(home, option, monkeypatch):
    monkeypatch.setattr(availability, "problem", lambda: "install it")
    home.write_bytes(b"")
    assert len(looked(home, {**option, "webroot": "/none"})["problems"]) == 3


def test_inspect_damaged_version_raises_nothing(home, option):
    host.make_live(home)
    folder = home / "versions" / "shop" / "0001"
    (folder / "version.json").write_bytes(b"[" * 100_000)
    (folder / "privkey.pem").unlink()
    live = looked(home, option)["live"]
    assert (live["damaged"], live["missing"], live["attributes"]) == (["version.json"], ["privkey.pem"], [])


def test_inventory_lists_certificates_on_disk(home, option):
    assert inventory(str(home)) == []
    host.make_live(home)
    (home / "live" / "other").symlink_to("../versions/other/0001")
    (home / "versions" / "started").mkdir()
    (home / "versions" / ".hidden").mkdir()
    found = inventory(str(home))
    assert [item["name"] for item in found] == ["other", "shop", "started"]
    assert all("wanted" not in item and item["invalid"] == item["problems"] == [] for item in found)
    assert [bool(item["live"]) for item in found] == [True, True, False]
    assert found[0]["live"]["damaged"] == ["version.json"]


def test_inspect_content_option_returns_pem(home, option):
    assert inspect(str(home), [option], content=True)[0]["live"] is None
    host.make_live(home)
    fullchain = (home / "live" / "shop" / "fullchain.pem").read_text()
    for (found,) in (inspect(str(home), [option], content=True), inventory(str(home), content=True)):
        assert found["live"]["content"] == fullchain
        assert "PRIVATE" not in str(found)
    assert "content" not in looked(home, option)["live"]
    (home / "live" / "shop" / "fullchain.pem").unlink()
    assert inspect(str(home), [option], content=True)[0]["live"]["content"] == ""


def test_inspect_content_option_returns_pem_of_pending_version(home, option):
    host.prepare(home)
    host.deploy(home)
    fullchain = (home / "live" / "shop" / "fullchain.pem").read_text()
    (home / "live" / "shop").unlink()
    (found,) = inspect(str(home), [option], content=True)
    assert (found["live"], found["pending"]["content"]) == (None, fullchain)
    assert "content" not in looked(home, option)["pending"]


def test_inspection_imports_standard_library_only():
    """It is all that a host with nothing due has to load."""
    code = (
        "import sys; before = set(sys.modules)\n"
        f"sys.path[:0] = {[path for path in sys.path if path]!r}\n"
        f"import {inspection.__name__}\n"
        "print([name for name in sys.modules if name.startswith(('cryptography', 'ansible.', 'requests'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
