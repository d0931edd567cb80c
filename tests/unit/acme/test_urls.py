# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs in a CA's answers: relative ones are resolved, before they are verified like others."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import ProtocolError
from ansible_collections.certfleet.tls.plugins.module_utils._acme.urls import resolve, verify_url

BASE = "https://ca.example/acme/new-order"


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("https://ca.example/order/1", "https://ca.example/order/1"),
        ("/order/1", "https://ca.example/order/1"),
        ("order/1", "https://ca.example/acme/order/1"),
        ("../order/1", "https://ca.example/order/1"),
        ("?order=1", "https://ca.example/acme/new-order?order=1"),
        # Not changed: what is signed has to be what the CA sent.
        ("https://ca.example/a/../b?", "https://ca.example/a/../b?"),
        ("HTTPS://CA.example/", "HTTPS://CA.example/"),
        # Refused later.
        ("//evil.example/", "https://evil.example/"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("//[", "//["),
        ("", ""),
        (None, ""),
        (5, ""),
        (["/order/1"], ""),
    ],
)
def test_resolve_of_answer(url, resolved):
    assert resolve(url, BASE) == resolved


@pytest.mark.parametrize("url", ["//evil.example/", "//[", "//user:secret@ca.example/", "\\\\evil.example/"])
def test_resolve_hostile_url_is_refused_by_verify_url(url):
    with pytest.raises(ProtocolError):
        verify_url(resolve(url, BASE), "https://ca.example/directory")


def test_verify_url_that_no_journal_has_room_for_raises():
    longest = "https://ca.example/" + "x" * (2048 - 19)
    assert verify_url(longest) == longest
    with pytest.raises(ProtocolError, match=r"has 2049 characters, and at most 2048 are supported$"):
        verify_url(longest + "x")
