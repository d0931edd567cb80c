# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the files on a host: all of them become facts, and never a traceback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import paths
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import manifest
from ansible_collections.certfleet.tls.plugins.module_utils._host.store.manifest import (
    StoredVersions,
    live_facts,
    parse,
    read,
    read_versions,
)
from tests.unit.host import host

PENDING = {
    "format": 1,
    "name": "shop",
    "identifiers": ["shop.example"],
    "key_type": "ec256",
    "profile": None,
    "directory": "https://ca.example/directory",
    "account_uri": None,
    "order_uri": "https://ca.example/order/1",
    "created": "2026-11-23T12:00:00Z",
}
CONTENTS = {"privkey.pem": b"key", "cert.pem": b"certificate", "chain.pem": b"", "fullchain.pem": b"certificate"}
ISSUED = {
    **PENDING,
    "serial": "0abc",
    "issuer": "CN=Test",
    "not_before": "2026-11-23T12:00:00Z",
    "not_after": "2027-01-23T12:00:00Z",
    "ari_id": "a.b",
    "reloaded": True,
    "files": {name: hashlib.sha256(data).hexdigest() for name, data in CONTENTS.items()},
}


def write(home, number, fields=None, name="shop"):
    folder = home / "versions" / name / number
    folder.mkdir(parents=True)
    if fields is not None:
        (folder / "version.json").write_text(fields if isinstance(fields, str) else json.dumps(fields))
    return folder


def write_issued(home, number, **fields):
    folder = write(home, number, {**ISSUED, **fields})
    for name, data in CONTENTS.items():
        (folder / name).write_bytes(data)
    return folder


def link(home, target, name="shop"):
    (home / "live").mkdir(parents=True, exist_ok=True)
    (home / "live" / name).unlink(missing_ok=True)
    (home / "live" / name).symlink_to(target)


def found(home):
    return read_versions(str(home), "shop")


# --- one manifest


def without(fields, name):
    return {field: value for field, value in fields.items() if field != name}


@pytest.mark.parametrize(
    "fields",
    [
        PENDING,
        ISSUED,
        {**ISSUED, "unknown": {"deep": [1]}},
        {**ISSUED, "schema": 0},
        {**ISSUED, "schema": 1, "list": "web", "former_lists": []},
        {**ISSUED, "schema": 1, "list": "web", "former_lists": ["default", "mail"]},
        without(PENDING, "profile"),
        without(PENDING, "account_uri"),
        without(PENDING, "order_uri"),
        without(PENDING, "created"),
        without(ISSUED, "ari_id"),
        {**ISSUED, "ari_id": None},
        {**ISSUED, "profile": "shortlived"},
    ],
)
def test_parse_valid_manifest(fields):
    parsed = parse(json.dumps(fields).encode())
    assert {name: parsed[name] for name in fields} == fields, "all fields are kept, also unknown ones"
    assert {"profile", "account_uri", "order_uri", "reloaded", "schema", "list", "former_lists"} <= set(parsed)


BAD = [
    b"",
    b"\0" * 100,
    b"\xff\xfe",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"1e999",
    b"{}",
    b"[" * 100_000,
    b'{"format": 1, "deep": ' + b"[" * 100_000,
    *(
        json.dumps(fields).encode()
        for fields in [
            {**PENDING, "format": 2},
            {**PENDING, "format": "1"},
            *({**PENDING, "schema": wrong} for wrong in (2, 10**30, -1, True, "1", None, 1.0)),
            *({**PENDING, "list": wrong} for wrong in (None, 1, ["a"])),
            *({**PENDING, "former_lists": wrong} for wrong in (None, "a", [1])),
            *(without(PENDING, field) for field in ("format", "name", "identifiers", "key_type", "directory")),
            *({**PENDING, field: wrong} for field in ("name", "key_type", "directory") for wrong in (None, 1, ["a"])),
            *({**PENDING, "identifiers": wrong} for wrong in (None, "a.example", [], {}, [1], ["a.example", None])),
            *({**PENDING, field: wrong} for field in ("profile", "account_uri", "order_uri") for wrong in (1, [], {})),
            *(without(ISSUED, field) for field in ("serial", "issuer", "not_before", "not_after")),
            *({**ISSUED, field: wrong} for field in ("serial", "issuer", "not_after") for wrong in (None, 1, [])),
            {**ISSUED, "files": None},
            {**ISSUED, "files": "x"},
            {**ISSUED, "reloaded": "yes"},
            {**ISSUED, "reloaded": None},
            {**ISSUED, "ari_id": 5},
            {**ISSUED, "not_after": "2027-01-23 12:00:00"},
            {**ISSUED, "not_after": "2027-01-23T12:00:00"},
            {**ISSUED, "not_after": "2027-01-23T12:00:00+00:00"},
            {**ISSUED, "not_after": "2027-02-30T12:00:00Z"},
            {**ISSUED, "not_before": "2027-01-23T25:00:00Z"},
            {**ISSUED, "not_before": "0000-01-01T00:00:00Z"},
        ]
    ),
]


def test_parse_manifests_share_no_list():
    old = json.dumps(PENDING).encode()
    parse(old)["former_lists"].append("other")
    assert parse(old)["former_lists"] == []


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_read_damaged_manifest_is_none(tmp_path, data):
    with pytest.raises((ValueError, RecursionError)):
        parse(data)
    (tmp_path / "version.json").write_bytes(data)
    assert read(str(tmp_path / "version.json")) is None


def test_read_non_file_is_none(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"")
    for name in ("none", "none/version.json", ".", "loop", "file/version.json", "a" * 300):
        assert read(str(tmp_path / name)) is None


def test_read_huge_file_is_none(tmp_path):
    path = tmp_path / "version.json"
    path.write_text(json.dumps(PENDING))
    assert read(str(path))
    path.write_text(json.dumps(PENDING) + " " * (1 << 20))  # sound, if somebody read on
    assert read(str(path)) is None
    with open(path, "ab") as file:
        file.truncate(1 << 40)  # a sparse terabyte: it takes no room, and could not be read whole
    assert read(str(path)) is None


# --- all versions


NOTHING = StoredVersions(None, False, None, [], {}, "")


def test_read_versions_empty_home(home):
    assert found(home) == NOTHING
    home.mkdir()
    assert found(home) == NOTHING
    home.rmdir()
    home.write_bytes(b"a file in its place")
    assert found(home) == NOTHING


REST = "../versions/shop/"


@pytest.mark.parametrize(
    ("target", "number"),
    [
        (REST + "0001", "0001"),
        (REST + "0002", "0002"),
        (REST + "123456789", "123456789"),
        (REST + "1", None),
        (REST + "1234567890", None),
        (REST + "000x", None),
        (REST + "0001/", None),
        (REST + ".", None),
        (REST, None),
        (REST + "0001\n", None),
        ("../versions/other/0001", None),
        ("../versions/./shop/0001", None),
        ("../versions/shop/../shop/0001", None),
        ("/etc/acme/versions/shop/0001", None),
        ("/etc/letsencrypt/live/shop", None),
        ("/dev/null", None),
        ("shop", None),
    ],
)
def test_read_versions_link_is_live_or_foreign(home, target, number):
    write_issued(home, "0001")
    link(home, target)
    assert found(home)[:2] == (number, number is None)


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"")], ids=["dir", "file"])
def test_read_versions_non_link_is_foreign(home, make):
    (home / "live").mkdir(parents=True)
    make(home / "live" / "shop")
    assert found(home)[:2] == (None, True)


TO_COME, OVER = {**PENDING, "reloaded": False}, {**ISSUED, "reloaded": True}
ISSUED_TO_COME = {**ISSUED, "reloaded": False}


@pytest.mark.parametrize(
    ("live", "versions", "pending"),
    [
        (None, {}, None),
        (None, {"0001": PENDING}, "0001"),
        (None, {"0001": PENDING, "0002": PENDING}, "0002"),
        (None, {"0001": OVER}, None),
        (None, {"0001": PENDING, "0002": "garbage"}, "0001"),
        (None, {"0001": None}, None),
        ("0001", {"0001": OVER}, None),
        ("0001", {"0001": ISSUED_TO_COME}, None),
        ("0001", {"0001": OVER, "0002": TO_COME}, "0002"),
        ("0001", {"0001": OVER, "0002": ISSUED_TO_COME}, "0002"),
        # Rolled back: what has been live above the link is history.
        ("0001", {"0001": OVER, "0002": OVER}, None),
        ("0001", {"0001": OVER, "0002": OVER, "0003": TO_COME}, "0003"),
        ("0001", {"0001": OVER, "0002": TO_COME, "0003": OVER}, "0002"),
        # Below the link there is nothing to come.
        ("0003", {"0001": TO_COME, "0002": PENDING, "0003": OVER}, None),
        ("0002", {"0001": OVER, "0003": "garbage"}, None),
        ("0009", {"0001": PENDING}, None),
        # By number, not by letter.
        ("9999", {"9999": OVER, "10000": TO_COME}, "10000"),
        (None, {"9999": TO_COME, "10000": TO_COME}, "10000"),
    ],
)
def test_read_versions_pending(home, live, versions, pending):
    for number, fields in versions.items():
        write(home, number, fields)
    if live:
        link(home, REST + live)
    seen = found(home)
    assert (seen.live, seen.foreign, seen.pending) == (live, False, pending)
    assert (seen.manifest is None) == (pending is None)
    assert seen.numbers == sorted(versions, key=int)


def test_read_versions_ignores_other_entries(home):
    write(home, "0001", PENDING)
    for name in (".lock", ".0002.aside", "1", "0003.bak", "latest", "1234567890", "00a1"):
        (home / "versions" / "shop" / name).mkdir()
    (home / "versions" / "shop" / "0004").write_bytes(b"a file of that name")
    assert found(home)[2:4] == ("0001", ["0001", "0004"])


# --- the facts


def facts(home, number="0001"):
    return live_facts(str(home), "shop", number)


def test_live_facts_intact_version(home):
    write_issued(home, "0001")
    assert facts(home) == {
        "version": "0001",
        **{field: ISSUED[field] for field in ("identifiers", "key_type", "profile", "directory", "account_uri")},
        **{field: ISSUED[field] for field in ("serial", "issuer", "not_before", "not_after", "ari_id", "reloaded")},
        "created": ISSUED["created"],
        "revoked": None,
        "missing": [],
        "damaged": [],
        "unreadable": [],
    }


@pytest.mark.parametrize("name", CONTENTS)
def test_live_facts_verifies_each_file(home, name):
    path = write_issued(home, "0001") / name
    before = facts(home)
    path.write_bytes(CONTENTS[name] + b"x")
    assert facts(home) == {**before, "damaged": [name]}
    path.unlink()
    assert facts(home) == {**before, "missing": [name]}
    path.mkdir()
    assert facts(home) == {**before, "damaged": [name]}
    path.rmdir()
    path.symlink_to("nowhere")
    assert facts(home) == {**before, "damaged": [name]}
    path.unlink()
    os.mkfifo(path)
    assert facts(home) == {**before, "damaged": [name]}


@pytest.mark.parametrize("name", CONTENTS)
def test_live_facts_missing_hash_is_damaged(home, name):
    write_issued(home, "0001", files=without(ISSUED["files"], name))
    write_issued(home, "0002", files={**ISSUED["files"], name: None})
    write_issued(home, "0003", files={**ISSUED["files"], name: [ISSUED["files"][name]]})
    for number in ("0001", "0002", "0003"):
        assert facts(home, number)["damaged"] == [name]


def test_live_facts_unreadable_file_is_not_damaged(home, monkeypatch):
    write_issued(home, "0001")

    real = paths.read

    def refusing(path, most, **how):
        if path.endswith("privkey.pem"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, most, **how)

    monkeypatch.setattr(paths, "read", refusing)
    seen = facts(home)
    assert (seen["unreadable"], seen["damaged"], seen["missing"]) == (["privkey.pem"], [], [])


def test_live_facts_huge_file_is_damaged(home):
    with open(write_issued(home, "0001") / "cert.pem", "ab") as file:
        file.truncate(1 << 40)
    assert facts(home)["damaged"] == ["cert.pem"]


@pytest.mark.parametrize(
    "fields",
    [None, "garbage", PENDING, {**ISSUED, "name": "other"}, without(ISSUED, "serial")],
    ids=["missing", "garbage", "not issued", "of another", "incomplete"],
)
def test_live_facts_without_manifest_are_empty(home, fields):
    folder = write(home, "0001", fields)
    for name, data in CONTENTS.items():
        (folder / name).write_bytes(data)
    (folder / "chain.pem").unlink()
    unknown = dict.fromkeys(("key_type", "profile", "directory", "account_uri", "serial", "issuer"))
    dates = dict.fromkeys(("not_before", "not_after", "ari_id", "created"))
    assert facts(home) == {
        "version": "0001",
        "identifiers": [],
        **unknown,
        **dates,
        "reloaded": False,
        "revoked": None,
        "missing": ["chain.pem"],
        "damaged": ["version.json"],
        "unreadable": [],
    }


def test_live_facts_missing_version(home):
    assert facts(home)["missing"] == list(CONTENTS)
    assert facts(home)["damaged"] == ["version.json"]


def test_pending_facts_of_pending_version(home):
    write(home, "0007", {**PENDING, "more": 1})
    assert manifest.pending_facts(str(home), "shop", found(home)) == {
        "version": "0007",
        **{field: PENDING[field] for field in ("identifiers", "key_type", "profile", "directory")},
        **{field: PENDING[field] for field in ("account_uri", "order_uri", "created")},
        **dict.fromkeys(("serial", "issuer", "not_before", "not_after")),
    }
    assert manifest.pending_facts(str(home), "shop", NOTHING) is None


def day(number, hour=12):
    return f"2026-11-{number:02d}T{hour:02d}:00:00Z"


@pytest.mark.parametrize(
    ("versions", "issued"),
    [
        # what version.json has: what is reported of each, its day and whether it was for the same names as one before
        ([], []),
        ([{}], [(23, False)]),
        ([{"not_before": day(8), "created": day(8)}, {}], [(23, True)]),
        ([{"not_before": day(9), "created": day(9)}, {}], [(9, False), (23, True)]),
        ([{"identifiers": ["other.example"]}, {}], [(23, False), (23, False)]),
        ([{}, {"identifiers": ["other.example"]}, {}], [(23, False), (23, False), (23, True)]),
        ([{"directory": "https://other.example/"}, {}], [(23, False), (23, False)]),
        # A CA may date a certificate back; a key may be older than the order.
        ([{"not_before": day(22)}], [(23, False)]),
        ([{"created": day(2)}], [(23, False)]),
        ([{"created": None}], [(23, False)]),
        ([{"created": "soon"}], [(23, False)]),
        # One from another host, or taken over from another program, was not ordered for this one.
        ([{"order_uri": None}, {}], [(23, True)]),
        ([PENDING, {}], [(23, False)]),
        (["garbage", {}], [(23, False)]),
    ],
)
def test_issuances_of_recent_days(home, versions, issued):
    for number, fields in enumerate(versions, 1):
        whole = fields if isinstance(fields, str) or fields is PENDING else {**ISSUED, **fields}
        write(home, f"{number:04d}", whole)
    orders = manifest.counted_orders(found(home))
    assert [(int(item["at"][8:10]), item["renewal"]) for item in orders] == issued
    assert all(set(item) == {"at", "serial", "directory", "identifiers", "renewal"} for item in orders)


def test_issuances_with_pruned_versions(home):
    write(home, "0007", ISSUED)
    assert manifest.counted_orders(found(home))[0]["renewal"] is True


# --- what other code writes


def test_live_facts_written_version_is_intact(home):
    host.make_live(home)
    host.prepare(home)
    seen = read_versions(str(home), "shop")
    assert (seen.live, seen.foreign, seen.pending, seen.numbers) == ("0001", False, "0002", ["0001", "0002"])
    assert live_facts(str(home), "shop", "0001")["damaged"] == []


def test_live_facts_restored_backup_is_damaged(home):
    """Yesterday's key over today's certificate: each file is sound, together they are not what was issued."""
    host.make_live(home)
    host.make_live(home)
    versions = home / "versions" / "shop"
    shutil.copy(versions / "0001" / "privkey.pem", versions / "0002" / "privkey.pem")
    assert live_facts(str(home), "shop", "0002")["damaged"] == ["privkey.pem"]


@pytest.mark.parametrize("name", ["shop", "Shop.example"])
def test_paths_of_link_and_versions(name):
    assert manifest.link_path("/etc/acme", name) == os.path.join("/etc/acme/live", name)
    assert manifest.folder_path("/etc/acme", name) == os.path.join("/etc/acme/versions", name)
    assert manifest.folder_path("/etc/acme", name, "0001", "x") == os.path.join("/etc/acme/versions", name, "0001/x")
