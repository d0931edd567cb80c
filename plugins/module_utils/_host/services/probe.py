# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connect to services and compare the certificate that they serve with the one on the disk, until it is the same."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..._x509 import certificates
from ..errors import ProbeError
from ..wanted.endpoints import Endpoint
from . import starttls, tls_handshake

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:
    pass  # reported by availability.py, before anything here is called

_MAX_THREADS = 8
_CHUNK = 1 << 14  # bytes
_CONNECTION_TIMEOUT = 10.0  # seconds: a server that reloads may drop a connection, a mail server greets after six
_SHORTEST_TIMEOUT = 1.0  # seconds, also for the last connection, which would else fail only because it is short
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # seconds


def prove_all(
    expected: Sequence[tuple[Endpoint, bytes]],
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Return what is wrong with each endpoint; an empty text if it serves its certificate. *expected*: these (PEM).

    All endpoints are probed in parallel, each until it serves the certificate or its timeout ends: a reload command may
    return before the server has reloaded.
    """
    if not expected:
        return []
    with ThreadPoolExecutor(min(len(expected), _MAX_THREADS)) as pool:
        return list(pool.map(lambda pair: _prove(pair[0], pair[1], monotonic, sleep), expected))


def fetch(
    endpoint: Endpoint, until: float, ciphers: str = "", monotonic: Callable[[], float] = time.monotonic
) -> bytes:
    """Return the certificate (DER) that an endpoint serves. Raises ProbeError, OSError.

    *until*: the end of the attempt, in seconds of *monotonic*. *ciphers*: use TLS 1.2 with only these suites; an empty
    text uses what both sides support.
    """
    left = until - monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    with socket.create_connection((endpoint.address, endpoint.port), timeout=left) as connection:
        if endpoint.starttls:
            starttls.begin(endpoint.starttls, starttls.PlainConnection(connection, until, monotonic))
        served = _served(connection, _context(ciphers), endpoint.server_name, lambda: until - monotonic())
    if not served:
        raise ProbeError("it showed no certificate in the handshake")
    return served


def _served(
    connection: socket.socket, context: ssl.SSLContext, server_name: str | None, left: Callable[[], float]
) -> bytes | None:
    """Return the certificate (DER) that the server shows in a handshake. *left*: returns the seconds that are left."""
    incoming, outgoing, received = ssl.MemoryBIO(), ssl.MemoryBIO(), bytearray()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    try:
        while not _is_done(tls):
            connection.settimeout(max(left(), 0.001))
            connection.sendall(outgoing.read())
            data = connection.recv(_CHUNK)
            received += data
            if data:
                incoming.write(data)
            else:
                incoming.write_eof()
        connection.sendall(outgoing.read())
    except (ssl.SSLError, ConnectionError) as error:
        # If the handshake fails on this side, such as by a wrong signature, the certificate is not trusted.
        by_server = not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError) or "ALERT" in str(error)
        certificate = tls_handshake.find_certificate(bytes(received)) if by_server else b""
        if not certificate:
            raise
        return certificate
    return tls.getpeercert(binary_form=True)


def _is_done(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _prove(endpoint: Endpoint, pem: bytes, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> str:
    expected = ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))
    # A server may have a certificate for each type of key, and choose by what the client supports.
    ways = ("", _ciphers(pem))
    deadline = monotonic() + endpoint.timeout
    pause = _FIRST_PAUSE
    while True:
        problems = []
        for ciphers in ways:
            timeout = min(_CONNECTION_TIMEOUT, max(_SHORTEST_TIMEOUT, deadline - monotonic()))
            try:
                served = fetch(endpoint, monotonic() + timeout, ciphers, monotonic)
            except (ProbeError, OSError, ValueError) as error:  # an invalid address is a ValueError
                problems.append(f"does not show its certificate: {_reason(error)}")
                break
            if served == expected:
                return ""
            problems.append(f"serves serial {_serial(served)} instead of {_serial(expected)}")
        if monotonic() + pause >= deadline:
            # The first problem concerns any client; the second only clients that use these suites.
            return f"{endpoint} {problems[0]} (tried for {endpoint.timeout} seconds)"
        sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _context(ciphers: str) -> ssl.SSLContext:
    """Return a TLS context that accepts every certificate: the probe only reads it, and sends no data."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers((ciphers or "DEFAULT") + ":@SECLEVEL=0")
    except ssl.SSLError:
        pass  # a library without security levels
    return context


def _ciphers(pem: bytes) -> str:
    """Return the cipher suites of TLS 1.2 with which a server shows a certificate for this type of key."""
    key = certificates.load_all(pem.decode("ascii"), "the certificate")[0].public_key()
    return "aRSA" if isinstance(key, rsa.RSAPublicKey) else "aECDSA"


def _serial(der: bytes) -> str:
    try:
        return certificates.serial(x509.load_der_x509_certificate(der))
    except ValueError:
        return "(unreadable)"


def _reason(error: Exception) -> str:
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return f"the TLS handshake failed ({error.reason or error})"
    return getattr(error, "strerror", None) or str(error)
