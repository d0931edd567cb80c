# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys as people have them: found in their text, without a library."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme import key_encodings

DER = b"\x30\x81" + bytes(range(60))
TEXT = base64.b64encode(DER).decode()
PEM = f"-----BEGIN PRIVATE KEY-----\n{TEXT[:64]}\n{TEXT[64:]}\n-----END PRIVATE KEY-----\n"
ENCRYPTED = (
    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n"
    f"{TEXT[:64]}\n{TEXT[64:]}\n-----END EC PRIVATE KEY-----\n"
)


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.strip(),
        PEM.replace("\n", "\\n"),
        PEM.replace("\n", "\\r\\n"),
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\r"),
        PEM.replace("\n", " "),
        PEM.replace("\n", ""),
        "".join(f"    {line}\n" for line in PEM.splitlines()),
        "".join(f"\t{line}  \n\n" for line in PEM.splitlines()),
        f"\ufeffKey:\n{PEM}",
        f'"{PEM}"',
        f"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{PEM}",
        PEM + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + PEM,
    ],
)
def test_pem_of_mangled_text_is_whole(text):
    assert key_encodings.pem_of(text.encode()).decode() == PEM
    assert key_encodings.is_key(text.encode())


@pytest.mark.parametrize("text", [ENCRYPTED, ENCRYPTED.replace("\n", "\r\n"), ENCRYPTED.replace("\n", "\n  ")])
def test_pem_of_encrypted_text_keeps_headers(text):
    assert key_encodings.pem_of(text.encode()).decode() == ENCRYPTED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        PEM[:-20],
        PEM[5:],
        PEM.replace("PRIVATE", "PUBLIC"),
        PEM.replace("END PRIVATE", "END EC PRIVATE"),
        "/etc/key.pem",
    ],
)
def test_pem_of_other_text_is_empty(text):
    assert key_encodings.pem_of(text.encode()) == b""
    assert not key_encodings.is_key(text.encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (DER, DER),
        (TEXT.encode(), DER),
        (f" {TEXT[:64]}\n  {TEXT[64:]}\n".encode(), DER),
        (b"M" * 70, b""),
        (b"\x02\x01", b""),
        (b"", b""),
    ],
)
def test_der_of_data(data, expected):
    assert key_encodings.der_of(data) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"kty": "EC", "d": "x"}', {"kty": "EC", "d": "x"}),
        ('\n {"kty":"EC"}\n', {"kty": "EC"}),
        ("{'kty': 'EC', 'd': 'x'}", {"kty": "EC", "d": "x"}),
        ('{"kty": 5}', {}),
        ('{"d": "x"}', {}),
        ('["kty"]', {}),
        ("{kty: EC}", {}),
        ("{" * 100_000, {}),
        ("\xff", {}),
        ("", {}),
    ],
)
def test_jwk_of_text(text, expected):
    assert key_encodings.jwk_of(text.encode("latin-1")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$ANSIBLE_VAULT;1.1;AES256\n3262", True),
        ("$ANSIBLE_VAULT;1.2;AES256;prod\n3262", True),
        ("!vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    3262", True),
        (PEM, False),
        ("", False),
    ],
)
def test_is_vaulted_text(text, expected):
    assert key_encodings.is_vaulted(text.encode()) is expected
