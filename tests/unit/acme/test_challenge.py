# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Challenges: a token from a server never becomes a file name unchecked (RFC 8555 section 8)."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.challenge import Challenge
from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import ProtocolError
from tests.unit.acme.server import NAMESPACE


def test_key_authorization_token_and_thumbprint_joined(key):
    # RFC 8555 section 8.1
    challenge = Challenge.parse({"type": "http-01", "token": "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"})
    assert challenge.key_authorization(key) == f"evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA.{key.thumbprint}"


@pytest.mark.parametrize("token", ["-" * 22, "_" * 22, "A" * 200])
def test_key_authorization_valid_tokens(key, token):
    assert Challenge.parse({"token": token}).key_authorization(key) == f"{token}.{key.thumbprint}"


@pytest.mark.parametrize(
    "token",
    [
        "",
        None,
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "a b",
        "a\n",
        "\na",
        "a\x00",
        "a.b",
        "a=",
        "a+b",
        "$(id)",
        "a;id",
        "\u00e4",
        "\u0661",
        "a" * 21,  # less than 128 bits
        "a" * 201,
        {"a": 1},
        ["a"],
    ],
)
def test_key_authorization_invalid_tokens_raise(key, token):
    challenge = Challenge.parse({"type": "http-01", "token": token})
    with pytest.raises(
        ProtocolError, match=r"^the CA gave a http-01 token that RFC 8555 does not allow: it is not used$"
    ):
        challenge.key_authorization(key)


@pytest.mark.parametrize(
    ("document", "kind", "status", "error"),
    [
        ({}, "unknown", "pending", None),
        ({"type": None, "status": None, "url": None}, "None", "pending", None),
        ({"type": "http-01", "status": "processing"}, "http-01", "processing", None),
        ({"type": "x\x1b[31m\ny" + "z" * 100}, "x [31m y" + "z" * 49 + "...", "pending", None),
        (
            {"type": "http-01", "error": {"type": NAMESPACE + "dns", "detail": "NXDOMAIN"}},
            "http-01",
            "pending",
            "dns: NXDOMAIN",
        ),
        ({"type": "http-01", "error": {}}, "http-01", "pending", None),
    ],
)
def test_parse_any_document(document, kind, status, error):
    challenge = Challenge.parse(document)
    assert (challenge.type, challenge.status, challenge.url) == (kind, status, "")
    assert str(challenge.error) == str(error)
