# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the certificate of a server that fails a handshake because the client has no certificate.

Up to TLS 1.2 the server sends its certificate first, in clear, but the ssl module gives no certificate of a failed
handshake. With TLS 1.3 the client has finished before the server ends the handshake.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

_HANDSHAKE = 22  # RFC 5246 section 6.2.1: a record has a type, a version, a length and that many bytes
_CERTIFICATE, _CERTIFICATE_REQUEST = 11, 13  # section 7.4: a message has a type, a length and that many bytes


def find_certificate(received: bytes) -> bytes:
    """Return the server's certificate (DER) in the received bytes, if it asked the client for one; else no bytes."""
    in_clear = takewhile(lambda record: record[0] == _HANDSHAKE, _parts(received, 3, 2))
    messages = dict(_parts(b"".join(body for _kind, body in in_clear), 1, 3))
    listed = messages.get(_CERTIFICATE, b"")[3:] if _CERTIFICATE_REQUEST in messages else b""
    return listed[3 : 3 + int.from_bytes(listed[:3], "big")]


def _parts(data: bytes, head: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the body of each part of *data*.

    Each body follows *head* bytes, of which the first is its type, and a length of *size* bytes.
    """
    at = 0
    while len(data) >= at + head + size:
        begin = at + head + size
        end = begin + int.from_bytes(data[at + head : begin], "big")
        if end > len(data):
            return
        yield data[at], data[begin:end]
        at = end
