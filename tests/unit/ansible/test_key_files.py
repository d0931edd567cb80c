# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of private keys that others can read."""

from __future__ import annotations

import os
import stat
from functools import cache

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AccountKeyError
from ansible_collections.certfleet.tls.plugins.module_utils._ansible import key_files
from ansible_collections.certfleet.tls.plugins.module_utils._ansible.cas import KeySource

ROOT, USER, OTHER = 0, 1000, 1001


@pytest.mark.parametrize(
    ("mode", "owner", "user", "is_open"),
    [
        (0o600, USER, USER, False),
        (0o400, USER, USER, False),
        (0o700, ROOT, ROOT, False),
        (0o640, USER, USER, True),
        (0o644, USER, USER, True),
        (0o620, USER, USER, True),
        (0o604, USER, USER, True),
        (0o601, USER, USER, True),
        (0o777, USER, USER, True),
        # Somebody else's file, given to a group.
        (0o640, ROOT, USER, False),
        (0o440, OTHER, USER, False),
        (0o644, ROOT, USER, True),
        # root could have changed it.
        (0o640, USER, ROOT, True),
        (0o600, USER, ROOT, False),
    ],
)
def test_is_open_to_others(mode, owner, user, is_open):
    assert key_files.is_open_to_others(mode, owner, user) is is_open
    assert key_files.is_open_to_others(stat.S_IFREG | mode, owner, user) is is_open


@pytest.fixture
def warnings(monkeypatch):
    """Return the warnings of the module's result."""
    warned = []
    monkeypatch.setattr(key_files, "_warn_once", cache(warned.append))
    return warned


def source(path, **more):
    return KeySource(src=str(path), **more)


@pytest.fixture
def path(tmp_path, key):
    path = tmp_path / "key.pem"
    path.write_bytes(key.pem())
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("kind", ["account", "private"])
def test_key_file_open_to_others_is_refused(path, kind, warnings):
    role = " (acme_account_key_permissions)" if kind == "account" else ""
    with pytest.raises(AccountKeyError) as raised:
        key_files.load_key(source(path, kind=kind))
    assert str(raised.value) == (
        f"{kind} key {path} is open to others: its mode is 0644. Run chmod 600 {path}, and replace the key if somebody "
        f"may have read it. If modes mean nothing there, set {kind}_key_permissions{role} to 'warn'"
    )
    assert warnings == []


def test_key_file_open_to_others_is_used_with_one_warning_where_asked_for(path, key, warnings):
    given = source(path, permissions="warn")
    for _unused in range(2):
        assert key_files.load_key(given).thumbprint == key.thumbprint
    (warning,) = warnings
    assert warning.startswith(f"account key {path} is open to others")


def test_link_to_a_key_file_counts_by_the_file(path, key, tmp_path):
    link = tmp_path / "link.pem"
    link.symlink_to(path)
    with pytest.raises(AccountKeyError, match="is open to others"):
        key_files.load_key(source(link))
    path.chmod(0o600)
    assert key_files.load_key(source(link)).thumbprint == key.thumbprint


def test_successor_open_to_others_is_refused(path, key_of, warnings):
    path.chmod(0o600)
    new = path.with_name("key.pem.new")
    new.write_bytes(key_of("ec384").pem())
    new.chmod(0o640)
    with pytest.raises(AccountKeyError, match=r"key\.pem\.new is open to others: its mode is 0640"):
        key_files.load_key(source(path))
    given = source(path, permissions="warn")
    assert key_files.load_key(given).successor.thumbprint == key_of("ec384").thumbprint
    assert len(warnings) == 1


def test_given_key_has_no_file_to_look_at(path, key, key_of):
    given = source(path, content=key_of("ec384").pem().decode())
    assert key_files.load_key(given).thumbprint == key_of("ec384").thumbprint


def test_file_system_without_modes_gets_no_key_that_the_next_run_would_refuse(tmp_path, monkeypatch, warnings):
    really = os.fstat

    def without_modes(handle):
        return os.stat_result((stat.S_IFREG | 0o777, *really(handle)[1:]))

    path = tmp_path / "key.pem"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", without_modes)
        with pytest.raises(AccountKeyError, match=r"its mode is 0777.* set account_key_permissions"):
            key_files.load_key(source(path), create=True)
        assert list(tmp_path.iterdir()) == []
        made = key_files.load_key(source(path, permissions="warn"), create=True)
        assert len(warnings) == 1
    assert key_files.load_key(source(path)).thumbprint == made.thumbprint
