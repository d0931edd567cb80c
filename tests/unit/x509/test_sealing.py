# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets sealed to one receiver: nobody else can open them, and they reveal nothing."""

from __future__ import annotations

from base64 import b64decode, b64encode
from itertools import permutations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._x509 import sealing
from ansible_collections.certfleet.tls.plugins.module_utils._x509.errors import SealError

SECRET = b"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n"


def changed(text, at):
    data = bytearray(b64decode(text))
    data[at] ^= 1
    return b64encode(bytes(data)).decode()


def test_unseal_gives_sealed_secret():
    key = sealing.make_receiving_key()
    sealed = sealing.seal(SECRET, sealing.public_text(key), "shop")
    assert sealing.unseal(sealed, key, "shop") == SECRET
    assert b"secret" not in b64decode(sealed)


def test_seal_twice_gives_different_texts():
    public = sealing.public_text(sealing.make_receiving_key())
    texts = [b64decode(sealing.seal(SECRET, public, "shop")) for _unused in range(3)]
    assert len({text[:65] for text in texts}) == 3, "a key of its own for each"
    assert len({text[65:77] for text in texts}) == 3
    assert len({text[77:] for text in texts}) == 3


def test_unseal_other_key_or_name_is_refused():
    key = sealing.make_receiving_key()
    sealed = sealing.seal(SECRET, sealing.public_text(key), "shop")
    for other, name in ((sealing.make_receiving_key(), "shop"), (key, "mail")):
        with pytest.raises(SealError, match="for another host, another certificate or another run"):
            sealing.unseal(sealed, other, name)


def test_derive_depends_on_both_points():
    points = [sealing._point(sealing.make_receiving_key().public_key()) for _unused in range(3)]
    keys = {sealing._derive(b"secret", *pair) for pair in permutations(points, 2)}
    assert len(keys) == 6


@pytest.mark.parametrize("at", [1, 30, 64, 65, 76, 77, 100, -17, -1])
def test_unseal_changed_bit_is_refused(at):
    key = sealing.make_receiving_key()
    sealed = sealing.seal(SECRET, sealing.public_text(key), "shop")
    with pytest.raises(SealError):
        sealing.unseal(changed(sealed, at), key, "shop")


@pytest.mark.parametrize(
    "text", ["", "!", "AAAA", "A" * 4 * 30, "A" * (1 << 17), "é"], ids=["empty", "no base64", "short", "x", "long", "é"]
)
def test_unseal_damaged_text_is_refused_in_one_line(text):
    with pytest.raises(SealError) as error:
        sealing.unseal(text, sealing.make_receiving_key(), "shop")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "public",
    ["", "!", b64encode(b"\4" + b"\1" * 64).decode(), b64encode(b"\0" * 65).decode(), b64encode(b"\0").decode()],
    ids=["empty", "no base64", "not on the curve", "zeros", "infinity"],
)
def test_seal_invalid_public_key_is_refused(public):
    with pytest.raises(SealError, match="damaged"):
        sealing.seal(SECRET, public, "shop")
