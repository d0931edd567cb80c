# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private keys as people have them, in files, vaults and environment variables: PEM, DER, JWK.

Standard library only: it validates variables.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
# A SEQUENCE of 256 bytes or less, or of more.
_BASE64_DER = re.compile(rb"M[A-Za-z0-9+/\s]{55,}={0,2}")
_WIDTH = 64  # RFC 7468 section 2
_VAULT = b"$ANSIBLE_VAULT;"


def is_vaulted(data: bytes) -> bool:
    """Return True for the text of ansible-vault."""
    return _VAULT in data[:100]


def pem_of(data: bytes) -> bytes:
    r"""Return the first private key in PEM, each line as RFC 7468 has it; empty if there is none.

    Environment variables have '\n' for the end of a line, or a blank; YAML may leave an indentation.
    """
    found = _PEM.search(data.replace(rb"\r", b"").replace(rb"\n", b"\n"))
    if not found:
        return b""
    label, body = found.groups()
    lines = [line.strip() for line in body.splitlines()]
    # Of an encrypted key in OpenSSL's older form, such as Proc-Type.
    headers = [line for line in lines if b":" in line]
    text = b"".join(b"".join(line.split()) for line in lines if b":" not in line)
    pieces = [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
    return b"\n".join(
        [
            b"-----BEGIN " + label + b"-----",
            *headers,
            *([b""] if headers else []),
            *pieces,
            b"-----END " + label + b"-----",
            b"",
        ]
    )


def der_of(data: bytes) -> bytes:
    """Return a key in DER (a SEQUENCE), which may be in base64 without the lines of PEM; empty if it is not one."""
    text = data.strip()
    if _BASE64_DER.fullmatch(text):
        with suppress(ValueError):
            return base64.b64decode(b"".join(text.split()), validate=True)
    return data if data[:1] == b"\x30" else b""


def jwk_of(data: bytes) -> Mapping[str, Any]:
    """Return a JWK (RFC 7517), such as the private_key.json of certbot; empty if it is not one.

    Before ansible-core 2.19 a template's JSON becomes a mapping, and then a text with Python's quotes.
    """
    text = data.decode("utf-8", "replace").strip()
    for candidate in (text, text.replace("'", '"')) if text.startswith("{") else ():
        with suppress(ValueError, RecursionError):
            found = json.loads(candidate)
            return found if isinstance(found, dict) and isinstance(found.get("kty"), str) else {}
    return {}


def is_key(data: bytes) -> bool:
    """Return True if *data* looks like a private key in one of these encodings."""
    return bool(pem_of(data) or der_of(data) or "d" in jwk_of(data))
