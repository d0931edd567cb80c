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


KEY = ONE.replace("CERTIFICATE", "PRIVATE KEY")


@pytest.mark.parametrize(
    "text", ["", "no PEM", ONE, f"{ONE}\n", f"{ONE}\n{TWO}\nend", f"{ONE}\n{KEY}\n{TWO}", MALFORMED]
)
def test_is_cut_whole_text_is_not(text):
    assert not pem_blocks.is_cut(text)


@pytest.mark.parametrize("second", [TWO, KEY], ids=["certificate", "key"])
def test_is_cut_text_that_ends_within_a_block(second):
    cuts = {length for length in range(1, len(second)) if not pem_blocks.is_cut(f"{ONE}\n{second[:length]}")}
    # Within the name of another kind of block nothing of a certificate is missing.
    assert cuts == (set() if second == TWO else set(range(len("-----BEGIN P"), len("-----BEGIN PRIVATE KEY-----"))))


def test_is_cut_many_markers_take_no_time():
    assert pem_blocks.is_cut("-----BEGIN A-----" * 60_000)


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
