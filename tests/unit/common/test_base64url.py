# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""base64url without padding (RFC 8555 section 6.1)."""

from __future__ import annotations

import binascii

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common import base64url


@pytest.mark.parametrize(("data", "text"), [(b"", ""), (b"a", "YQ"), (b"\xff\xef", "_-8"), (b"\xfb\xff\xbf", "-_-_")])
def test_encode_bytes_gives_text_without_padding(data, text):
    assert base64url.encode(data) == text


@pytest.mark.parametrize(("text", "data"), [("YQ", b"a"), ("YQ==", b"a"), ("YQ=", b"a"), ("_-8", b"\xff\xef")])
def test_decode_with_or_without_padding_gives_bytes(text, data):
    assert base64url.decode(text) == data


@pytest.mark.parametrize("text", ["", "ab cd", "abc+", "abc/", "YQ\n", "YQ===", "é"])
def test_decode_malformed_text_raises_value_error(text):
    with pytest.raises(ValueError, match="not base64url"):
        base64url.decode(text)


def test_decode_impossible_length_raises_value_error():
    with pytest.raises(binascii.Error):
        base64url.decode("a")
