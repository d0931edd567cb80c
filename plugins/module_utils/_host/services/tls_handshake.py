# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate of a server that ends a handshake because it gets none of the client.

Until TLS 1.2 it shows its own first, in clear, but the ssl module gives no certificate of a handshake that failed. With
TLS 1.3 the client is done before the server ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

_HANDSHAKE = 22  # RFC 5246 section 6.2.1: a record is of a kind, a version, a length and that many bytes
_CERTIFICATE, _CERTIFICATE_REQUEST = 11, 13  # section 7.4: a message is of a kind, a length and that many bytes


def shown(received: bytes) -> bytes:
    """The server's certificate (DER) in what came from it, if it asked for one of the client, too; else nothing."""
    in_clear = takewhile(lambda record: record[0] == _HANDSHAKE, _parts(received, 3, 2))
    messages = dict(_parts(b"".join(body for _kind, body in in_clear), 1, 3))
    listed = messages.get(_CERTIFICATE, b"")[3:] if _CERTIFICATE_REQUEST in messages else b""
    return listed[3 : 3 + int.from_bytes(listed[:3], "big")]


def _parts(data: bytes, head: int, size: int) -> Iterator[tuple[int, bytes]]:
    """What *data* is made of, each with *head* bytes, the first its kind, and a length of *size* bytes before it."""
    at = 0
    while len(data) >= at + head + size:
        begin = at + head + size
        end = begin + int.from_bytes(data[at + head : begin], "big")
        if end > len(data):
            return
        yield data[at], data[begin:end]
        at = end
