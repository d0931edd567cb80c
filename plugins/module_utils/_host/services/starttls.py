# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Speak the cleartext part of the protocols that start TLS on request (STARTTLS and its relatives)."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable

from ..errors import ProbeError

_MAX_LENGTH = 1 << 14  # bytes of a server's answers; real ones are much shorter
# RFC 4511 section 4.14.1: an ExtendedRequest, message 1, for 1.3.6.1.4.1.1466.20037.
_LDAP_REQUEST = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
# PostgreSQL's protocol, "SSLRequest": length 8, code 80877103.
_POSTGRES_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class PlainConnection:
    """A connection before TLS. Reading is limited in size and in time. until: seconds of *monotonic*."""

    def __init__(
        self, connection: socket.socket, until: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._connection = connection
        self._until = until
        self._monotonic = monotonic
        self._read = 0

    def send(self, data: bytes) -> None:
        """Send all of *data*. Raises OSError."""
        self._connection.settimeout(self._left())
        self._connection.sendall(data)

    def read(self, count: int) -> bytes:
        """Return exactly *count* bytes: what follows may be TLS. Raises ProbeError, OSError."""
        data = b""
        while len(data) < count:
            self._connection.settimeout(self._left())
            more = self._connection.recv(count - len(data))
            if not more:
                raise ProbeError("the server closed the connection before TLS began")
            data += more
            self._read += len(more)
            if self._read > _MAX_LENGTH:
                raise ProbeError("the server sent too much before TLS began")
        return data

    def line(self) -> str:
        """Return a line without its end. Raises ProbeError, OSError."""
        data = b""
        while not data.endswith(b"\n"):
            data += self.read(1)
        return data.decode("ascii", "replace").rstrip("\r\n")

    def _left(self) -> float:
        left = self._until - self._monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        return left


def begin(protocol: str, plain: PlainConnection) -> None:
    """Ask the server to start TLS. Raises ProbeError if it refuses, and OSError."""
    _BEGINNINGS[protocol](plain)


def _smtp(plain: PlainConnection) -> None:
    # RFC 3207, and RFC 5321 section 4.2.1: a hyphen after the code says that another line follows.
    _expect_line(plain, "220", r"...-")
    plain.send(b"EHLO localhost\r\n")
    _expect_line(plain, "250", r"...-")
    plain.send(b"STARTTLS\r\n")
    _expect_line(plain, "220", r"...-")


def _imap(plain: PlainConnection) -> None:
    # RFC 3501 section 6.2.1
    _expect_line(plain, "* OK")
    plain.send(b"a STARTTLS\r\n")
    _expect_line(plain, "a OK", r"\* ")


def _pop3(plain: PlainConnection) -> None:
    # RFC 2595 section 4
    _expect_line(plain, "+OK")
    plain.send(b"STLS\r\n")
    _expect_line(plain, "+OK")


def _ldap(plain: PlainConnection) -> None:
    plain.send(_LDAP_REQUEST)
    tag, content = _element(plain.read)
    # RFC 4511 section 4.2: messageID, then ExtendedResponse [APPLICATION 24], whose first element is the resultCode.
    if tag != 0x30:
        raise ProbeError("the server's answer to StartTLS is not LDAP")
    message = _reader(content)
    _element(message)
    tag, response = _element(message)
    code = _element(_reader(response))[1]
    if tag != 0x78 or code != b"\0":
        raise ProbeError(f"the server refused to start TLS: LDAP result {int.from_bytes(code, 'big')}")


def _postgres(plain: PlainConnection) -> None:
    plain.send(_POSTGRES_REQUEST)
    answer = plain.read(1)
    _expect(answer != b"N", "ssl is off")
    _expect(answer == b"S", "the answer is not PostgreSQL's")  # or an error, as with too many connections


def _element(read: Callable[[int], bytes]) -> tuple[int, bytes]:
    """Return the tag and the content of a BER element of definite length (RFC 4511 section 5.1)."""
    tag, length = read(2)
    if length & 0x80:
        length = int.from_bytes(read(length & 0x7F), "big")
    if length > _MAX_LENGTH:
        raise ProbeError("the server sent too much before TLS began")
    return tag, read(length)


def _reader(data: bytes) -> Callable[[int], bytes]:
    rest = bytearray(data)

    def read(count: int) -> bytes:
        if len(rest) < count:
            raise ProbeError("the server's answer to StartTLS is not LDAP")
        taken = bytes(rest[:count])
        del rest[:count]
        return taken

    return read


def _expect_line(plain: PlainConnection, accepted: str, passed_over: str | None = None) -> None:
    """Read a line that begins with *accepted*. *passed_over*: a regular expression for the lines before it.

    Raises ProbeError for another line, and OSError.
    """
    line = plain.line()
    while passed_over and re.match(passed_over, line):
        line = plain.line()
    _expect(line.startswith(accepted), line)


def _expect(accepted: bool, answer: str) -> None:
    if not accepted:
        raise ProbeError(f"the server refused to start TLS: {answer[:200]}")


_BEGINNINGS = {"smtp": _smtp, "imap": _imap, "pop3": _pop3, "ldap": _ldap, "postgres": _postgres}
