# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests of _status: a CA, a server for the URLs in its certificates, and a look-up."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.clock import Clock
from ansible_collections.certfleet.tls.plugins.module_utils._common.deadline import Deadline
from ansible_collections.certfleet.tls.plugins.module_utils._status.cache import StatusCache
from ansible_collections.certfleet.tls.plugins.module_utils._status.fetch import Fetcher
from ansible_collections.certfleet.tls.plugins.module_utils._status.look_up import LookUp
from tests.unit.host.ca import NOW, Authority, pem
from tests.unit.status.place import Place


@pytest.fixture
def place():
    made = Place()
    yield made
    made.close()


@pytest.fixture(scope="session")
def root():
    return Authority.root()


@pytest.fixture(scope="session")
def issuer(root):
    return root.intermediate()


class Asking:
    """look(certificates...): return their status, as a run does some time after NOW."""

    def __init__(self, folder, chain):
        self.folder = folder
        self.chain = chain
        self.problem = ""

    def __call__(
        self,
        *certificates,
        later=timedelta(0),
        cache=True,
        chain=None,
        timeout=10.0,
        seconds=20.0,
        largest=100_000,
        max_age=6 * 3600,
    ):
        chain = self.chain if chain is None else chain
        clock = Clock(now=lambda: NOW + later, monotonic=time.monotonic)
        fetcher = Fetcher(clock, largest, None, timeout)
        kept = StatusCache(clock, str(self.folder) if cache else None, max_age)
        run = LookUp(fetcher, kept, Deadline(clock, seconds))
        try:
            statuses = run.find_all(
                [one if isinstance(one, str) else pem(one, *chain) for one in certificates], clock.now()
            )
            self.problem = run.save()
        finally:
            fetcher.close()
        return statuses


@pytest.fixture
def look(tmp_path, issuer):
    return Asking(tmp_path / "cache", [issuer.certificate])
