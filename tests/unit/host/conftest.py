# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that the tests of hosts share. Only pytest, cryptography and the collection are available here."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import atomic_file
from ansible_collections.certfleet.tls.plugins.module_utils._host.store import files
from tests.unit.host.faults import Disk


@pytest.fixture
def home(quick_path):
    """Return the path of a home that does not exist yet."""
    return quick_path / "acme"


@pytest.fixture
def quick_path(tmp_path):
    """Yield a folder in memory if the system has one, where syncing takes no time."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
        yield Path(path)


@pytest.fixture
def disk(monkeypatch):
    """Have _host/store/files.py change the disk through a Disk: disk(at=3, fault=crash). Gives it."""

    def install(**options):
        made = Disk(**options)
        for module in (files, atomic_file):
            monkeypatch.setattr(module, "os", made)
        return made

    return install


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o177], ids="umask-{:03o}".format)
def any_umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)
