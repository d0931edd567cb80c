# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab

from tests.integration.calls import COLLECTIONS, Result, call
from tests.integration.hosts import Host, Issuer


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), hosts=1, collections_path=COLLECTIONS) as lab:
        yield lab


@pytest.fixture
def ca(lab: Lab, tmp_path: Path) -> Callable[..., Result]:
    """Calls a module that speaks with the CA, with a fresh account key unless another is given."""

    def function(module: str, check: bool = False, **options: Any) -> Result:
        options.setdefault("acme_directory", lab.pebble.directory_url)
        options.setdefault("ca_path", str(lab.pebble.ca_path))
        if module != "acme_directory_info" and "account_key_content" not in options:
            options.setdefault("account_key_src", str(tmp_path / "account-key.pem"))
        return call(lab, module, check=check, **options)

    return function


@pytest.fixture
def host(lab: Lab) -> Host:
    """A host on which nothing has been done."""
    host = Host(lab)
    host.reset()
    return host


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()
