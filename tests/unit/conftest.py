# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of several rooms: a plain environment, a clock that nobody waits for, the scripted CA, account keys."""

from __future__ import annotations

import functools
import os

import pytest

from tests.unit.fake_time import FakeTime


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch, tmp_path):
    """No proxy, CA bundle or .netrc of the machine takes part."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture(autouse=True)
def _no_kept_addresses(monkeypatch):
    """Each test looks up its hosts itself."""
    from ansible_collections.certfleet.tls.plugins.module_utils._acme import bounded

    monkeypatch.setattr(bounded, "_found", {})


@pytest.fixture
def time():
    return FakeTime()


@pytest.fixture
def ca():
    """Yield a CA of which the client breaks no rule."""
    from tests.unit.acme.ca import CA  # its libraries are not those of hosts

    made = CA()
    yield made
    made.close()
    assert made.violations == []


@pytest.fixture(scope="session")
def key_of():
    """key_of(key_type): that kind of key, the same in all tests, as large ones take a while to make."""
    from ansible_collections.certfleet.tls.plugins.module_utils._acme.jws import AccountKey

    return functools.cache(AccountKey.generate)


@pytest.fixture
def key(key_of):
    return key_of("ec256")
