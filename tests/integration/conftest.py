# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.calls import COLLECTIONS
from tests.integration.hosts import Host, Issuer
from tests.integration.orders import Customer
from tests.lab import Lab


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Yield a lab of one host; a module's PEBBLE is the environment of its CA."""
    env = getattr(request.module, "PEBBLE", {})
    with Lab(tmp_path_factory.mktemp("lab"), hosts=1, collections_path=COLLECTIONS, pebble_env=env) as lab:
        yield lab


@pytest.fixture
def ca(lab: Lab, tmp_path: Path) -> Customer:
    """Call a module that sends requests to the CA, with a new account key unless another is given."""
    return Customer(lab, tmp_path)


@pytest.fixture
def other(lab: Lab, tmp_path: Path) -> Customer:
    """Another customer of the same CA."""
    (tmp_path / "other").mkdir()
    return Customer(lab, tmp_path / "other")


@pytest.fixture
def host(lab: Lab) -> Host:
    """Return a host on which nothing has been done."""
    host = Host(lab)
    host.reset()
    return host


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()
