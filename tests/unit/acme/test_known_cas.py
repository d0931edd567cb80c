# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known CAs, and their names in messages."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import (
    SHORT_NAMES,
    is_lets_encrypt,
    name_of,
)


@pytest.mark.parametrize(
    ("url", "name", "lets_encrypt"),
    [
        (SHORT_NAMES["letsencrypt"], "Let's Encrypt", True),
        (SHORT_NAMES["letsencrypt-staging"], "Let's Encrypt (staging)", True),
        (SHORT_NAMES["zerossl"], "ZeroSSL", False),
        (SHORT_NAMES["google-staging"], "Google Trust Services (staging)", False),
        (SHORT_NAMES["sslcom-rsa"], "SSL.com", False),
        ("https://ca.internal:9000/acme/acme/directory", "ca.internal:9000", False),
        (
            "https://acme-v02.api.letsencrypt.org.evil.example/directory",
            "acme-v02.api.letsencrypt.org.evil.example",
            False,
        ),
        ("http://[::1]:14000/dir", "[::1]:14000", False),
        ("", "", False),
    ],
)
def test_name_of_directory(url, name, lets_encrypt):
    assert (name_of(url), is_lets_encrypt(url)) == (name, lets_encrypt)


@pytest.mark.parametrize("short_name", sorted(SHORT_NAMES))
def test_name_of_every_known_ca_is_not_its_host(short_name):
    assert name_of(SHORT_NAMES[short_name]) not in SHORT_NAMES[short_name]
