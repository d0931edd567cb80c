# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate blocks in PEM texts."""

from __future__ import annotations

import binascii

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import pem_blocks

ONE = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----"
TWO = "-----BEGIN CERTIFICATE-----\r\nAw==\r\n-----END CERTIFICATE-----"
MALFORMED = "-----BEGIN CERTIFICATE-----\n!AEC\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("text", "blocks"),
    [("", []), ("no PEM", []), (ONE, [ONE]), (f"subject=x\n{ONE}\n# next\n{TWO}\nend", [ONE, TWO])],
)
def test_split_well_formed_text_gives_its_blocks(text, blocks):
    assert pem_blocks.split(text) == blocks


@pytest.mark.parametrize("text", [MALFORMED, f"{ONE}\n{MALFORMED}", f"{ONE}\n{TWO[:-5]}", pem_blocks.BEGIN])
def test_split_malformed_block_raises_value_error(text):
    with pytest.raises(ValueError, match="malformed PEM block"):
        pem_blocks.split(text)


def test_find_malformed_block_leaves_it_out():
    assert pem_blocks.find(f"{ONE}\n{MALFORMED}\n{TWO}") == [ONE, TWO]


@pytest.mark.parametrize(
    ("block", "der"),
    [(ONE, b"\0\1\2"), (TWO, b"\3"), (ONE.replace("\n", " "), b"\0\1\2")],
    ids=["lines", "CRLF", "folded into one line"],
)
def test_decode_block_gives_der(block, der):
    assert pem_blocks.decode(block) == der


def test_decode_wrong_padding_raises_value_error():
    with pytest.raises(binascii.Error):
        pem_blocks.decode(ONE.replace("AAEC", "AAE"))
