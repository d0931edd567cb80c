# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mode, owner and group of a private key: from options, and against what lies on the disk."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import OptionError
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.attributes import (
    Attributes,
    drift,
    parse_mode,
    resolve,
)

ME, MINE = os.getuid(), os.getgid()
NOBODY = 4_000_000_001  # neither a user nor a group


def resolved(mode="0600", owner=None, group=None):
    return resolve({"mode": mode, "owner": owner, "group": group})


@pytest.mark.parametrize(("text", "mode"), [("0600", 0o600), ("0640", 0o640), ("0400", 0o400), ("0660", 0o660)])
def test_parse_mode_valid(text, mode):
    assert parse_mode(text) == mode


@pytest.mark.parametrize(
    "text", ["", "600", "416", "00600", "0o600", "0800", "u=rw", " 0600", "0600\n", "-600", "1600"]
)
def test_parse_mode_invalid_is_refused_with_example(text):
    with pytest.raises(OptionError, match="give four octal digits in quotes, such as '0640'"):
        parse_mode(text)


@pytest.mark.parametrize("text", ["0604", "0602", "0601", "0644", "0777", "0666"])
def test_parse_mode_readable_by_everybody_is_refused(text):
    with pytest.raises(OptionError, match=f"mode '{text}' would let every user of the host read the private key"):
        parse_mode(text)


@pytest.mark.parametrize("nothing", [None, ""])
def test_resolve_without_owner_and_group_keeps_them(nothing):
    assert resolved(owner=nothing, group=nothing) == Attributes(0o600, -1, -1)


def test_resolve_owner_and_group_by_name_or_number():
    names = {"owner": pwd.getpwuid(ME).pw_name, "group": grp.getgrgid(MINE).gr_name}
    assert resolved("0640", **names) == Attributes(0o640, ME, MINE)
    assert resolved("0640", str(ME), str(MINE)) == Attributes(0o640, ME, MINE)
    assert resolved(owner=str(NOBODY), group=str(NOBODY)) == Attributes(0o600, NOBODY, NOBODY)


def test_resolve_numeric_name_is_looked_up_first(monkeypatch):
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "", 77, 78, "", "", "")))
    assert resolved(owner="1000").uid == 77


@pytest.mark.parametrize("name", ["no-such-one", "-1", "1.5", "0x10", " ", "4294967295", "9" * 30])
def test_resolve_unknown_owner_or_group_is_refused(name):
    with pytest.raises(OptionError) as raised:
        resolved(owner=name)
    assert str(raised.value) == f"owner {name!r} is not a user of this host"
    with pytest.raises(OptionError) as raised:
        resolved(group=name)
    assert str(raised.value) == f"group {name!r} is not a group of this host"


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "privkey.pem"
    path.write_bytes(b"")
    path.chmod(0o644)
    return str(path)


USER, GROUP = pwd.getpwuid(ME).pw_name, grp.getgrgid(MINE).gr_name


@pytest.mark.parametrize(
    ("wanted", "texts"),
    [
        (Attributes(0o644), []),
        (Attributes(0o644, ME, MINE), []),
        (Attributes(0o600), ["privkey.pem mode 0644 instead of 0600"]),
        (Attributes(0o644, NOBODY), [f"privkey.pem owner {USER} instead of {NOBODY}"]),
        (Attributes(0o644, -1, NOBODY), [f"privkey.pem group {GROUP} instead of {NOBODY}"]),
        (
            Attributes(0o640, NOBODY, NOBODY),
            [
                "privkey.pem mode 0644 instead of 0640",
                f"privkey.pem owner {USER} instead of {NOBODY}",
                f"privkey.pem group {GROUP} instead of {NOBODY}",
            ],
        ),
    ],
)
def test_drift_describes_each_difference(key, wanted, texts):
    assert drift(key, wanted) == texts


def test_drift_includes_special_bits(key):
    os.chmod(key, 0o4600)
    assert drift(key, Attributes(0o600)) == ["privkey.pem mode 4600 instead of 0600"]


def test_drift_of_missing_file_is_empty(tmp_path):
    assert drift(str(tmp_path / "none"), Attributes(0o600, NOBODY)) == []
