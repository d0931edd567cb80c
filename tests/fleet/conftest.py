# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs for all tests of the session: bringing one up takes longer than a run. Each test finds them as new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.fleet import COLLECTIONS, Fleet
from tests.fleet.plays import Plays
from tests.lab import Lab


@pytest.fixture(scope="session")
def twenty_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Lab(tmp_path_factory.mktemp("lab"), hosts=20, collections_path=COLLECTIONS) as lab:
        yield Fleet(lab, tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="session")
def twenty_hosts_with_zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    options = {"hosts": 20, "dns_zones": True, "collections_path": COLLECTIONS}
    with Lab(tmp_path_factory.mktemp("lab"), **options) as lab:
        yield Fleet(lab, tmp_path_factory.mktemp("zones"))


@pytest.fixture(scope="session")
def three_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Lab(tmp_path_factory.mktemp("lab"), hosts=3, lb=2, collections_path=COLLECTIONS) as lab:
        yield Fleet(lab, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def four_hosts_with_zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    options = {"hosts": 4, "dns_zones": True, "collections_path": COLLECTIONS}
    with Lab(tmp_path_factory.mktemp("lab"), **options) as lab:
        yield Fleet(lab, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def eight_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Lab(tmp_path_factory.mktemp("lab"), hosts=8, collections_path=COLLECTIONS) as lab:
        yield Fleet(lab, tmp_path_factory.mktemp("crowd"))


@pytest.fixture
def fleet(twenty_hosts: Fleet) -> Fleet:
    """Twenty hosts that have never seen the role."""
    twenty_hosts.reset()
    return twenty_hosts


@pytest.fixture
def small(three_hosts: Fleet) -> Fleet:
    """Return three hosts that have never seen the role; lb.lab.test leads to the first two."""
    three_hosts.reset()
    return three_hosts


@pytest.fixture
def plays(small: Fleet, tmp_path: Path) -> Plays:
    """Return a folder for plays over three hosts that have never seen the role."""
    return Plays(small, tmp_path)


@pytest.fixture
def four(four_hosts_with_zones: Fleet) -> Fleet:
    """Four hosts that have never seen the role, and zones with nothing but what they begin with."""
    four_hosts_with_zones.reset()
    four_hosts_with_zones.lab.authorities.clean()
    return four_hosts_with_zones


@pytest.fixture
def eight(eight_hosts: Fleet) -> Fleet:
    """Eight hosts that have never seen the role."""
    eight_hosts.reset()
    return eight_hosts
