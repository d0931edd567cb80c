# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in PEM texts (RFC 7468): find them and decode them. Standard library only."""

from __future__ import annotations

import base64
import re

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_BLOCK = re.compile(BEGIN + r"\s[A-Za-z0-9+/=\s]+?" + END)
_MARKER = re.compile("-----(BEGIN|END) ([A-Z0-9 ]+)-----")


def find(text: str) -> list[str]:
    """Return the well-formed certificate blocks in *text*, without what is around them and without a last line end."""
    return _BLOCK.findall(text)


def split(text: str) -> list[str]:
    """Return the certificate blocks in *text* as find() does. Raises ValueError if one of them is malformed."""
    blocks = find(text)
    if len(blocks) != text.count(BEGIN):  # without the malformed block there would be a gap in the chain
        raise ValueError("malformed PEM block")
    return blocks


def is_cut(text: str) -> bool:
    """Return True if *text* ends within a block, of certificates or of anything else, or within its first line."""
    label, end = "", 0
    for marker in _MARKER.finditer(text):
        label, end = (marker[2] if marker[1] == "BEGIN" else ""), marker.end()
    last_line = text[end:].rstrip().rpartition("\n")[2]
    return bool(label) or (last_line != "" and BEGIN.startswith(last_line))


def decode(block: str) -> bytes:
    """Return the DER bytes of a block that find() has returned. Raises ValueError."""
    # By the markers and not by lines: YAML may have folded the lines into one.
    body = block.removeprefix(BEGIN).removesuffix(END)
    return base64.b64decode("".join(body.split()), validate=True)
