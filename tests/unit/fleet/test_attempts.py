# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts to get a certificate that failed before."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._fleet import attempts
from tests.unit import contracts
from tests.unit.contracts import DIRECTORY

OTHER = "https://other.example/directory"
SETTINGS = {"acme_contact": [], "acme_dns": {"example": {"provider": "rfc2136", "server": "192.0.2.1"}}}


def digest(directories=(DIRECTORY, OTHER), settings=SETTINGS, **entry):
    return attempts.digest(contracts.wanted(**entry), directories, settings)


@pytest.mark.parametrize(
    "change",
    [
        {"identifiers": ("shop.example",)},
        {"identifiers": ({"value": "shop.example", "webroot": "/srv"}, "www.shop.example")},
        {"challenge": "dns-01"},
        {"webroot": "/srv/www"},
        {"http_01_listen": "8080"},
        {"profile": "shortlived"},
        {"not_after": "+6d"},
        {"key_type": "rsa2048"},
        {"directories": (DIRECTORY,)},
        {"settings": {**SETTINGS, "acme_contact": ["mailto:a@b.example"]}},
        {"settings": {**SETTINGS, "acme_dns": {}}},
    ],
    ids=str,
)
def test_digest_differs_with_what_may_mend_an_order(change):
    assert digest(**change) != digest()


@pytest.mark.parametrize(
    "change",
    [
        {"identifiers": tuple(reversed(contracts.NAMES))},
        {"directories": (OTHER, DIRECTORY)},
        {"reload": ("apache2",)},
        {"owner": "www-data"},
    ],
    ids=str,
)
def test_digest_is_the_same_with_what_cannot(change):
    assert digest(**change) == digest()
