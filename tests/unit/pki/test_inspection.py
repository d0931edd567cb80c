# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daily look: what is reported, what is wrong with what is wanted, what would stop an issuance."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils.pki import inspection, library
from tests.unit.pki import host

OPTION = {
    "name": "shop",
    "identifiers": ["shop.example", "www.shop.example"],
    "challenge": "http-01",
    "webroot": "/",
    "key_type": "ec256",
    "profile": None,
    "reload": ["nginx"],
    "owner": None,
    "group": None,
    "mode": "0640",
}


def look(home, **options):
    (found,) = inspection.inspect(str(home), [{**OPTION, **options}])
    return found


def test_nothing_there(home):
    found = look(home)
    assert found["wanted"] == OPTION
    assert (found["live"], found["pending"], found["invalid"], found["problems"]) == (None, None, [], [])
    assert not home.exists()


def test_live_and_pending(home):
    host.make_live(home)
    host.prepare(home, host.OTHER, host.ORDER_2)
    before = host.snapshot(home)
    found = look(home)
    live, pending = found["live"], found["pending"]
    assert (live["version"], live["identifiers"], live["key_type"]) == ("0001", OPTION["identifiers"], "ec256")
    assert (live["reloaded"], live["missing"], live["damaged"], live["attributes"]) == (True, [], [], [])
    assert (pending["version"], pending["identifiers"]) == ("0002", ["other.example"])
    assert (pending["order_uri"], pending["account_uri"]) == (host.ORDER_2.order_uri, host.ACCOUNT)
    assert host.snapshot(home) == before


def test_drift_is_told_in_words(home):
    host.make_live(home)
    os.chmod(home / "live" / "shop" / "privkey.pem", 0o600)
    assert look(home)["live"]["attributes"] == ["privkey.pem mode 0600 instead of 0640"]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"name": "../shop"}, "the name is not usable"),
        ({"name": ""}, "the name is not usable"),
        ({"identifiers": []}, "identifier"),
        ({"identifiers": ["a b.example"]}, "a b.example"),
        ({"identifiers": ["*.shop.example"]}, "dns-01"),
        ({"owner": "nobody-of-that-name"}, "owner 'nobody-of-that-name' is not a user of this host"),
        ({"group": "no-such-group"}, "group 'no-such-group' is not a group of this host"),
        ({"mode": "0644"}, "every user"),
        ({"mode": "416"}, "octal"),
        ({"reload": ["-x"]}, "not the name of a service"),
    ],
)
def test_what_cannot_be_wanted(home, option, text):
    found = look(home, **option)
    assert len(found["invalid"]) == 1
    assert text in found["invalid"][0]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"webroot": None}, "webroot is not set"),
        ({"webroot": "/no/such/folder"}, "webroot /no/such/folder does not exist"),
        ({"webroot": __file__}, "does not exist"),
    ],
)
def test_what_would_stop_an_issuance(home, option, text):
    found = look(home, **option)
    assert found["invalid"] == []
    assert len(found["problems"]) == 1
    assert text in found["problems"][0]


def test_a_home_that_is_a_file(tmp_path):
    (tmp_path / "acme").touch()
    (problem,) = look(tmp_path / "acme")["problems"]
    assert problem == f"home {tmp_path}/acme cannot be used: {tmp_path}/acme is not a folder"


def test_a_home_that_is_a_dangling_link(tmp_path):
    (tmp_path / "acme").symlink_to(tmp_path / "nowhere")
    assert "is not a folder" in look(tmp_path / "acme")["problems"][0]


def test_a_home_that_cannot_be_written(home, monkeypatch):
    # Root may write everywhere but on a read-only file system; what the kernel says of one is taken over.
    monkeypatch.setattr(inspection.os, "access", lambda path, mode: False)
    (problem,) = look(home)["problems"]
    assert problem.startswith(f"home {home} cannot be written: ")


def test_a_relative_home():
    assert look("acme")["problems"] == ["home 'acme' is not an absolute path"]


def test_something_else_in_the_place_of_the_link(home):
    (home / "live" / "shop").mkdir(parents=True)
    found = look(home)
    assert found["live"] is None
    assert "is not a link to one of its versions" in found["problems"][0]


def test_the_library_is_missing(home, monkeypatch):
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    (problem,) = look(home)["problems"]
    assert "install python3-cryptography" in problem


def test_inventory_tells_all_there_is(home):
    host.make_live(home)
    host.prepare(home, replace(host.WANTED, name="mail"))
    (home / "live" / ".shop.aside").touch()
    found = inspection.inventory(str(home))
    assert [item["name"] for item in found] == ["mail", "shop"]
    assert [item["live"] is None for item in found] == [True, False]
    assert all(item["wanted"] is None for item in found)
    assert inspection.inventory(str(home / "none")) == []


def test_the_look_needs_the_standard_library_only():
    code = (
        "import sys; from ansible_collections.certfleet.tls.plugins.module_utils.pki import inspection; "
        "sys.exit(any(name.split('.')[0] in ('cryptography', 'requests', 'josepy') for name in sys.modules))"
    )
    path = os.pathsep.join(filter(None, sys.path))
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": path}, check=False).returncode == 0
