# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests that give modules' options to their logic: a second CA, an account key, options."""

from __future__ import annotations

import pytest


@pytest.fixture
def second():
    """Yield a second CA."""
    from tests.unit.acme.ca import CA  # its libraries are not those of hosts

    made = CA()
    yield made
    made.close()
    assert made.violations == []


@pytest.fixture
def path(tmp_path, key):
    """Return the account key's file."""
    path = tmp_path / "account-key.pem"
    path.write_bytes(key.pem())
    path.chmod(0o600)
    return path


@pytest.fixture
def options(ca, path):
    """options(...): those of acme_account, as Ansible gives them."""

    def options_(*others, **more):
        return {
            "acme_directory": [f"{one.url}/directory" for one in (ca, *others)],
            "ca_path": None,
            "request_timeout": 20,
            "account_key_src": str(path),
            "account_key_content": None,
            "account_key_passphrase": None,
            "account_key_permissions": "strict",
            "account_key_create": False,
            "account_key_type": "ec256",
            "account_uri": None,
            "contact": None,
            "terms_agreed": True,
            "eab": None,
            "new_account_key_content": None,
            "new_account_key_passphrase": None,
            "state": "present",
            "rollover": False,
            "dns_persist_names": [],
            **more,
        }

    return options_
